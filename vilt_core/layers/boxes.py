"""What a detector is told, tells and reads of boxes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from einops import reduce
from jaxtyping import Float, Int
from torch import Tensor, nn


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueBoxes:
    """What is in one picture."""

    boxes: Float[Tensor, "n 4"]  # left, top, right, bottom, as shares of the picture's sides
    classes: Int[Tensor, " n"]  # of the detector's; 0 is the background, which nothing is


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """One picture at every stage of a detector: boxes as shares of its sides, the surest first."""

    ranked: Float[Tensor, "ranked 4"]  # proposals, before NMS
    ranked_scores: Float[Tensor, " ranked"]  # how sure it is that something is there
    proposals: Float[Tensor, "proposals 4"]  # and after
    proposal_scores: Float[Tensor, " proposals"]
    boxes: Float[Tensor, "n 4"]  # that are told
    classes: Int[Tensor, " n"]  # for which each of them was kept
    scores: Float[Tensor, " n"]


class BoxPool(nn.Module):
    """What a grid shows in boxes: one level of torchvision's pooler, as far as it is asked here."""

    def __init__(self, *, cells: int, stride: int):
        super().__init__()
        self.cells = cells
        self.stride = stride

    def forward(
        self, grids: Mapping[str, Tensor], boxes: Sequence[Tensor], _sizes: Any = None
    ) -> Float[Tensor, "boxes c cells cells"]:
        """RoIAlign of the boxes of all pictures, in pixels."""
        from torchvision.ops import roi_align

        (grid,) = grids.values()
        scale = 1 / self.stride
        pooled = roi_align(grid, list(boxes), self.cells, spatial_scale=scale, sampling_ratio=2)
        return pooled.contiguous(memory_format=torch.channels_last)


class BoxHead(nn.Module):
    """The last stage of a CNN over what is in each box, and the mean of its grid."""

    def __init__(self, stage: nn.Module):
        super().__init__()
        self.stage = stage

    def forward(self, pooled: Float[Tensor, "boxes c cells cells"]) -> Float[Tensor, "boxes v"]:
        """The features of the boxes."""
        return reduce(self.stage(pooled), "boxes v rows columns -> boxes v", "mean")
