"""How well a heatmap over patches points at things: three measures, one row a heatmap.

The pointing game of Zhang et al. (ECCV 2016), the share of mass in the box, and average precision
against the patches that show the thing. Ties are shared out evenly, so that a heatmap that says
nothing scores what chance does, in whatever order the patches come.
"""

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor


def patches_in_boxes(
    boxes: Float[Tensor, "objects 4"], *, grid: tuple[int, int]
) -> Bool[Tensor, "objects n"]:
    """Which patches lie in each box: those whose centre does, and the one under the box's centre.

    The second clause gives a patch to things that are thinner than one.

    Args:
        boxes: (x0, y0, x1, y1) in fractions of the picture, y downwards.
        grid: rows and columns of patches.
    """
    rows, columns = grid
    x0, y0, x1, y1 = boxes.unbind(dim=-1)

    def along(low: Tensor, high: Tensor, count: int) -> tuple[Tensor, Tensor]:
        centres = (torch.arange(count, dtype=boxes.dtype) + 0.5) / count
        covered = (centres >= low[:, None]) & (centres <= high[:, None])
        middle = ((low + high) / 2 * count).floor().clamp(0, count - 1)
        return covered, torch.arange(count) == middle[:, None]

    (covered_y, middle_y), (covered_x, middle_x) = along(y0, y1, rows), along(x0, x1, columns)
    inside = (covered_y[:, :, None] & covered_x[:, None, :]) | (
        middle_y[:, :, None] & middle_x[:, None, :]
    )
    return rearrange(inside, "objects rows columns -> objects (rows columns)")


def box_shares(
    boxes: Float[Tensor, "objects 4"], *, grid: tuple[int, int]
) -> Float[Tensor, "objects n"]:
    """How much of each patch each box covers, 0 to 1: the truth where there are no pixel masks."""
    rows, columns = grid
    x0, y0, x1, y1 = boxes.unbind(dim=-1)

    def along(low: Tensor, high: Tensor, count: int) -> Tensor:
        start = torch.arange(count, dtype=boxes.dtype)
        return (high[:, None] * count).clamp(start, start + 1) - (low[:, None] * count).clamp(
            start, start + 1
        )

    shares = along(y0, y1, rows)[:, :, None] * along(x0, x1, columns)[:, None, :]
    return rearrange(shares, "objects rows columns -> objects (rows columns)")


def showing_patches(shares: Float[Tensor, "m n"], *, least: float = 0.5) -> Bool[Tensor, "m n"]:
    """The patches that show a thing: at least ``least`` of the patch is it, or no patch shows more.

    A thing that is nowhere to be seen has none.
    """
    most = shares.amax(dim=-1, keepdim=True)
    return (shares > 0) & ((shares >= least) | (shares == most))


def pointing(heat: Float[Tensor, "m n"], inside: Bool[Tensor, "m n"]) -> Float[Tensor, " m"]:
    """1 where the strongest patch lies inside, else 0; among equally strong ones, their mean."""
    strongest = heat == heat.amax(dim=-1, keepdim=True)
    return (strongest & inside).sum(-1) / strongest.sum(-1)


def mass_inside(heat: Float[Tensor, "m n"], inside: Bool[Tensor, "m n"]) -> Float[Tensor, " m"]:
    """The share of a heatmap's mass on the patches inside; 0 for a heatmap without mass.

    Args:
        heat: no entry is negative.
        inside: from ``patches_in_boxes``.
    """
    return (heat * inside).sum(-1) / heat.sum(-1).clamp(min=torch.finfo(heat.dtype).tiny)


def average_precision(
    heat: Float[Tensor, "m n"], truth: Bool[Tensor, "m n"]
) -> Float[Tensor, " m"]:
    """Area under precision over recall, patches ranked by heat: the sum of P_k (R_k - R_(k-1)).

    A threshold falls between different values only: equal patches enter together. That sum is the
    mean, over the true patches, of the precision among all that are at least as hot.

    Args:
        heat: any real values.
        truth: at least one true patch a row; a row without any gives NaN.
    """
    as_hot = heat[:, None, :] >= heat[:, :, None]
    precision = (as_hot & truth[:, None, :]).sum(-1) / as_hot.sum(-1)
    return (precision * truth).sum(-1) / truth.sum(-1)
