"""Weights in eight bits each: every row of a matrix as whole numbers with one scale for all.

A row is all that has the same first index: of a kernel, what makes one channel.

A model that ships is downloaded more often than it is trained: rounding its matrices halves its
file beside half precision. What is rounded is what is many: matrices, tables and kernels. Norms and
biases are few and stay in half precision; scales are float32.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from jaxtyping import Float, Int8
from torch import Tensor

SCALE = ".scale"  # after a tensor's name: that of its rows' scales
LARGEST = 127  # of a whole number, in either direction: zero stays zero


def rounded(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same weights in eight bits, with their scales beside them.

    Args:
        state: By name, on the CPU. What is no matrix of floats is kept, floats in half precision.
    """
    held: dict[str, Tensor] = {}
    for name, value in state.items():
        if not value.is_floating_point():
            held[name] = value
        elif value.ndim < 2:
            held[name] = value.to(torch.float16)
        else:
            whole, held[name + SCALE] = _rounded(value.float().flatten(1))
            held[name] = whole.view(value.shape)
    return held


def unrounded(state: Mapping[str, Tensor], *, source: Path) -> dict[str, Tensor]:
    """The weights as float32 where they are in eight bits, and as they are elsewhere.

    Args:
        state: As read.
        source: For the message.

    Raises:
        ValueError: Matrices in eight bits without a scale for every row.
    """
    held = dict(state)
    for name, whole in state.items():
        if whole.dtype != torch.int8:
            continue
        scale = held.pop(name + SCALE, None)
        if scale is None or whole.ndim < 2 or scale.shape != whole.shape[:1]:
            raise ValueError(f"{source}: {name} in eight bits must have one scale for every row")
        held[name] = (whole.float().flatten(1) * scale.float()[:, None]).view(whole.shape)
    return held


def _rounded(rows: Float[Tensor, "r d"]) -> tuple[Int8[Tensor, "r d"], Float[Tensor, " r"]]:
    largest = rows.abs().amax(dim=1)
    # A row that is not finite has no finite scale: it is refused when it is read.
    scale = torch.where(largest == 0, torch.ones_like(largest), largest) / LARGEST
    return (rows / scale[:, None]).round().to(torch.int8), scale
