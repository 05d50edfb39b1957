"""The convolutional networks that rivals see with, and their sizes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CnnConfig:
    """A ResNet (He et al., CVPR 2016) or ResNeXt (Xie et al., CVPR 2017) without its classifier."""

    depths: tuple[int, ...] = (3, 4, 6, 3)  # blocks of each stage
    widths: tuple[int, ...] = (64, 128, 256, 512)  # of each stage; bottlenecks give four times that
    bottleneck: bool = True  # 1x1, 3x3, 1x1 convolutions in a block; else two of 3x3
    groups: int = 1  # of the 3x3 convolutions: 32 in ResNeXt
    group_width: int = 64  # channels of each group in the first stage
    stages: int = 4  # how many of them are kept; each after the first halves the grid

    def __post_init__(self):
        if not 1 <= self.stages <= len(self.depths) or len(self.depths) != len(self.widths):
            raise ValueError(
                f"stages must be of 1 to {len(self.depths)} with a width each, got "
                f"{self.stages} and widths {self.widths}"
            )


def resnet50() -> CnnConfig:
    """ResNet-50."""
    return CnnConfig()


def resnet101() -> CnnConfig:
    """ResNet-101."""
    return CnnConfig(depths=(3, 4, 23, 3))


def resnet152() -> CnnConfig:
    """ResNet-152."""
    return CnnConfig(depths=(3, 8, 36, 3))


def resnext152() -> CnnConfig:
    """ResNeXt-152 32x4d, the X152 of the paper."""
    return CnnConfig(depths=(3, 8, 36, 3), groups=32, group_width=4)


def resnet_mini(*, stages: int = 3) -> CnnConfig:
    """For stickers: 128 x 128 pixels become 8 x 8 cells, or 16 x 16 without the last stage."""
    return CnnConfig(depths=(2, 2, 2), widths=(48, 96, 192), bottleneck=False, stages=stages)
