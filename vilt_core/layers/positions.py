"""A learned grid of position vectors, the V^pos of equation 2, stretched to any other grid."""

import math
from functools import lru_cache

import torch
from einops import einsum
from jaxtyping import Float, Int
from torch import Tensor, nn


def hat_weights(
    lengths: Int[Tensor, " b"], *, side: int, longest: int
) -> Float[Tensor, "b longest side"]:
    """The bilinear resize of one axis as matrices: each row mixes two neighbours of ``side`` cells.

    Corners are mapped on corners, as the published code does; row i of a resize to m cells reads
    at i (side - 1) / (m - 1). Rows from a length on are zero, so that several lengths share one
    shape. No loop and no copy to the host: lengths may lie on a GPU.

    Args:
        lengths: Cells of each resized axis.
        side: Cells of the learned axis.
        longest: Rows of each matrix, at least the longest length.
    """
    rows = torch.arange(longest, device=lengths.device)
    cells = torch.arange(side, device=lengths.device, dtype=torch.float32)
    step = (side - 1) / (lengths - 1).clamp(min=1)
    reads = (rows * step[:, None]).clamp(max=side - 1)
    weights = (1 - (reads[..., None] - cells).abs()).clamp(min=0)
    return weights * (rows < lengths[:, None])[..., None]


@lru_cache(maxsize=256)
def _matrix(length: int, side: int, device: torch.device) -> Float[Tensor, "length side"]:
    # Constants, so that nothing which is learned is kept between calls: fused optimisers change a
    # table without leaving a trace to notice it by.
    with torch.inference_mode(mode=False):
        return hat_weights(torch.tensor([length], device=device), side=side, longest=length)[0]


def resize_grid(
    table: Float[Tensor, "rows columns d"], *, rows: int, columns: int
) -> Float[Tensor, "new_rows new_columns d"]:
    """The table stretched to another grid: two small matrix products."""
    if table.shape[:2] == (rows, columns):
        return table
    down = _matrix(rows, table.shape[0], table.device).to(table.dtype)
    across = _matrix(columns, table.shape[1], table.device).to(table.dtype)
    return einsum(einsum(down, table, "r i, i j d -> r j d"), across, "r j d, c j -> r c d")


def sines(side: int, width: int) -> Float[Tensor, "side side width"]:
    """Waves along the rows in one half of the vector and along the columns in the other.

    Their periods go from four times the grid down to four cells; their mean is 0, and 1 in the root
    mean square (0 on a grid of one cell). A table that has to grow out of nothing stays small
    beside the patches that it is added to (measured on stickers: 0.07 beside 2.7), and what lies to
    the left is never learned.

    Args:
        side: rows, and columns, of the grid.
        width: of a vector.
    """
    waves = math.ceil(width / 4)
    slow, fast = math.pi / (2 * side), math.pi / 2
    rates = slow * (fast / slow) ** torch.linspace(0, 1, waves)
    angles = (torch.arange(side) + 0.5)[:, None] * rates
    along = torch.cat([angles.sin(), angles.cos()], dim=1)
    down, across = along[:, None].expand(-1, side, -1), along[None].expand(side, -1, -1)
    table = torch.cat([down, across], dim=-1)[..., :width]
    table = table - table.mean(dim=(0, 1))
    return table / table.square().mean().sqrt().clamp(min=torch.finfo(table.dtype).tiny)


class PositionGrid(nn.Module):
    """One learned vector for each cell of a square grid, resized on demand."""

    def __init__(self, side: int, width: int):
        super().__init__()
        self.table = nn.Parameter(torch.zeros(side, side, width))

    def forward(self, rows: int, columns: int) -> Float[Tensor, "rows columns d"]:
        """The table at this size."""
        return resize_grid(self.table, rows=rows, columns=columns)

    def own(
        self, rows: Int[Tensor, " b"], columns: Int[Tensor, " b"], *, grid: tuple[int, int]
    ) -> Float[Tensor, "b rows columns d"]:
        """The table at each image's own size, zero outside of it.

        Args:
            rows: Of each image, in patches.
            columns: Of each image.
            grid: Rows and columns of the padded canvas.
        """
        table, side = self.table, len(self.table)
        down = hat_weights(rows, side=side, longest=grid[0]).to(table.dtype)
        across = hat_weights(columns, side=side, longest=grid[1]).to(table.dtype)
        stretched = einsum(down, table, "b r i, i j d -> b r j d")
        return einsum(stretched, across, "b r j d, b c j -> b r c d")
