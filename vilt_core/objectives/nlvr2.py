"""NLVR2 (section 4.3): is the statement true of the two pictures?"""

from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import cross_entropy


def nlvr2(logits: Float[Tensor, "b 2"], truth: Bool[Tensor, " b"]) -> Float[Tensor, ""]:
    """Cross-entropy of (false, true) against the truth.

    Args:
        logits: scores of the two classes, from both pooled vectors of a pair.
        truth: whether the statement holds.
    """
    return cross_entropy(logits.float(), truth.long())
