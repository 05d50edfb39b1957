"""What a person may choose of a training that is small enough to be watched (emergence.py).

Imports no torch: a page needs it before there is a model.
"""

from dataclasses import dataclass
from typing import Literal

from vilt_core.world.corner import Corner

STEPS = (1, 4000)  # of a run: at least, at most
RATES = (1e-5, 1e-2)  # learning rates
BATCHES = (8, 256)
SNAPSHOTS = 100  # of a run at most: each is two megabytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What a person chooses.

    Raises:
        ValueError: one sentence on what lies out of range, or that nothing is to be learned.
    """

    steps: int = 500
    every: int = 50  # steps between two snapshots
    mlm: bool = True  # the objectives: at least one
    itm: bool = True
    wpa: bool = True
    wpa_weight: float = 1.0  # the paper's is 0.1, over far longer trainings
    mask_unit: Literal["word", "piece"] = "word"
    learning_rate: float = 2e-3
    batch_size: int = 64
    kinds: int = 6  # of sticker
    seed: int = 0

    def __post_init__(self):
        if not (self.mlm or self.itm or self.wpa):
            raise ValueError("choose at least one objective: nothing would be learned")
        _check("steps", self.steps, STEPS)
        _check("learning rate", self.learning_rate, RATES)
        _check("batch", self.batch_size, BATCHES)
        _check("weight of alignment", self.wpa_weight, (0.0, 10.0))
        _check("seed", self.seed, (0, 2**31 - 1))
        if self.batch_size % 4:
            raise ValueError(f"batch must be a multiple of 4, got {self.batch_size}")
        if self.every < 1 or self.steps > SNAPSHOTS * self.every:
            raise ValueError(
                f"at most {SNAPSHOTS} snapshots are kept: {self.steps} steps need one every "
                f"{-(-self.steps // SNAPSHOTS)} steps or less often, got {self.every}"
            )
        Corner(kinds=self.kinds)

    @property
    def corner(self) -> Corner:
        """Of the world, where it learns."""
        return Corner(kinds=self.kinds)


def _check(name: str, value: float | int, span: tuple[float | int, float | int]) -> None:
    low, high = span
    if not low <= value <= high:
        least, most, got = map(_told, (low, high, value))
        raise ValueError(f"{name} must lie in {least} to {most}, got {got}")


def _told(value: float | int) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"
