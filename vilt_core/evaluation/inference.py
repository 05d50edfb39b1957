"""Pictures and texts through a model, batch by batch: no dropout, no gradients.

Pictures are decoded, or drawn, in the background (ahead.py), so that a model does not wait for
them: those of one batch, while the one before is read. They wait as bytes.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain, islice
from typing import Any, Literal

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from vilt_core.data.image import brightness, channels_first, stack_levels, to_levels
from vilt_core.data.text import EncodedText
from vilt_core.evaluation.ahead import ahead
from vilt_core.evaluation.sets import Source, name_of
from vilt_core.evaluation.sources import Picture, decoded
from vilt_core.interop.bundle import Bundle
from vilt_core.types import ImageBatch, ModelOutput
from vilt_core.world.rendering import Painting, paint
from vilt_core.world.scenes import Scene

Levels = UInt8[Tensor, "3 _height _width"]  # a picture as a model sees it, in bytes
Precision = Literal["float32", "bfloat16"]  # of matrix products
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
    # Not every family has both to give: what is not asked for is not mentioned.
    asked = {"return_states": return_states, "return_attentions": return_attentions}
    asked = {name: True for name, wanted in asked.items() if wanted}
    for rows, image in image_batches(bundle, pictures, size=batch_size, progress=progress):
        text = bundle.tokenizer.encode(texts[rows.start : rows.stop])
        output = model(text.batch.to(image.pixels.device), image, **asked)
        yield Read(rows=rows, text=text, output=output)


def image_batches(
    bundle: Bundle, pictures: Sequence[Picture], *, size: int, progress: Progress | None = None
) -> Iterator[tuple[range, ImageBatch]]:
    """Pictures in order, so many at a time, on the device that the model is on.

    Raises:
        ValueError: a size under 1, or an image that cannot be read.
    """
    batches = [pictures[rows.start : rows.stop] for rows in row_batches(len(pictures), size=size)]
    every = row_batches(len(pictures), size=size, progress=progress)
    for rows, levels in zip(every, levels_ahead(bundle, batches), strict=True):
        yield rows, image_of(levels, bundle)


def levels_ahead(
    bundle: Bundle, batches: Sequence[Sequence[Picture]]
) -> Iterator[Sequence[Levels]]:
    """The pictures of one batch after the other; so many as a batch has wait for the next.

    A picture that comes several times in a batch, as with several questions, is decoded once.

    Raises:
        ValueError: an image that cannot be read.
    """
    once = [list(dict.fromkeys(batch)) for batch in batches]
    make = partial(levels_of, bundle=bundle)
    made = ahead(make, chain.from_iterable(once), most=max(map(len, once), default=1))
    for batch, distinct in zip(batches, once, strict=True):
        levels = dict(zip(distinct, islice(made, len(distinct)), strict=True))
        yield [levels[picture] for picture in batch]


def image_of(levels: Sequence[Levels], bundle: Bundle) -> ImageBatch:
    """Pictures side by side as the model reads them, on its device."""
    to, device = bundle.processing, next(bundle.model.parameters()).device
    return stack_levels(levels, mean=to.mean, std=to.std).to(device)


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
def evaluating(model: nn.Module, *, precision: Precision = "float32") -> Iterator[None]:
    """The model as users have it: no dropout, every patch; as before afterwards.

    Args:
        model: whose heads are applied inside as well.
        precision: of matrix products; full, whatever is on around it, unless it is asked for here.
    """
    was_training = model.training
    device = next(model.parameters()).device
    model.eval()
    try:
        half = precision == "bfloat16"
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=half):
            yield
    finally:
        model.train(was_training)


def pixels_of(picture: Picture, bundle: Bundle) -> Float[Tensor, "3 height width"]:
    """One picture as the model reads it."""
    to = bundle.processing
    return brightness(levels_of(picture, bundle), mean=to.mean, std=to.std)


def levels_of(picture: Picture, bundle: Bundle) -> Levels:
    """A scene drawn at the model's size, or a picture of a file or a shard resized to it.

    Raises:
        ValueError: an image that cannot be read.
    """
    to = bundle.processing
    if isinstance(picture, Scene):
        return channels_first(painting_of(picture, to.size).pixels)
    return to_levels(decoded(picture), size=to.size, patch_size=to.patch_size, crop=to.crop)


@lru_cache(maxsize=512)
def painting_of(scene: Scene, size: int) -> Painting:
    """A scene drawn, kept for a while: sentences about one scene come together."""
    return paint(scene, size)


def cut_texts(bundle: Bundle, texts: Sequence[str]) -> dict[str, int]:
    """For a result: how many texts are longer than the model reads, and cut. Nothing of none.

    Raises:
        ValueError: half a character in one.
    """
    tokenizer, said = bundle.tokenizer, Counter(texts)
    cut = sum(said[text] for text in said if tokenizer.count(text) > tokenizer.max_tokens)
    return {"cut": cut} if cut else {}


def kept_secret(asked: int, told: int) -> dict[str, int]:
    """For a result: how many examples keep their truth secret and do not count. Nothing of none."""
    return {"secret": asked - told} if told < asked else {}


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
