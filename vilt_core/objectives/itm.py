"""Image-text matching (section 3.2): does this text speak of this image?"""

from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import cross_entropy


def itm(logits: Float[Tensor, "b 2"], matched: Bool[Tensor, " b"]) -> Float[Tensor, ""]:
    """Cross-entropy of (does not match, matches) against the truth; 0 where there is no pair.

    Args:
        logits: scores of the two classes; row 1 of the head is "matches", as published.
        matched: the truth.
    """
    total = cross_entropy(logits.float(), matched.long(), reduction="sum")
    return total / max(len(matched), 1)
