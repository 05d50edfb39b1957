"""Which regions of an image are hidden, to be told from the rest and the text.

As words by ``mask_words``: at least one of every image that has any, and never padding. All chance
comes from the generator that is passed in, for all rows of a batch together; where a row shall not
depend on its neighbours, hand over a batch of one.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """What is to be told of regions, and which of them cannot be seen."""

    asked: Bool[Tensor, "b n"]  # to be told
    covered: Bool[Tensor, "b n"]  # features hidden: the ``covered`` of a RegionBatch


def hide_regions(
    mask: Bool[Tensor, "b n"],
    *,
    generator: torch.Generator,
    rate: float = 0.15,
    shown: float = 0.0,
    boxes: Float[Tensor, "b n 4"] | None = None,
    overlap: float = 0.4,
) -> Hidden:
    """Each region by its own chance, as UNITER hides them; ViLBERT shows 10 % of what it asks.

    Its later version, 12-in-1 (Lu et al., CVPR 2020), also hides whatever overlaps a hidden region,
    which would give it away. (Its code hides the 10 % again with that; here they stay.)

    Args:
        mask: True where a region is real.
        generator: The source of chance.
        rate: Chance of each to be asked; where all escape, the likeliest one is.
        shown: Chance of each that is asked to be seen all the same: 0.1 in ViLBERT.
        boxes: Where regions are, if those that overlap a hidden one are to be hidden too, unasked.
        overlap: Intersection over union beyond which they are.
    """
    order, luck = _order(mask, generator)
    asked = mask & ((luck < rate) | (order == 0))
    seen = asked & (_chance(mask, generator) < shown)
    covered = asked & ~seen
    if boxes is not None:
        near = (overlaps(boxes) > overlap) & covered[:, None]
        covered = covered | (near.any(dim=-1) & mask & ~seen)
    return Hidden(asked=asked, covered=covered)


def hide_cells(mask: Bool[Tensor, "b n"], *, generator: torch.Generator) -> Hidden:
    """Any number of cells from one to all, each as likely, and then any cells: X-LXMERT's way.

    So it learns to paint a picture from nothing as well as to mend one.
    """
    order, _ = _order(mask, generator)
    number = _whole(mask.sum(dim=1), generator) + 1
    asked = mask & (order < number[:, None])
    return Hidden(asked=asked, covered=asked)


def hide_square(mask: Bool[Tensor, "b n"], *, columns: int, generator: torch.Generator) -> Hidden:
    """A square of any side, each as likely, anywhere in the grid: X-LXMERT's other way.

    Args:
        mask: True where a cell is real, row after row.
        columns: Of the grid.
        generator: The source of chance.

    Raises:
        ValueError: Cells that fill no rows.
    """
    b, n = mask.shape
    if columns < 1 or n % columns or not n:
        raise ValueError(f"cells must fill rows of {columns}, got {n}")
    rows = n // columns
    side = _whole(torch.full((b,), min(rows, columns), device=mask.device), generator) + 1
    top, left = (_whole(room - side + 1, generator) for room in (rows, columns))
    row = torch.arange(n, device=mask.device) // columns
    column = torch.arange(n, device=mask.device) % columns
    asked = mask
    for place, first in ((row, top), (column, left)):
        asked = asked & (place >= first[:, None]) & (place < (first + side)[:, None])
    return Hidden(asked=asked, covered=asked)


def overlaps(boxes: Float[Tensor, "b n 4"]) -> Float[Tensor, "b n n"]:
    """Intersection over union of all pairs of an image's boxes; 0 where both are empty."""
    return overlaps_with(boxes, boxes)


def overlaps_with(
    boxes: Float[Tensor, "b n 4"], others: Float[Tensor, "b m 4"]
) -> Float[Tensor, "b n m"]:
    """Likewise of every box of an image with every other one."""
    top_left = torch.maximum(boxes[:, :, None, :2], others[:, None, :, :2])
    bottom_right = torch.minimum(boxes[:, :, None, 2:], others[:, None, :, 2:])
    shared = (bottom_right - top_left).clamp(min=0).prod(dim=-1)
    union = _area(boxes)[:, :, None] + _area(others)[:, None] - shared
    return shared / union.clamp(min=torch.finfo(boxes.dtype).tiny)


def _area(boxes: Float[Tensor, "b n 4"]) -> Float[Tensor, "b n"]:
    return (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(dim=-1)


def _chance(like: Tensor, generator: torch.Generator) -> Tensor:
    """Numbers from 0 up to 1 of a tensor's shape, on its device."""
    return torch.rand(like.shape, generator=generator, device=generator.device).to(like.device)


def _whole(below: Int[Tensor, " b"], generator: torch.Generator) -> Int[Tensor, " b"]:
    """Whole numbers from 0 up to others, each as likely."""
    return (_chance(below, generator) * below).long()


def _order(
    mask: Bool[Tensor, "b n"], generator: torch.Generator
) -> tuple[Int[Tensor, "b n"], Float[Tensor, "b n"]]:
    """Regions drawn one after another, padding last: the place of each, and what it drew."""
    luck = _chance(mask, generator).masked_fill(~mask, torch.inf)
    return luck.argsort(dim=1).argsort(dim=1), luck
