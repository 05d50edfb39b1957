"""Guests: four more artists, who have drawn some of the nouns, and are seen in training alone.

An augmentation beside ``inking`` and ``retouching``. Three artists are few: a model that has seen
a cat drawn by three knows these three cats. Guests draw what they have drawn, in smaller cells; the
next guest, and in the end a training style, draws the rest. No guest draws shapes, whose colour is
asked for, and the held-out style is none of them.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from vilt_core.world.inking import ink
from vilt_core.world.sprites import (
    ASSETS,
    CELL,
    STYLES,
    atlas,
    build_pyramid,
    read_cells,
)

GUEST_FOLDER = ASSETS / "guests"
GUESTS = ("noto-v1", "emojione", "fxemoji", "streamline")
GUEST_CELL = 64


def drawn_by(guest: str) -> UInt8[np.ndarray, "sprites side side 4"]:
    """A guest's own cells, premultiplied, GUEST_CELL pixels a side; empty where there is none.

    Raises:
        ValueError: no such guest.
    """
    if guest not in GUESTS:
        raise ValueError(f"guest must be one of {', '.join(GUESTS)}, got {guest!r}")
    return read_cells(GUEST_FOLDER / f"{guest}.webp", side=GUEST_CELL)


def guest_pyramids(turn: int, *, inked: bool = False) -> dict[str, tuple[np.ndarray, ...]]:
    """Each training style's guest of this turn; for ``paint(..., icons=...)``.

    Args:
        turn: whose turn it is: the guests stand in a ring, and each style gets the next.
        inked: drawn over in ink, too.
    """
    return {
        style: _pyramid((place + turn) % len(GUESTS), inked) for place, style in enumerate(STYLES)
    }


@lru_cache(maxsize=2 * len(GUESTS))
def _pyramid(place: int, inked: bool) -> tuple[np.ndarray, ...]:
    cells = np.array(atlas(STYLES[place % len(STYLES)]))
    for step in reversed(range(len(GUESTS))):  # the guest itself comes last, and stays
        own = drawn_by(GUESTS[(place + step) % len(GUESTS)])
        for index in np.flatnonzero(own[..., 3].any(axis=(1, 2))):
            larger = Image.fromarray(own[index], mode="RGBa").resize((CELL, CELL))
            cells[index] = np.minimum(np.asarray(larger), np.asarray(larger)[..., 3:])
    if inked:
        cells = np.stack([ink(cell) for cell in cells])
    return build_pyramid(cells)
