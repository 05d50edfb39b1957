"""Masked language modelling (section 3.2): which piece stood under the mask?"""

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

IGNORED = -100  # label of a token that is not asked about


def mlm(logits: Float[Tensor, "*tokens k"], labels: Int[Tensor, "*tokens"]) -> Float[Tensor, ""]:
    """Mean cross-entropy over the tokens asked about; 0 where there is none.

    Args:
        logits: scores over the vocabulary.
        labels: the true ids, ``IGNORED`` elsewhere.
    """
    logits, labels = logits.flatten(0, -2), labels.flatten()
    asked = labels != IGNORED
    total = cross_entropy(logits.float(), labels, ignore_index=IGNORED, reduction="sum")
    return total / asked.sum().clamp(min=1)
