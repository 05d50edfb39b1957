"""Stickers drawn over in ink: dark outlines and flattened colours, made from the training styles.

An augmentation for training alone: who has only seen three artists' shading learns the shading. The
held-out style is outlines on flat colour, and nothing of it is used here.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageFilter

from vilt_core.world.sprites import STYLES, atlas, build_pyramid

_OUTLINE = 5  # width of the outline in pixels of a cell, odd
_TONES = 5  # levels that each colour channel keeps


@lru_cache(maxsize=1)
def inked_pyramids() -> dict[str, tuple[np.ndarray, ...]]:
    """The pyramids of the training styles, drawn over; for ``paint(..., icons=...)``."""
    return {
        style: tuple(build_pyramid(np.stack([ink(cell) for cell in atlas(style)])))
        for style in STYLES
    }


def ink(cell: UInt8[np.ndarray, "side side 4"]) -> UInt8[np.ndarray, "side side 4"]:
    """Draw one premultiplied cell over: its silhouette and its strongest edges in black."""
    alpha = Image.fromarray(np.ascontiguousarray(cell[..., 3]))
    band = _float(alpha.filter(ImageFilter.MaxFilter(3))) - _float(
        alpha.filter(ImageFilter.MinFilter(_OUTLINE))
    )
    light = Image.fromarray(cell[..., :3].mean(axis=-1).astype(np.uint8))
    edges = _float(light.filter(ImageFilter.MaxFilter(3))) - _float(
        light.filter(ImageFilter.MinFilter(3))
    )
    line = np.maximum(band, np.clip(4 * edges - 0.8, 0, 1) * _float(alpha))[..., None]
    line = line.clip(0, 1)
    flat = np.round(cell[..., :3] / 255 * (_TONES - 1)) / (_TONES - 1)
    opaque = np.maximum(cell[..., 3:] / 255, line)
    drawn = np.concatenate((np.minimum(flat * (1 - line), opaque), opaque), axis=-1)
    return (drawn * 255).round().astype(np.uint8)


def _float(picture: Image.Image) -> Float[np.ndarray, "side side"]:
    return np.asarray(picture, dtype=np.float32) / 255
