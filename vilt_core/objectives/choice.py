"""Multiple choice: the true one of a few candidates (VCR; ViLBERT, section 3.2)."""

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy


def choice(scores: Float[Tensor, "b candidates"], truth: Int[Tensor, " b"]) -> Float[Tensor, ""]:
    """Cross-entropy of the true candidate among all of its row.

    Args:
        scores: of each candidate, any real numbers.
        truth: which of them is true.
    """
    return cross_entropy(scores.float(), truth)
