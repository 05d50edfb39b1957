"""Referring expressions: which of a picture's regions is meant (ViLBERT, section 3.2)."""

from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

IOU = 0.5  # of a region with what is meant, from which on it is the one


def referring(
    scores: Float[Tensor, "b n"], overlap: Float[Tensor, "b n"], mask: Bool[Tensor, "b n"]
) -> Float[Tensor, ""]:
    """Binary cross-entropy of every region, summed over them, averaged over the expressions.

    As the paper has it; its code takes the overlap itself for the truth, where that is 0.5 or more.

    Args:
        scores: how well each region fits the expression, as logits.
        overlap: intersection over union with what is meant.
        mask: True where a region is real.
    """
    truth = (overlap >= IOU).float()
    each = binary_cross_entropy_with_logits(scores.float(), truth, reduction="none")
    return (each * mask).sum() / max(len(scores), 1)
