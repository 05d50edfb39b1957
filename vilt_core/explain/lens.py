"""Early answers: what the model would say if it stopped after a layer.

The logit lens (nostalgebraist, "interpreting GPT: the logit lens", 2020) on ViLT: the state of
[CLS] after every block goes through the final norm, the pooler and the VQA head, as the last one
does.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from vilt_core.explain.inquiry import Inquiry


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """The likeliest answers by layer."""

    answers: tuple[str, ...]  # each is among the likeliest of some layer; the final one's first
    probabilities: Float[np.ndarray, "layers k"]  # of these answers; row 0 is the embedding
    said: tuple[str, ...]  # the likeliest answer of every layer


@torch.no_grad()
def answers_by_layer(inquiry: Inquiry) -> Float[Tensor, "layers k"]:
    """Probabilities of all answers after the embedding and after every block; the last is true."""
    model = inquiry.model
    states = model.encoder(inquiry.joint(), return_states=True).states
    assert states is not None
    first = torch.cat([state[:, 0] for state in states])
    logits = model.head("vqa")(model.pooler(model.encoder.norm(first)))
    return logits.double().softmax(dim=-1)


def lens(inquiry: Inquiry, answers: tuple[str, ...], *, top_k: int = 5) -> Lens:
    """The final answers' way up, beside what was likeliest on the way.

    Args:
        inquiry: the question.
        answers: what the model chooses from.
        top_k: how many of the final answers; answers that lead on the way come on top.
    """
    chances = answers_by_layer(inquiry)
    final = chances[-1].argsort(descending=True)[:top_k].tolist()
    leading = chances.argmax(dim=-1).tolist()
    chosen = list(dict.fromkeys([*final, *leading]))
    return Lens(
        answers=tuple(answers[at] for at in chosen),
        probabilities=chances[:, chosen].cpu().numpy(),
        said=tuple(answers[at] for at in leading),
    )
