"""Visual question answering as classification over an answer list (section 4.3)."""

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from vilt_core.objectives.mlm import IGNORED


def vqa(logits: Float[Tensor, "b k"], targets: Float[Tensor, "b k"]) -> Float[Tensor, ""]:
    """Binary cross-entropy against soft scores, summed over the answers, averaged over the batch.

    For data where annotators disagree (VQAv2), as published.
    """
    return binary_cross_entropy_with_logits(logits.float(), targets, reduction="sum") / len(logits)


def vqa_single(logits: Float[Tensor, "b k"], answers: Int[Tensor, " b"]) -> Float[Tensor, ""]:
    """Cross-entropy, for data where every question has exactly one true answer.

    The mean over the questions whose answer is one of the classes; 0 where there is none.

    Args:
        logits: scores of the answers.
        answers: the true ones, ``IGNORED`` where an answer is not in the list.
    """
    total = cross_entropy(logits.float(), answers, ignore_index=IGNORED, reduction="sum")
    return total / (answers != IGNORED).sum().clamp(min=1)
