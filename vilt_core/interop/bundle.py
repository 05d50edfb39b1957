"""What a checkpoint is once it is open: a model with everything needed to speak to it."""

from collections.abc import Callable
from dataclasses import dataclass

from vilt_core.data.image import Processing
from vilt_core.data.text import Tokenizer
from vilt_core.layers.reader import PairReader
from vilt_core.models.vilt import Vilt

Progress = Callable[[int, int], None]  # told of the bytes that are there and of all bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """The detector that a model of regions sees with, which several models share."""

    name: str  # of its folder
    sha256: str  # of its weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A model with everything needed to speak to it."""

    name: str
    model: PairReader
    tokenizer: Tokenizer
    answers: tuple[str, ...]
    domain: str = "stickers"  # what it was trained on: "stickers" or "photographs"
    pictures: Processing | None = None  # how to prepare them; None: at the model's own size
    sight: Sight | None = None  # of a model that reads a detector's regions

    @property
    def vilt(self) -> Vilt:
        """The model, where it is a ViLT: much is asked that only a sequence of patches can answer.

        Raises:
            ValueError: It is one of its rivals.
        """
        if not isinstance(self.model, Vilt):
            raise ValueError(
                f"{self.name} is of the kind {type(self.model).__name__}: this takes a ViLT"
            )
        return self.model

    @property
    def processing(self) -> Processing:
        """How a picture becomes what this model reads."""
        config = self.model.config
        own = Processing(size=config.image_size, patch_size=config.patch_size)
        return own if self.pictures is None else self.pictures


def processing_of(
    *, size: object, patch_size: object, mean: object, std: object, crop: object = False
) -> Processing:
    """The settings of a file, each looked at.

    Raises:
        ValueError: One of them is no whole number, not three numbers, or neither true nor false.
    """
    if not isinstance(size, int) or not isinstance(patch_size, int):
        raise ValueError(
            f"the sides of pictures must be whole numbers, got {size!r} and {patch_size!r}"
        )
    if not isinstance(crop, bool):
        raise ValueError(f"crop of pictures must be true or false, got {crop!r}")
    levels = {"mean": _channels(mean), "std": _channels(std)}
    return Processing(size=size, patch_size=patch_size, crop=crop, **levels)


def _channels(levels: object) -> tuple[float, float, float]:
    numbers = levels if isinstance(levels, list) else []
    if [type(level) in (int, float) for level in numbers] != [True] * 3:
        raise ValueError(f"mean and std of pictures must be three numbers each, got {levels!r}")
    red, green, blue = map(float, numbers)
    return red, green, blue
