"""The detectors that models of ViLT's family (c) see with, and their sizes."""

from dataclasses import asdict, dataclass
from typing import Any

from vilt_core.config.cnn import CnnConfig, resnet101, resnext152


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorConfig:
    """Faster R-CNN (Ren et al., NeurIPS 2015) on one grid, as bottom-up attention has it.

    Anderson et al., CVPR 2018: the defaults are those of its published code.
    """

    cnn: CnnConfig  # all stages but the last give the grid; the last reads every box
    classes: int = 1601  # the background included, which is the first
    anchor_sizes: tuple[int, ...] = (64, 128, 256, 512)  # sides of squares in pixels
    anchor_ratios: tuple[float, ...] = (0.5, 1.0, 2.0)  # of height to width, at the same area
    proposal_width: int = 512  # of the convolution that proposals are made of
    ranked: int = 6000  # proposals that come before NMS, the surest
    proposals: int = 300  # that it leaves
    proposal_overlap: float = 0.7  # IoU of two, from which on NMS drops the less sure one
    cells: int = 14  # a side of what the last stage reads of each box
    dilated: bool = True  # whether that stage keeps them all; else it halves the sides
    refined: bool = False  # boxes moved as their class asks, and read again; else as proposed
    threshold: float = 0.2  # how sure of a class the detector is of a region at least ...
    fewest: int = 10  # ... but that many regions it always tells
    overlap: float = 0.3  # IoU of two boxes of a class, from which on NMS drops the less sure one
    trained_anchors: int = 64  # of each picture, half of them on things where there are so many
    trained_boxes: int = 64  # likewise
    frozen_norm: bool = True  # BatchNorm as the weights brought it: batches of one teach it nothing
    shorter: int = 800  # side of the pictures in pixels ...
    longer: int = 1333  # ... unless the longer one would be longer than this

    def __post_init__(self):
        if self.cnn.stages < 2:
            raise ValueError(f"a detector needs 2 stages of its CNN, got {self.cnn.stages}")

    @property
    def width(self) -> int:
        """Of a region's features."""
        return self.cnn.widths[self.cnn.stages - 1] * (4 if self.cnn.bottleneck else 1)

    @property
    def cell(self) -> int:
        """Side in pixels of what the last stage would make of a whole picture."""
        return 2 ** (self.cnn.stages + 1)

    def numbers(self) -> dict[str, Any]:
        """What ``Detector`` takes: all but the sides, which are for those who prepare pictures."""
        told = asdict(self)
        del told["shorter"], told["longer"]
        return told


class SeesByDetector:
    """The sizes of pictures of a config that has a detector, or reads regions that are given."""

    __slots__ = ()
    detector: DetectorConfig | None

    @property
    def image_size(self) -> int:
        """Of the shorter side, pixels."""
        return self._detector.shorter

    @property
    def longest_side(self) -> int:
        """At most, pixels."""
        return self._detector.longer

    @property
    def patch_size(self) -> int:
        """Of which sides are multiples, pixels."""
        return self._detector.cell

    @property
    def detector_numbers(self) -> dict[str, Any] | None:
        """What ``Detector`` takes; None where there is none to build."""
        return None if self.detector is None else self.detector.numbers()

    @property
    def _detector(self) -> DetectorConfig:
        if self.detector is None:
            raise ValueError("this model reads the regions of a detector, and has none for pixels")
        return self.detector


def bottom_up_r101() -> DetectorConfig:
    """Bottom-up attention: the detector of ViLBERT, LXMERT, UNITER and Oscar.

    Pictures as ViLT's Table 6 times them; as published, the sides were 600 and 1000. Boxes are
    pooled by RoIAlign, then by the largest value.
    """
    return DetectorConfig(cnn=resnet101())


def bottom_up_x152() -> DetectorConfig:
    """The same on a ResNeXt-152 32x4d, near VinVL's; which has attributes beside its classes."""
    return DetectorConfig(cnn=resnext152())


def detector_mini() -> DetectorConfig:
    """For 128 x 128 pictures of stickers: a cell of the grid is 8 pixels.

    The classes are those of patches: the background, then the world's sprites, as a coloured shape
    is one for each of its colours. What published detectors call attributes is told so.
    """
    return DetectorConfig(
        cnn=CnnConfig(depths=(2, 2, 2), widths=(32, 48, 64), stages=3),
        classes=261,
        anchor_sizes=(32, 44, 60),
        anchor_ratios=(1.0,),
        proposal_width=96,
        ranked=200,
        proposals=32,
        cells=6,
        dilated=False,
        refined=True,
        threshold=0.01,
        fewest=1,
        trained_anchors=128,
        trained_boxes=32,
        frozen_norm=False,
        shorter=128,
        longer=128,
    )
