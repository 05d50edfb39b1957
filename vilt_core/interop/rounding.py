"""Weights in eight bits each: every row of a matrix as whole numbers with one scale for all.

A model that ships is downloaded more often than it is trained: rounding its matrices halves its
file beside half precision. What is rounded is what is many: matrices, tables and kernels. Norms and
biases are few and stay in half precision.
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

    Raises:
        ValueError: A name that would be taken for another tensor's scales.
    """
    held: dict[str, Tensor] = {}
    for name, value in state.items():
        if name.endswith(SCALE):
            raise ValueError(f"no weight may be called {name}, it would be read as a scale")
        if not value.is_floating_point():
            held[name] = value
        elif value.ndim < 2:
            held[name] = value.to(torch.float16)
        else:
            whole, held[name + SCALE] = _rounded(value.float().flatten(1))
            held[name] = whole.view(value.shape)
    return held


def unrounded(state: Mapping[str, Tensor], *, source: Path) -> dict[str, Tensor]:
    """The weights as float32 where they have scales, and as they are where they have none.

    Args:
        state: As read.
        source: For the message.

    Raises:
        ValueError: Scales of nothing that is there in eight bits, or of another number of rows.
    """
    held = {name: value for name, value in state.items() if not name.endswith(SCALE)}
    for name in sorted(state.keys() - held.keys()):
        of, scale = name.removesuffix(SCALE), state[name]
        whole = held.get(of)
        if whole is None or whole.dtype != torch.int8 or scale.shape != whole.shape[:1]:
            raise ValueError(
                f"{source}: {name} must hold one scale for every row of {of} in eight bits"
            )
        held[of] = (whole.float().flatten(1) * scale.float()[:, None]).view(whole.shape)
    return held


def _rounded(rows: Float[Tensor, "r d"]) -> tuple[Int8[Tensor, "r d"], Float[Tensor, " r"]]:
    largest = rows.abs().amax(dim=1)
    scale = torch.where(largest > 0, largest, torch.ones_like(largest)) / LARGEST
    return (rows / scale[:, None]).round().to(torch.int8), scale
