"""One answer, many explanations: how much each patch and each word counts in it, by six methods."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from vilt_core.explain.attention import head_mean
from vilt_core.explain.inquiry import Inquiry
from vilt_core.explain.integrated_gradients import answer_gradients
from vilt_core.explain.occlusion import answer_occlusion
from vilt_core.explain.relevance import answer_relevance
from vilt_core.explain.rollout import rollout
from vilt_core.layers.fusion import split
from vilt_core.transport import cosine_cost, ipot


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What counted in one answer, by one method.

    Numbers of different methods have different units; within one, more is more. Integrated
    gradients and occlusion have signs: below 0 speaks against the answer.
    """

    method: str
    answer: str
    words: tuple[str, ...]
    heat: Float[np.ndarray, "rows columns"]  # of the patches
    word_heat: Float[np.ndarray, " m"]


@torch.no_grad()
def transported(inquiry: Inquiry, answer: int | None = None) -> Float[Tensor, " s"]:
    """What the optimal transport of words to patches carries: mass x cosine, summed either way.

    As ``Alignment.heatmap``, over all words. It knows nothing of the answer.
    """
    del answer
    output = inquiry.model(inquiry.text, inquiry.patches)
    words = output.text[:, 1:-1].double()
    cost = cosine_cost(words, output.image.double())
    carried = ipot(cost, beta=0.5, iterations=50) * (1 - cost).clamp(min=0)
    return torch.cat(
        [_none(carried, 1), carried[0].sum(dim=1), _none(carried, 2), carried[0].sum(dim=0)]
    )


@torch.no_grad()
def attended(inquiry: Inquiry, answer: int | None = None) -> Float[Tensor, " s"]:
    """Where [CLS] looks in the last block, mean over the heads. It knows nothing of the answer."""
    del answer
    last = len(inquiry.model.encoder.blocks)
    output = inquiry.model.encoder(inquiry.joint(), attention_of=last)
    assert output.attentions is not None
    return head_mean(output.attentions[-1])[0, 0]


@torch.no_grad()
def rolled_out(inquiry: Inquiry, answer: int | None = None) -> Float[Tensor, " s"]:
    """What of each token arrives at [CLS] through all blocks. It knows nothing of the answer."""
    del answer
    output = inquiry.model.encoder(inquiry.joint(), return_attentions=True)
    assert output.attentions is not None
    return rollout(output.attentions)[0, 0]


METHODS: dict[str, Callable[[Inquiry, int], Tensor]] = {
    "transport": transported,
    "attention": attended,
    "rollout": rolled_out,
    "relevance": answer_relevance,
    "gradients": answer_gradients,
    "occlusion": answer_occlusion,
}
METHOD_NAMES = {
    "transport": "optimal transport",
    "attention": "attention of [CLS]",
    "rollout": "attention rollout",
    "relevance": "gradient relevance",
    "gradients": "integrated gradients",
    "occlusion": "occlusion",
}


def likeliest(inquiry: Inquiry) -> int:
    """The place of the model's answer."""
    return int(inquiry.logits()[0].argmax())


def explain(
    inquiry: Inquiry, answers: tuple[str, ...], *, method: str, answer: int | None = None
) -> Explanation:
    """Explain one answer by one method.

    Args:
        inquiry: the question.
        answers: what the model chooses from.
        method: one of METHODS.
        answer: the place of the answer to explain; the likeliest by default.

    Raises:
        ValueError: no such method or answer.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r:.60}")
    answer = likeliest(inquiry) if answer is None else answer
    if not 0 <= answer < len(answers):
        raise ValueError(f"the model has {len(answers)} answers, got number {answer}")
    found = METHODS[method](inquiry, answer).double().cpu()
    words, _, patches = split(found[None, :, None], text_tokens=inquiry.text_tokens)
    said = words[0, :, 0].numpy()
    return Explanation(
        method=method,
        answer=answers[answer],
        words=tuple(word.text for word in inquiry.words),
        heat=patches[0, :, 0].numpy().reshape(inquiry.patches.grid),
        word_heat=np.array([said[list(word.tokens)].sum() for word in inquiry.words]),
    )


def _none(like: Tensor, count: int) -> Tensor:
    return like.new_zeros(count)
