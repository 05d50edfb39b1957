"""Stickers retouched: stretched, slanted, in other colours, as another artist might draw them.

An augmentation for training alone, beside ``inking``: what is left of a cat in every style is
neither its exact outline nor its exact orange. Plain shapes keep their colour, which is asked for.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from vilt_core.world.scenes import Scene, SceneObject

_STRETCH = 1.25  # at most, of the longer side over the shorter
_SLANT = 0.2  # at most, of the top against the bottom, in sides
_HUE = 30.0  # degrees at most, either way
_SATURATION = (0.6, 1.3)
_BRIGHTNESS = (0.8, 1.15)
_SHAPES_SATURATION, _SHAPES_BRIGHTNESS = (0.85, 1.15), (0.93, 1.06)
_GRAY = np.full((3, 3), 1 / 3)
_TURN = np.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Retouch:
    """What happens to one sticker: where each of its points goes, and what each colour becomes."""

    warp: Float[np.ndarray, "2 2"]  # of offsets from the centre, on the way back to the sticker
    colors: Float[np.ndarray, "3 3"]  # new (red, green, blue) = colors @ old


def retouches(scene: Scene, draw: Callable[[], float]) -> tuple[Retouch, ...]:
    """One for each sticker of a scene, for ``paint(..., retouches=...)``.

    Args:
        scene: what will be painted.
        draw: the source of chance, floats in [0, 1).
    """
    return tuple(_retouch(thing, draw) for thing in scene.objects)


def _retouch(thing: SceneObject, draw: Callable[[], float]) -> Retouch:
    stretch = _STRETCH ** (draw() - 0.5)
    slant = _SLANT * (2 * draw() - 1)
    hue, spans = 0.0, (_SHAPES_SATURATION, _SHAPES_BRIGHTNESS)
    if thing.color is None:
        hue, spans = math.radians(_HUE) * (2 * draw() - 1), (_SATURATION, _BRIGHTNESS)
    saturation, brightness = (low + (high - low) * draw() for low, high in spans)
    # A turn around the gray axis (Rodrigues), the way from gray scaled, then all of it.
    turned = _GRAY + math.cos(hue) * (np.eye(3) - _GRAY) + math.sin(hue) * _TURN
    colors = brightness * (_GRAY + saturation * (turned - _GRAY))
    return Retouch(warp=np.array([[stretch, slant], [0.0, 1 / stretch]]), colors=colors)
