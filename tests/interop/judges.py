"""What tests of checkpoints ask again and again: is it the same model, and how is this refused?"""

from collections.abc import Callable

import pytest
import torch
from torch import nn


def same(left: nn.Module, right: nn.Module) -> bool:
    """Whether two models have the same parameters, bit by bit."""
    before, after = left.state_dict(), right.state_dict()
    return before.keys() == after.keys() and all(
        torch.equal(before[name], after[name]) for name in before
    )


def refusal_of(read: Callable[..., object], *arguments: object, **options: object) -> str:
    """The one sentence of the ValueError that a call raises."""
    with pytest.raises(ValueError, match=r".+") as caught:
        read(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)
