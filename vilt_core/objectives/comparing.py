"""Comparing: the first token tells how the two things that a text names differ.

Not in the paper. "Is the cat left of the dog?" joins a word with the sign of a difference, and
either alone says nothing about the answer: as with every exclusive or, there is no slope to go down
at first. The difference itself is a slope.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import smooth_l1_loss


def comparing(found: Float[Tensor, "b 3"], truth: Float[Tensor, "b 3"]) -> Float[Tensor, ""]:
    """Mean smooth L1 distance over the differences asked about; 0 where there is none.

    Args:
        found: (x, y, number) of the first thing less those of the second, as read off the text.
        truth: likewise, places as ``scaled`` has them; NaN where a difference is not asked.
    """
    asked = ~truth.isnan()
    missed = smooth_l1_loss(found[asked].float(), truth[asked].float(), reduction="sum", beta=0.5)
    return missed / asked.sum().clamp(min=1)


def asked_differences(truth: Float[Tensor, "b 3"]) -> int:
    """Over how many differences ``comparing`` takes its mean."""
    return int((~torch.isnan(truth)).sum())
