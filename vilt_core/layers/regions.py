"""A picture becomes a sequence of regions: what a detector saw in its boxes, and where they are."""

from typing import Any

import torch
from einops import repeat
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from vilt_core.types import RegionBatch

BOX_NUMBERS = {4: "corners", 5: "corners and area", 7: "corners, sides and area"}


def box_numbers(boxes: Float[Tensor, "b n 4"], *, count: int) -> Float[Tensor, "b n count"]:
    """A box as numbers: its corners, then its area or its sides and its area.

    Args:
        boxes: Left, top, right and bottom, as shares of the picture's sides.
        count: 4 as LXMERT, 5 as ViLBERT or 7 as UNITER.

    Raises:
        ValueError: Another count.
    """
    if count not in BOX_NUMBERS:
        raise ValueError(f"a box has 4, 5 or 7 numbers, got {count}")
    sides = boxes[..., 2:] - boxes[..., :2]
    area = sides.prod(dim=-1, keepdim=True)
    return torch.cat([boxes, sides, area] if count == 7 else [boxes, area], dim=-1)[..., :count]


def grid_boxes(side: int, *, device: torch.device | None = None) -> Float[Tensor, "n 4"]:
    """The cells of a square grid as boxes, row after row."""
    edges = torch.linspace(0, 1, side + 1, device=device)
    top, left = torch.meshgrid(edges[:-1], edges[:-1], indexing="ij")
    bottom, right = torch.meshgrid(edges[1:], edges[1:], indexing="ij")
    return torch.stack([left, top, right, bottom], dim=-1).flatten(0, 1)


def region_places(mask: Bool[Tensor, "b n"], *, columns: int | None = None) -> Int[Tensor, "b n 2"]:
    """(row, column) of regions in rows of so many, else in one row; (-1, -1) for padding."""
    b, n = mask.shape
    index = repeat(torch.arange(n, device=mask.device), "n -> b n", b=b)
    row, column = index // (columns or max(n, 1)), index % (columns or max(n, 1))
    return torch.stack([row, column], dim=-1).masked_fill(~mask[..., None], -1)


def region_fields(image: RegionBatch, *, columns: int | None = None) -> dict[str, Any]:
    """The fields of a ``ModelOutput`` that tell where the regions are that a model has read.

    Args:
        image: They count as a grid of one row ...
        columns: ... unless they are the cells of a grid with so many.
    """
    n = image.mask.shape[1]
    return {
        "image_mask": image.mask,
        "positions": region_places(image.mask, columns=columns),
        "grid": (1, n) if columns is None else (n // columns, columns),
        "boxes": image.boxes,
    }


def hide(
    features: Float[Tensor, "b n features"],
    covered: Bool[Tensor, "b n"] | None,
    *,
    behind: Float[Tensor, " features"] | Float[Tensor, ""],
) -> Float[Tensor, "b n features"]:
    """The features with those that are covered behind one vector, or one number."""
    return features if covered is None else torch.where(covered[..., None], behind, features)


def beside(first: RegionBatch, second: RegionBatch) -> RegionBatch:
    """All regions of the same pictures, those of ``first`` first; nothing is covered."""
    classes = None
    if first.classes is not None and second.classes is not None:
        classes = torch.cat([first.classes, second.classes], dim=1)
    return RegionBatch(
        features=torch.cat([first.features, second.features], dim=1),
        boxes=torch.cat([first.boxes, second.boxes], dim=1),
        mask=torch.cat([first.mask, second.mask], dim=1),
        classes=classes,
    )


class RegionEmbedding(nn.Module):
    """Features and box, a linear map of each, summed and normalised: ViLBERT's regions.

    With ``apart`` each is normalised by itself before the sum, and the sum once more, as UNITER
    does; it also learns a vector for regions whose features are hidden, where ViLBERT has zeros.
    """

    def __init__(
        self,
        region_width: int,
        width: int,
        *,
        box_numbers: int,
        apart: bool = False,
        dropout: float = 0.0,
        norm_eps: float = 1e-12,
    ):
        super().__init__()
        self.box_numbers = box_numbers
        self.features = nn.Linear(region_width, width)
        self.boxes = nn.Linear(box_numbers, width)
        self.feature_norm = nn.LayerNorm(width, eps=norm_eps) if apart else nn.Identity()
        self.box_norm = nn.LayerNorm(width, eps=norm_eps) if apart else nn.Identity()
        self.mask_token = nn.Parameter(torch.zeros(region_width)) if apart else None
        self.norm = nn.LayerNorm(width, eps=norm_eps)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        features: Float[Tensor, "b n features"],
        boxes: Float[Tensor, "b n 4"],
        *,
        covered: Bool[Tensor, "b n"] | None = None,
        kind: Float[Tensor, " d"] | None = None,
    ) -> Float[Tensor, "b n d"]:
        """Embed regions.

        Args:
            features: What the detector saw.
            boxes: Where, as shares of the picture's sides.
            covered: Regions whose features are hidden; their boxes are not.
            kind: The vector of the modality, which UNITER adds before it normalises.
        """
        nothing = features.new_zeros(())
        features = hide(
            features, covered, behind=nothing if self.mask_token is None else self.mask_token
        )
        where = box_numbers(boxes, count=self.box_numbers)
        whole = self.feature_norm(self.features(features)) + self.box_norm(self.boxes(where))
        return self.dropout(self.norm(whole if kind is None else whole + kind))


class MeanRegionEmbedding(nn.Module):
    """Features and box, a linear map of each, normalised, then the mean of both: LXMERT's regions.

    Nothing is normalised after that. Hidden features give way to a learned vector, as X-LXMERT's.
    """

    def __init__(
        self,
        region_width: int,
        width: int,
        *,
        box_numbers: int,
        dropout: float = 0.0,
        norm_eps: float = 1e-12,
    ):
        super().__init__()
        self.box_numbers = box_numbers
        self.features = nn.Linear(region_width, width)
        self.feature_norm = nn.LayerNorm(width, eps=norm_eps)
        self.boxes = nn.Linear(box_numbers, width)
        self.box_norm = nn.LayerNorm(width, eps=norm_eps)
        self.mask_token = nn.Parameter(torch.zeros(region_width))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        features: Float[Tensor, "b n features"],
        boxes: Float[Tensor, "b n 4"],
        *,
        covered: Bool[Tensor, "b n"] | None = None,
    ) -> Float[Tensor, "b n d"]:
        """Embed regions, as :class:`RegionEmbedding` takes them."""
        seen = self.feature_norm(self.features(hide(features, covered, behind=self.mask_token)))
        where = self.box_norm(self.boxes(box_numbers(boxes, count=self.box_numbers)))
        return self.dropout((seen + where) / 2)
