"""A learned grid of position vectors, the V^pos of equation 2, stretched to any other grid."""

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn


def resize_grid(
    table: Float[Tensor, "rows columns d"], *, rows: int, columns: int
) -> Float[Tensor, "new_rows new_columns d"]:
    """Bilinear resize that maps corner vectors on corner vectors, as the published code does."""
    if table.shape[:2] == (rows, columns):
        return table
    channels_first = rearrange(table, "rows columns d -> 1 d rows columns")
    resized = F.interpolate(
        channels_first, size=(rows, columns), mode="bilinear", align_corners=True
    )
    return rearrange(resized, "1 d rows columns -> rows columns d")


class PositionGrid(nn.Module):
    """One learned vector for each cell of a square grid, resized on demand."""

    def __init__(self, side: int, width: int):
        super().__init__()
        self.table = nn.Parameter(torch.zeros(side, side, width))

    def forward(self, rows: int, columns: int) -> Float[Tensor, "rows columns d"]:
        """The table at this size.

        Nothing is kept between calls: the largest resize takes a quarter of a millisecond on one
        core, and fused optimisers change a table without leaving a trace to notice it by.
        """
        return resize_grid(self.table, rows=rows, columns=columns)
