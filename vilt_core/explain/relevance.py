"""Gradient relevance: attention weighted by what it does for the answer (Chefer et al., ICCV 2021).

"Generic Attention-model Explainability for Interpreting Bi-Modal and Encoder-Decoder Transformers",
section 3, the rule for self-attention, which is all that a single-stream model like ViLT needs.
"""

from collections.abc import Sequence

import torch
from einops import reduce
from jaxtyping import Float
from torch import Tensor

from vilt_core.explain.inquiry import Inquiry


def relevance(
    attentions: Sequence[Float[Tensor, "b h s s"]], gradients: Sequence[Float[Tensor, "b h s s"]]
) -> Float[Tensor, "b s s"]:
    """How much each input token counts in each output token, rows are outputs.

    Equations 5 and 6: R = I, then for every block R <- R + Ā R with Ā the mean over heads of the
    positive part of (gradient x weight).

    Args:
        attentions: the weights of every block, first to last.
        gradients: of one number that came out of the model, by these weights.

    Raises:
        ValueError: no block, or not one gradient a block.
    """
    if not attentions or len(attentions) != len(gradients):
        raise ValueError(
            "relevance needs weights and gradients of the same blocks, "
            f"got {len(attentions)} and {len(gradients)}"
        )
    first = attentions[0]
    found = torch.eye(first.shape[-1], dtype=first.dtype, device=first.device)
    found = found.expand(len(first), -1, -1)
    for weights, gradient in zip(attentions, gradients, strict=True):
        counts = (gradient * weights).clamp(min=0)
        found = found + reduce(counts, "b h queries keys -> b queries keys", "mean") @ found
    return found


def answer_relevance(inquiry: Inquiry, answer: int) -> Float[Tensor, " s"]:
    """What each token counts in an answer: the row of [CLS], which the heads read.

    The share that [CLS] has of itself, which the identity brings in, is left out.

    Args:
        inquiry: the question.
        answer: its place among the model's answers; gradients are of its logit.
    """
    with torch.inference_mode(mode=False), torch.enable_grad():
        joint = inquiry.joint().detach().requires_grad_()
        encoded = inquiry.model.encoder(joint, return_attentions=True)
        attentions = encoded.attentions
        assert attentions is not None
        logits = inquiry.model.head("vqa")(inquiry.model.pooler(encoded.tokens[:, 0]))
        gradients = torch.autograd.grad(logits[0, answer], attentions)
    row = relevance([weights.detach() for weights in attentions], gradients)[0, 0].clone()
    row[0] = 0
    return row
