"""Pictures and texts through a model, batch by batch: float32, no dropout, no gradients."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vilt_core.data.image import normalise, open_image, stack, to_pixels
from vilt_core.data.text import EncodedText
from vilt_core.evaluation.sets import Source, name_of
from vilt_core.evaluation.sources import Picture
from vilt_core.interop.bundle import Bundle
from vilt_core.types import ModelOutput
from vilt_core.world.rendering import Painting, paint
from vilt_core.world.scenes import Scene

Progress = Callable[[int, int], None]  # told after every batch: how many are done, of how many


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What the model made of one batch."""

    rows: range  # of the pictures and texts that were handed in
    text: EncodedText
    output: ModelOutput


def read_batches(
    bundle: Bundle,
    pictures: Sequence[Picture],
    texts: Sequence[str],
    *,
    batch_size: int = 64,
    return_states: bool = False,
    return_attentions: bool = False,
    progress: Progress | None = None,
) -> Iterator[Read]:
    """Each text with its picture, in order, on the device that the model is on.

    To be called inside ``evaluating(bundle.model)``, where heads are then applied as well.

    Raises:
        ValueError: a batch size under 1, or an image that cannot be read.
    """
    model = bundle.model
    device = next(model.parameters()).device
    # Not every family has both to give: what is not asked for is not mentioned.
    asked = {"return_states": return_states, "return_attentions": return_attentions}
    asked = {name: True for name, wanted in asked.items() if wanted}
    for rows in row_batches(len(texts), size=batch_size, progress=progress):
        text = bundle.tokenizer.encode(texts[rows.start : rows.stop])
        image = stack([pixels_of(pictures[row], bundle) for row in rows])
        output = model(text.batch.to(device), image.to(device), **asked)
        yield Read(rows=rows, text=text, output=output)


def row_batches(total: int, *, size: int, progress: Progress | None = None) -> Iterator[range]:
    """The rows 0 to ``total``, so many at a time; progress is told after each batch.

    Raises:
        ValueError: a size under 1.
    """
    if size < 1:
        raise ValueError(f"batch_size must be at least 1, got {size}")
    for first in range(0, total, size):
        yield range(first, min(first + size, total))
        if progress is not None:
            progress(min(first + size, total), total)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The model as users have it: no dropout, every patch, full precision; as before afterwards."""
    was_training = model.training
    device = next(model.parameters()).device
    model.eval()
    try:
        with torch.no_grad(), torch.autocast(device.type, enabled=False):
            yield
    finally:
        model.train(was_training)


def pixels_of(picture: Picture, bundle: Bundle) -> Float[Tensor, "3 height width"]:
    """A scene drawn at the model's size, or a picture of a file or a shard resized to it."""
    to = bundle.processing
    if isinstance(picture, Scene):
        return normalise(painting_of(picture, to.size).pixels, mean=to.mean, std=to.std)
    image = open_image(picture) if isinstance(picture, Path) else picture.open()
    return to_pixels(
        image, size=to.size, patch_size=to.patch_size, mean=to.mean, std=to.std, crop=to.crop
    )


@lru_cache(maxsize=512)
def painting_of(scene: Scene, size: int) -> Painting:
    """A scene drawn, kept for a while: sentences about one scene come together."""
    return paint(scene, size)


def said_first(
    task: str, bundle: Bundle, on: Source, *, examples: int, seconds: float
) -> dict[str, Any]:
    """What every measure says before its scores: of what, by whom, how many, how long."""
    return {
        "task": task,
        "data": name_of(on),
        "model": bundle.name,
        "examples": examples,
        "seconds": round(seconds, 2),
    }
