"""A picture becomes a grid of features: the convolutional networks that ViLT does without."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn


class GridCnn(nn.Module):
    """A ResNet of timm's up to the grid of its last stage.

    Args:
        depths: Blocks of each stage.
        widths: Of each stage; bottlenecks give four times that.
        bottleneck: Blocks of 1x1, 3x3 and 1x1 convolutions, or of two 3x3.
        groups: Of the 3x3 convolutions: 32 in a ResNeXt.
        group_width: Channels of each group in the first stage.
        stages: How many of them are kept.
    """

    def __init__(
        self,
        *,
        depths: tuple[int, ...] = (3, 4, 6, 3),
        widths: tuple[int, ...] = (64, 128, 256, 512),
        bottleneck: bool = True,
        groups: int = 1,
        group_width: int = 64,
        stages: int = 4,
    ):
        super().__init__()
        # Takes two seconds, and ViLT needs none of it.
        from timm.models.resnet import BasicBlock, Bottleneck, ResNet

        block: Any = Bottleneck if bottleneck else BasicBlock  # timm says an object, means a class
        whole = ResNet(
            block,
            depths,
            num_classes=0,
            cardinality=groups,
            base_width=group_width,
            channels=widths,
        )
        self.stem = nn.Sequential(whole.conv1, whole.bn1, whole.act1, whole.maxpool)
        self.stages = nn.ModuleList(
            getattr(whole, f"layer{number}") for number in range(1, stages + 1)
        )
        self._widths = [width * (4 if bottleneck else 1) for width in widths]

    @property
    def width(self) -> int:
        """Channels of the grid."""
        return self._widths[len(self.stages) - 1]

    @property
    def stride(self) -> int:
        """The side of a cell in pixels."""
        return 2 ** (len(self.stages) + 1)

    def cut(self, *, dilated: bool = False) -> nn.Module:
        """Take the last stage off: the head with which a detector reads each of its boxes.

        Args:
            dilated: Whether it is to keep the grid that it gets: what it would step over, its 3x3
                convolutions reach for instead.
        """
        stage = self.stages.pop(-1)
        for part in stage.modules():
            if dilated and isinstance(part, nn.Conv2d):
                part.stride = (1, 1)
                if part.kernel_size == (3, 3):
                    part.dilation = part.padding = (2, 2)
        return stage

    def forward(
        self, pixels: Float[Tensor, "b 3 height width"]
    ) -> Float[Tensor, "b c rows columns"]:
        """The grid: sides are the picture's, divided by ``stride`` and rounded up."""
        # With channels last a CPU convolves faster, forwards and back.
        grid = self.stem(pixels.contiguous(memory_format=torch.channels_last))
        for stage in self.stages:
            grid = stage(grid)
        return grid
