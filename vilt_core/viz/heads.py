"""Attention of every head of every layer as a matrix to touch: a click opens one over the picture.

Weights are sent to the browser once, 8 bits each, and ``static/heads.js`` draws them.
"""

import base64
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from vilt_core.viz.palette import ON_DARK, ON_LIGHT, rgb
from vilt_core.viz.stepper import data_url

_STATIC = Path(__file__).parent / "static"


@lru_cache(maxsize=1)
def script() -> str:
    """The view's code: it defines ``headsView(root)``."""
    return (_STATIC / "heads.js").read_text(encoding="utf-8")


def heads_payload(
    pixels: UInt8[np.ndarray, "height width 3"],
    to_patches: Float[np.ndarray, "depth h q n"],
    to_words: Float[np.ndarray, "depth h q m"],
    *,
    queries: Sequence[str],
    words: Sequence[str],
    grid: tuple[int, int],
) -> dict[str, Any]:
    """Everything that the matrix needs, as JSON.

    Args:
        pixels: the picture that the patches tile.
        to_patches: how much each query attends to each patch, in each head of each layer.
        to_words: how much to each word; what is missing to 1 went to special tokens.
        queries: who looks, such as "[CLS]" and the words.
        words: names of the last axis of ``to_words``.
        grid: rows and columns of patches.

    Raises:
        ValueError: names or a grid that do not fit the weights.
    """
    shapes = to_patches.shape[2:], to_words.shape[2:]
    expected = (len(queries), grid[0] * grid[1]), (len(queries), len(words))
    if shapes != expected:
        raise ValueError(f"expected weights of {expected} a head, got {shapes}")
    return {
        "picture": data_url(pixels),
        "grid": list(grid),
        "size": list(to_patches.shape[:2]),
        "queries": list(queries),
        "words": list(words),
        "patches": _pack(to_patches),
        "text": _pack(to_words),
        "on_picture": _short(to_patches.sum(axis=-1)),
        "on_words": _short(to_words.sum(axis=-1)),
        "ramps": {
            "light": [rgb(stop) for stop in ON_LIGHT],
            "dark": [rgb(stop) for stop in ON_DARK],
        },
    }


def _pack(weights: Float[np.ndarray, "depth h q x"]) -> dict[str, Any]:
    """8 bits a weight, each row scaled by its own largest; in the order of the axes."""
    top = weights.max(axis=-1, keepdims=True, initial=0.0)
    levels = (weights / np.where(top > 0, top, 1) * 255).round().astype(np.uint8)
    return {
        "top": _short(top[..., 0]),
        "data": base64.b64encode(levels.tobytes()).decode("ascii"),
    }


def _short(values: np.ndarray) -> list[float]:
    return [float(f"{value:.4g}") for value in values.ravel().tolist()]
