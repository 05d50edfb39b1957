"""Retrieval (section 4.4): the true text of a picture against others, 15 of them in the paper."""

import torch
from jaxtyping import Float
from torch import Tensor


def ranking(scores: Float[Tensor, "b candidates"]) -> Float[Tensor, ""]:
    """Cross-entropy of the true candidate, which stands in column 0, among all of its row.

    Args:
        scores: of each candidate of each row, any real numbers.
    """
    return -torch.log_softmax(scores.float(), dim=1)[:, 0].mean()
