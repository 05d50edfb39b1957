"""What a transformer alone costs as its sequence or its picture grows, and a detector alone.

The paper finds that transformers of the base size hardly differ in time up to 300 tokens on its
GPU, and so leaves out of Table 6 how long texts are: here is what that is on this machine.
"""

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from vilt_core.config import DetectorConfig, bottom_up_r101, bottom_up_x152, detector_mini
from vilt_core.evaluation.cost import clock, count_flops, noise
from vilt_core.evaluation.inference import evaluating
from vilt_core.layers.detector import Detector
from vilt_core.models import build
from vilt_core.models.vilt import Vilt
from vilt_core.transport.problem import check_count
from vilt_core.types import ImageBatch, TextBatch

TOKENS = (20, 40, 80, 120, 160, 200, 240, 300, 400, 500, 600, 800)
SIDES = (96, 160, 224, 320, 384, 480, 576, 640)
SHORT = 300  # tokens, up to which the paper speaks
_WORDS = 40  # tokens of the text beside a picture
_REGIONS = 36  # that a detector tells


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One length, or one size, measured."""

    tokens: int  # of the whole sequence
    side: int | None = None  # of the square picture, pixels; None where there is none
    flops: int
    milliseconds: float  # median of several runs


def token_costs(model: Vilt, *, counts: Sequence[int] = TOKENS, runs: int = 5) -> Iterator[Point]:
    """The blocks alone, on random sequences of so many tokens; one point at a time."""
    check_count("runs", runs)
    parameter = next(model.parameters())
    for count in counts:
        sequence = torch.randn(1, count, model.config.width).to(parameter)
        flops, milliseconds = _measured(model, partial(model.encoder, sequence), runs=runs)
        yield Point(tokens=count, flops=flops, milliseconds=milliseconds)


def side_costs(model: Vilt, *, sides: Sequence[int] = SIDES, runs: int = 5) -> Iterator[Point]:
    """The whole of ViLT, on a text and square pictures of so many pixels; one point at a time."""
    check_count("runs", runs)
    device = next(model.parameters()).device
    words = min(_WORDS, model.config.max_text_tokens)
    ids = torch.zeros(1, words, dtype=torch.long, device=device)
    text = TextBatch(ids=ids, mask=torch.ones_like(ids, dtype=torch.bool))
    for side in sides:
        image = ImageBatch(pixels=torch.zeros(1, 3, side, side, device=device))
        flops, milliseconds = _measured(model, partial(model, text, image), runs=runs)
        tokens = words + 1 + (side // model.config.patch_size) ** 2
        yield Point(tokens=tokens, side=side, flops=flops, milliseconds=milliseconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorPoint:
    """A detector that models of regions see with, measured on one picture."""

    name: str  # of its CNN
    parameters: int
    flops: int
    milliseconds: float  # median of several runs


def detectors(size: str = "published") -> dict[str, DetectorConfig]:
    """The detectors of the paper's Table 7 that are built here, by their CNNs; or the small one."""
    if size == "mini":
        return {"small ResNet": detector_mini()}
    return {"ResNet-101": bottom_up_r101(), "ResNeXt-152": bottom_up_x152()}


def detector_costs(
    size: str = "published",
    *,
    runs: int = 5,
    device: str = "cpu",
    between: Callable[[], None] | None = None,
) -> Iterator[DetectorPoint]:
    """Each of ``detectors`` with random weights, on noise of the size that it is shown.

    Args:
        size: "published", 800 x 1333 pixels, or "mini".
        runs: Of which the median time counts.
        device: Where to compute.
        between: Called before each run; what it raises ends all of this.
    """
    check_count("runs", runs)
    for name, config in detectors(size).items():
        yield _detector_cost(name, config, runs=runs, device=device, between=between)


def _detector_cost(
    name: str,
    config: DetectorConfig,
    *,
    runs: int,
    device: str,
    between: Callable[[], None] | None,
) -> DetectorPoint:
    detector = Detector(**config.numbers()).to(device)
    detector.fewest = _REGIONS
    image = noise((config.shorter, config.longer), device=device)

    def look() -> object:
        if between is not None:
            between()
        return detector(image, limit=_REGIONS)

    flops, milliseconds = _measured(detector, look, runs=runs)
    parameters = sum(parameter.numel() for parameter in detector.parameters())
    return DetectorPoint(name=name, parameters=parameters, flops=flops, milliseconds=milliseconds)


def base_model(size: str = "published", *, device: str = "cpu") -> Vilt:
    """ViLT with random weights: its blocks are those of every base-size transformer."""
    model = build("vilt", size=size).to(device)
    assert isinstance(model, Vilt)
    return model


def _measured(model: nn.Module, work: Callable[[], object], *, runs: int) -> tuple[int, float]:
    device = next(model.parameters()).device
    with evaluating(model):
        flops = count_flops(work)  # and so it is warm

        def once() -> float:
            begun = clock(device)
            work()
            return 1000 * (clock(device) - begun)

        work()
        return flops, statistics.median(once() for _ in range(runs))
