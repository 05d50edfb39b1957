"""One picture and one sentence on their way through a model: what it sees, and how long it takes.

Nothing of it is trained, so there is no answer to show; what a model sees and what its parts take
do not depend on weights.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from jaxtyping import UInt8
from PIL import Image, ImageOps
from torch import nn

from vilt_core.data.image import to_pixels
from vilt_core.evaluation.cost import INTERACTION, TEXT, VISUAL, Cost, cost_of
from vilt_core.evaluation.families import Size, random_model
from vilt_core.evaluation.inference import evaluating
from vilt_core.evaluation.papers import FACTS, Facts
from vilt_core.evaluation.sources import Box
from vilt_core.types import ImageBatch, TextBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """What became of the pair in one model."""

    name: str  # of ``MODELS``
    seen: UInt8[np.ndarray, "height width 3"]  # the picture as the model reads it
    grid: tuple[int, int] | None  # rows and columns of its patches or cells
    boxes: tuple[Box, ...]  # of regions
    tokens: tuple[int, int]  # of the picture and of the text
    cost: Cost

    @property
    def facts(self) -> Facts:
        """Of its paper."""
        return FACTS[self.name]

    @property
    def milliseconds(self) -> dict[str, float]:
        """Of each part, by the name that figures give it."""
        names = {VISUAL: "visual", TEXT: "text", INTERACTION: "interaction"}
        return {names[part.name]: part.milliseconds for part in self.cost.components}


def pass_through(
    name: str,
    image: Image.Image,
    ids: Sequence[int],
    *,
    size: Size = "published",
    runs: int = 3,
    between: Callable[[], None] | None = None,
) -> Passing:
    """Build a model with random weights and send one pair through it.

    Args:
        name: Of ``MODELS``.
        image: A picture; the model sees it at its own size.
        ids: The text's tokens; the vocabulary does not matter, those beyond the model's are cut.
        size: "published" or "mini".
        runs: Of which the median time counts.
        between: Called before each stage of the model, a block or a part of a detector; what it
            raises ends all of this there.

    Raises:
        ValueError: No such model, or a text that is too long for it.
    """
    model = random_model(name, size=size)
    if between is not None:
        _pause(model, between)
    facts, most = FACTS[name], model.config.vocab_size - 1
    pixels = _seen(image, facts, side=None if size == "published" else model.config.image_size)
    words = torch.tensor([ids]).clamp(max=most)
    text = TextBatch(ids=words, mask=torch.ones_like(words, dtype=torch.bool))
    looked = ImageBatch(pixels=pixels[None])
    height, width = pixels.shape[1:]
    with evaluating(model):
        output = model(text, looked)
    cost = cost_of(model, text_tokens=len(ids), image_size=(height, width), runs=runs, image=looked)
    real = output.image_mask[0]
    regions = output.boxes if facts.sees == "regions" else None
    boxes = () if regions is None else tuple(map(tuple, regions[0][real].tolist()))
    return Passing(
        name=name,
        seen=_as_bytes(pixels),
        grid=output.grid if regions is None else None,
        boxes=boxes,
        tokens=(int(real.sum()), len(ids)),
        cost=cost,
    )


def _pause(model: nn.Module, between: Callable[[], None]) -> None:
    """Let something be called before whatever is itself made of parts."""
    between()
    for module in model.modules():
        if next(module.children(), None) is not None:
            module.register_forward_pre_hook(lambda *_: between())


def _seen(image: Image.Image, facts: Facts, *, side: int | None):
    """As the model reads it: a square cut from the middle, or all of it at the paper's size."""
    height, width = facts.image_size
    if side is None and height != width:
        return to_pixels(image, size=height, patch_size=32 if facts.sees == "patches" else 1)
    square = side or height
    return to_pixels(ImageOps.fit(image, (square, square)), size=square, patch_size=square)


def _as_bytes(pixels: torch.Tensor) -> np.ndarray:
    levels = ((pixels.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return rearrange(levels, "c height width -> height width c").numpy()
