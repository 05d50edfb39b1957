"""A scene of the sticker world: a pure function of (seed, index, split).

Nothing here draws. Geometry lives in the unit square, so that one scene renders at any size:
x grows to the right, y grows downwards, both in fractions of the picture's side.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from vilt_core.world.sprites import HELD_OUT_STYLE, STYLES, IconFolder, Sprite, sprites, tight_box

_T = TypeVar("_T")
SPLITS = ("train", "test", "style", "composition")
OWN_STYLE = "own"  # of icons that the user brings

# Words for the plain backgrounds, and their RGB. Pale, so that every sticker stands out.
BACKGROUNDS = {
    "white": (250, 250, 247),
    "gray": (184, 186, 191),
    "yellow": (250, 230, 150),
    "green": (181, 222, 173),
    "blue": (173, 208, 245),
    "purple": (214, 190, 240),
    "pink": (249, 198, 214),
    "orange": (250, 205, 155),
}
TEXTURES = ("plain", "gradient", "stripes", "dots", "checks")

# Colours that these shapes never have outside the compositional split.
HELD_OUT_SHAPES = (("purple", "circle"), ("green", "square"), ("blue", "heart"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneObject:
    """One sticker of a scene."""

    sprite: Sprite
    style: str
    x: float  # centre
    y: float
    size: float  # side of the sprite's cell
    angle: float  # degrees, counter-clockwise
    mirrored: bool
    ink: tuple[float, float, float, float] | None = None  # the user's own icon's box in its cell

    @property
    def noun(self) -> str:
        """The noun alone: "cat", "heart"."""
        return self.sprite.name

    @property
    def color(self) -> str | None:
        """The colour word of a plain shape; None for everything else."""
        return self.sprite.color

    @property
    def category(self) -> str:
        """The sprite's category word: "animal", "shape"."""
        return self.sprite.category

    @property
    def box(self) -> tuple[float, float, float, float]:
        """(x0, y0, x1, y1) around the turned and mirrored ink, clipped to the picture."""
        return _box(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What is where. ``objects`` are in painting order: the last one lies on top."""

    seed: int
    index: int
    split: str
    background: str
    texture: str
    texture_seed: float  # in [0, 1): phase, direction and scale of the texture
    objects: tuple[SceneObject, ...]


def _box(thing: SceneObject) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = thing.ink or tight_box(thing.style, thing.sprite.index)
    turn = math.radians(thing.angle)
    cos, sin = math.cos(turn), math.sin(turn)
    flip = -1.0 if thing.mirrored else 1.0
    xs, ys = [], []
    for cx in (x0, x1):
        for cy in (y0, y1):
            dx, dy = flip * (cx - 0.5) * thing.size, (cy - 0.5) * thing.size
            xs.append(thing.x + cos * dx + sin * dy)
            ys.append(thing.y - sin * dx + cos * dy)
    return max(min(xs), 0.0), max(min(ys), 0.0), min(max(xs), 1.0), min(max(ys), 1.0)


def is_held_out(noun: str, relation: str) -> bool:
    """Whether a noun is kept apart from a relation word ("above") outside the compositional split.

    One (noun, relation) pair in eight is. The rule is arithmetic on the letters: no table to keep.
    """
    code = 0
    for letter in f"{noun}|{relation}":
        code = (code * 31 + ord(letter)) % 1_000_003
    return code % 8 == 0


def scene(seed: int, index: int, *, split: str = "train", icons: IconFolder | None = None) -> Scene:
    """Draw scene ``index`` of the endless series ``seed``: the same on every machine.

    Args:
        seed: names the series.
        index: the place in the series; any whole number.
        split: one of ``SPLITS``; the splits never share a scene.
        icons: the user's own icons, which then are the only ones; their style is ``OWN_STYLE``.

    Raises:
        ValueError: an unknown split, or fewer than seven icons.
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {SPLITS}, got {split!r}")
    # Only random() itself is promised to stay the same across versions of Python.
    draw = random.Random(f"{split}/{seed}/{index}").random
    count = 1 + _weighted(COUNTS, draw)
    pools = _pools() if icons is None else _own_pools(icons)
    kinds = _kinds(count, split, draw, pools)
    styles = _styles(count, split, draw) if icons is None else [OWN_STYLE] * count
    objects: list[SceneObject] = []
    low, high = SIZES[count - 1]
    for sprite, style in zip(kinds, styles, strict=True):
        size = low + (high - low) * draw()
        x, y, size = free_place(size, objects, draw)
        objects.append(
            SceneObject(
                sprite=sprite,
                style=style,
                x=x,
                y=y,
                size=size,
                angle=round((draw() * 2 - 1) * TURN, 3),
                mirrored=draw() < 0.5,
                ink=None if icons is None else icons.boxes[sprite.index],
            )
        )
    return Scene(
        seed=seed,
        index=index,
        split=split,
        background=choose(tuple(BACKGROUNDS), draw),
        texture=choose(TEXTURES, draw),
        texture_seed=round(draw(), 6),
        objects=tuple(objects),
    )


COUNTS = (0.10, 0.18, 0.22, 0.20, 0.16, 0.14)  # chance of one to six stickers
SIZES = ((0.34, 0.55), (0.30, 0.46), (0.27, 0.40), (0.26, 0.36), (0.24, 0.34), (0.24, 0.32))
TURN = 18  # degrees, the most either way
MARGIN = 0.48  # of its size: how near a centre may come to the edge
SPACING = 0.86  # of two mean sizes: how near two centres may come
_SHAPE_SHARE = 0.25  # of the kinds in a scene: coloured shapes
_KIN_SHARE = 0.3  # of the kinds in a scene: of the same category as the one before
_CROWD_SHARE = 0.45  # of the scenes with room for it: one kind several times


def choose(items: Sequence[_T], draw) -> _T:
    """One of ``items``, evenly."""
    return items[int(draw() * len(items))]


def _weighted(weights: Sequence[float], draw) -> int:
    level = draw() * sum(weights)
    for place, weight in enumerate(weights):
        level -= weight
        if level < 0:
            return place
    return len(weights) - 1


_Pools = tuple[tuple[Sprite, ...], tuple[Sprite, ...], dict[str, tuple[Sprite, ...]]]


@lru_cache(maxsize=1)
def _pools() -> _Pools:
    return _sorted_out(sprites())


def _own_pools(icons: IconFolder) -> _Pools:
    if len(icons.present) < max(len(COUNTS), 6) + 1:
        raise ValueError(f"expected at least 7 icons to draw scenes from, got {len(icons.present)}")
    return _sorted_out(icons.present)


def _sorted_out(known: Sequence[Sprite]) -> _Pools:
    things = tuple(s for s in known if s.color is None)
    shapes = tuple(s for s in known if s.color is not None)
    kin: dict[str, list[Sprite]] = {}
    for sprite in things:
        kin.setdefault(sprite.category, []).append(sprite)
    return things, shapes, {name: tuple(members) for name, members in kin.items()}


def _kinds(count: int, split: str, draw, pools: _Pools) -> list[Sprite]:
    """The sprite of each sticker, in painting order."""
    things, shapes, kin = pools
    shapes = shapes or things  # a user's folder may hold one sort only
    things = things or shapes
    copies = 1
    if count > 1 and draw() < _CROWD_SHARE:
        copies = 2 + int(draw() * min(count - 1, 4))
    kinds: list[Sprite] = []
    while len(kinds) < count - copies + 1:
        if draw() < _SHAPE_SHARE:
            kind = choose(shapes, draw)
            if split != "composition" and (kind.color, kind.name) in HELD_OUT_SHAPES:
                continue
        elif kinds and kinds[-1].category in kin and draw() < _KIN_SHARE:
            kind = choose(kin[kinds[-1].category], draw)
        else:
            kind = choose(things, draw)
        if kind not in kinds:
            kinds.append(kind)
    held_out = [s for s in shapes if (s.color, s.name) in HELD_OUT_SHAPES]
    if split == "composition" and held_out and draw() < 0.5:
        kinds[0] = choose(held_out, draw)
        if kinds[0] in kinds[1:]:
            kinds[kinds[1:].index(kinds[0]) + 1] = next(s for s in things if s not in kinds)
    crowd = choose(kinds, draw)
    for _ in range(copies - 1):
        kinds.insert(int(draw() * (len(kinds) + 1)), crowd)
    return kinds


def _styles(count: int, split: str, draw) -> list[str]:
    """Most scenes are drawn by one artist, some mix them."""
    if split == "style":
        return [HELD_OUT_STYLE] * count
    if draw() < 0.7:
        return [choose(STYLES, draw)] * count
    return [choose(STYLES, draw) for _ in range(count)]


def free_place(size: float, others: Sequence[SceneObject], draw) -> tuple[float, float, float]:
    """A centre for a new sticker that covers no other by much; it shrinks where room is short."""
    while True:
        for _ in range(24):
            edge = MARGIN * size
            room = 1 - 2 * edge
            x, y = edge + room * draw(), edge + room * draw()
            if all(math.dist((x, y), (o.x, o.y)) >= SPACING * (size + o.size) / 2 for o in others):
                return round(x, 6), round(y, 6), round(size, 6)
        size *= 0.92
