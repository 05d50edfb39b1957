"""A corner of the world: a few kinds of sticker, small enough to be learned within minutes."""

import random
from dataclasses import dataclass
from functools import lru_cache

from vilt_core.world.captions import FORMS
from vilt_core.world.scenes import (
    BACKGROUNDS,
    SIZES,
    SPLITS,
    TURN,
    Scene,
    SceneObject,
    choose,
    free_place,
)
from vilt_core.world.sprites import STYLES, Sprite, sprites

# The first of them make the smallest corner. Few share a colour; some are read in several pieces.
NOUNS = (
    "cat", "balloon", "duck", "banana", "rocket", "house",
    "spider", "rose", "fish", "umbrella", "guitar", "zebra",
    "elephant", "cactus", "mushroom", "star",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Corner:
    """Which scenes are drawn and what is said of them."""

    kinds: int = 6  # of sticker: the first of NOUNS
    crowd: int = 2  # stickers in a scene, each of another kind; at least one
    artists: int = 1  # styles of art: the first of STYLES
    form: str = "simple"  # of every caption

    def __post_init__(self):
        if not 2 <= self.kinds <= len(NOUNS):
            raise ValueError(f"kinds must lie in 2 to {len(NOUNS)}, got {self.kinds}")
        if not 1 <= self.crowd <= min(self.kinds, len(SIZES)):
            most = min(self.kinds, len(SIZES))
            raise ValueError(f"crowd must lie in 1 to {most}, got {self.crowd}")
        if not 1 <= self.artists <= len(STYLES):
            raise ValueError(f"artists must lie in 1 to {len(STYLES)}, got {self.artists}")
        if self.form not in FORMS:
            raise ValueError(f"form must be one of {FORMS}, got {self.form!r}")

    @property
    def nouns(self) -> tuple[str, ...]:
        """The nouns of its stickers."""
        return NOUNS[: self.kinds]


def corner_scene(corner: Corner, seed: int, index: int, *, split: str = "train") -> Scene:
    """Draw scene ``index`` of the endless series ``seed``: the same on every machine.

    Args:
        corner: of the world.
        seed: names the series.
        index: the place in the series; any whole number.
        split: "train" or "test", which never share a scene.

    Raises:
        ValueError: an unknown split.
    """
    if split not in SPLITS[:2]:
        raise ValueError(f"split of a corner must be one of {SPLITS[:2]}, got {split!r}")
    draw = random.Random(f"corner/{split}/{seed}/{index}").random
    count = 1 + int(draw() * corner.crowd)
    left = list(_stickers()[: corner.kinds])
    low, high = SIZES[count - 1]
    objects: list[SceneObject] = []
    for _ in range(count):
        sprite = left.pop(int(draw() * len(left)))
        x, y, size = free_place(low + (high - low) * draw(), objects, draw)
        objects.append(
            SceneObject(
                sprite=sprite,
                style=choose(STYLES[: corner.artists], draw),
                x=x,
                y=y,
                size=size,
                angle=round((draw() * 2 - 1) * TURN, 3),
                mirrored=draw() < 0.5,
            )
        )
    return Scene(
        seed=seed,
        index=index,
        split=split,
        background=choose(tuple(BACKGROUNDS), draw),
        texture="plain",
        texture_seed=0.0,
        objects=tuple(objects),
    )


@lru_cache(maxsize=1)
def _stickers() -> tuple[Sprite, ...]:
    known = {sprite.name: sprite for sprite in sprites()}
    return tuple(known[noun] for noun in NOUNS)
