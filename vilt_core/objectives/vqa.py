"""Visual question answering as classification over an answer list (section 4.2)."""

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy


def vqa(logits: Float[Tensor, "b k"], targets: Float[Tensor, "b k"]) -> Float[Tensor, ""]:
    """Binary cross-entropy against soft scores, summed over the answers, averaged over the batch.

    For data where annotators disagree (VQAv2), as published.
    """
    return binary_cross_entropy_with_logits(logits.float(), targets, reduction="sum") / len(logits)


def vqa_single(logits: Float[Tensor, "b k"], answers: Int[Tensor, " b"]) -> Float[Tensor, ""]:
    """Cross-entropy, for data where every question has exactly one true answer."""
    return cross_entropy(logits.float(), answers)
