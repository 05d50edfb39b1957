"""Scenes that people compose: to and from plain JSON, and a code short enough for a link.

Such a scene lies on a grid, thousandths of the picture's side and whole degrees, so that what was
written is exactly what is read. Nothing that comes from outside is trusted: every number has its
range, every word its list.
"""

import base64
import binascii
import math
import zlib
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from itertools import combinations
from typing import Any

from vilt_core.world.scenes import (
    BACKGROUNDS,
    COUNTS,
    HELD_OUT_SHAPES,
    MARGIN,
    SIZES,
    SPACING,
    TEXTURES,
    TURN,
    Scene,
    SceneObject,
)
from vilt_core.world.sprites import HELD_OUT_STYLE, STYLES, Sprite, sprites

VERSION = 1
MOST = 12  # stickers of a scene
SMALL, LARGE = 0.08, 1.0  # sides of a sticker, of the picture's
MOST_TURN = 60  # degrees, either way
ART = (*STYLES, HELD_OUT_STYLE)
_STEPS = 1000  # of the grid, along a side
_COMPOSED = "test"  # the split of a composed scene: its questions are those of the plain world

_SCENE_KEYS = {"version", "background", "texture", "texture_seed", "stickers"}
_STICKER_KEYS = {"name", "style", "x", "y", "size", "angle", "mirrored"}


def empty_scene(*, background: str = "white", texture: str = "plain") -> Scene:
    """A scene without a sticker."""
    return Scene(
        seed=0,
        index=0,
        split=_COMPOSED,
        background=background,
        texture=texture,
        texture_seed=0.0,
        objects=(),
    )


def composed(scene: Scene) -> Scene:
    """A scene of the world as if somebody had composed it: everything moves to the grid."""
    objects = tuple(
        replace(
            thing,
            x=_on_grid(thing.x),
            y=_on_grid(thing.y),
            size=_on_grid(thing.size),
            angle=float(round(thing.angle)),
        )
        for thing in scene.objects
    )
    return replace(
        empty_scene(background=scene.background, texture=scene.texture),
        texture_seed=min(_on_grid(scene.texture_seed), 1 - 1 / _STEPS),
        objects=objects,
    )


# Plain JSON.


def to_json(scene: Scene) -> dict[str, Any]:
    """A composed scene as plain JSON: what ``from_json`` reads."""
    return {
        "version": VERSION,
        "background": scene.background,
        "texture": scene.texture,
        "texture_seed": scene.texture_seed,
        "stickers": [
            {
                "name": thing.sprite.label,
                "style": thing.style,
                "x": thing.x,
                "y": thing.y,
                "size": thing.size,
                "angle": thing.angle,
                "mirrored": thing.mirrored,
            }
            for thing in scene.objects
        ],
    }


def from_json(given: Any) -> Scene:
    """Read a scene that a stranger sent.

    Args:
        given: as ``to_json`` writes it; numbers are moved to the grid.

    Raises:
        ValueError: one sentence on the first thing that is wrong.
    """
    given = _keyed(given, _SCENE_KEYS, "a scene")
    if type(given["version"]) is not int or given["version"] != VERSION:
        raise ValueError(f"a scene must be of version {VERSION}, got {given['version']!r:.40}")
    background = _one_of(given["background"], tuple(BACKGROUNDS), "the background")
    texture = _one_of(given["texture"], TEXTURES, "the texture")
    stickers = given["stickers"]
    if not isinstance(stickers, list):
        raise ValueError(f"the stickers must be a list, got {stickers!r:.40}")
    if len(stickers) > MOST:
        raise ValueError(f"a scene has room for {MOST} stickers, got {len(stickers):,}")
    return replace(
        empty_scene(background=background, texture=texture),
        texture_seed=_number(given["texture_seed"], 0, 1 - 1 / _STEPS, "the texture_seed"),
        objects=tuple(_sticker(one) for one in stickers),
    )


def _sticker(given: Any) -> SceneObject:
    given = _keyed(given, _STICKER_KEYS, "a sticker")
    if not isinstance(given["name"], str) or given["name"] not in _sprite_of():
        raise ValueError(f"there is no sticker named {given['name']!r:.40}")
    if not isinstance(given["mirrored"], bool):
        raise ValueError(f"mirrored must be true or false, got {given['mirrored']!r:.40}")
    angle = _number(given["angle"], -MOST_TURN, MOST_TURN, "the angle")
    return SceneObject(
        sprite=_sprite_of()[given["name"]],
        style=_one_of(given["style"], ART, "the style"),
        x=_number(given["x"], 0, 1, "x"),
        y=_number(given["y"], 0, 1, "y"),
        size=_number(given["size"], SMALL, LARGE, "the size"),
        angle=float(round(angle)),
        mirrored=given["mirrored"],
    )


def _keyed(given: Any, keys: set[str], noun: str) -> Mapping[str, Any]:
    if not isinstance(given, dict) or set(given) != keys:
        got = sorted(map(str, given)) if isinstance(given, dict) else given
        raise ValueError(f"{noun} must have {', '.join(sorted(keys))}, got {got!r:.80}")
    return given


def _one_of(given: Any, known: tuple[str, ...], noun: str) -> str:
    if not isinstance(given, str) or given not in known:
        raise ValueError(f"{noun} must be one of {', '.join(known)}, got {given!r:.40}")
    return given


def _number(given: Any, low: int | float, high: int | float, noun: str) -> float:
    """A finite number of a range, on the grid."""
    if isinstance(given, bool) or not isinstance(given, int | float) or not low <= given <= high:
        raise ValueError(f"{noun} must be a number from {low:g} to {high:g}, got {given!r:.40}")
    return _on_grid(given)


def _on_grid(value: int | float) -> float:
    return round(value * _STEPS) / _STEPS


@cache
def _sprite_of() -> dict[str, Sprite]:
    return {sprite.label: sprite for sprite in sprites()}


# The code of a link: a digit for the version, then base64url of
#   2 bytes: background (3 bits), texture (3), texture_seed (10)
#   7 bytes a sticker: name (16), style (2), x (10), y (10), size (10), angle (7), mirrored (1)
#   2 bytes: a checksum of all the others
# A name is told by a checksum of its letters, so that links outlive a new order of the atlases.

_STICKER_BYTES = 7
_LONGEST = 1 + math.ceil((4 + _STICKER_BYTES * MOST) * 4 / 3)  # letters of a code
_ORDER_OF_BACKGROUNDS = ("white", "gray", "yellow", "green", "blue", "purple", "pink", "orange")
_ORDER_OF_TEXTURES = ("plain", "gradient", "stripes", "dots", "checks")
_ORDER_OF_ART = ("noto", "twemoji", "fluent", "openmoji")
_UPRIGHT = 64  # an angle of 0 in 7 bits


def to_code(scene: Scene) -> str:
    """A composed scene as letters, digits, "-" and "_": at most 119 of them."""
    paper = _packed(
        (_ORDER_OF_BACKGROUNDS.index(scene.background), 3),
        (_ORDER_OF_TEXTURES.index(scene.texture), 3),
        (_steps(scene.texture_seed), 10),
    )
    stickers = (
        _packed(
            (_name_sum(thing.sprite.label), 16),
            (_ORDER_OF_ART.index(thing.style), 2),
            (_steps(thing.x), 10),
            (_steps(thing.y), 10),
            (_steps(thing.size), 10),
            (round(thing.angle) + _UPRIGHT, 7),
            (int(thing.mirrored), 1),
        )
        for thing in scene.objects
    )
    body = b"".join((paper, *stickers))
    return str(VERSION) + _letters(body + _checksum(body))


def from_code(code: str) -> Scene:
    """The scene of a link.

    Raises:
        ValueError: one sentence: too long, of another version, or damaged on its way.
    """
    if len(code) > _LONGEST:
        raise ValueError(
            f"the link is too long for a scene: at most {_LONGEST} letters, got {len(code):,}"
        )
    if not code.startswith(str(VERSION)):
        raise ValueError(f"the link is not of a scene that this lab can read: {code!r:.24}")
    padded = code[1:] + "=" * (-(len(code) - 1) % 4)
    try:
        raw = base64.b64decode(padded, altchars=b"-_", validate=True)
    except ValueError:
        raw = b""
    body, checksum = raw[:-2], raw[-2:]
    whole = len(body) >= 2 and (len(body) - 2) % _STICKER_BYTES == 0
    whole = whole and _letters(raw) == code[1:]  # the last letter has bits to spare
    if not whole or checksum != _checksum(body):
        raise ValueError("the link to the scene is damaged: a part of it was changed or cut off")
    background, texture, texture_seed = _unpacked(body[:2], 3, 3, 10)
    stickers = [body[at : at + _STICKER_BYTES] for at in range(2, len(body), _STICKER_BYTES)]
    return from_json(
        {
            "version": VERSION,
            "background": _ORDER_OF_BACKGROUNDS[background],
            "texture": dict(enumerate(_ORDER_OF_TEXTURES)).get(texture),
            "texture_seed": texture_seed / _STEPS,
            "stickers": [_sticker_of(one) for one in stickers],
        }
    )


def _sticker_of(packed: bytes) -> dict[str, Any]:
    name, style, x, y, size, angle, mirrored = _unpacked(packed, 16, 2, 10, 10, 10, 7, 1)
    return {
        "name": _names().get(name),
        "style": _ORDER_OF_ART[style],
        "x": x / _STEPS,
        "y": y / _STEPS,
        "size": size / _STEPS,
        "angle": angle - _UPRIGHT,
        "mirrored": bool(mirrored),
    }


def _letters(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _packed(*fields: tuple[int, int]) -> bytes:
    """Whole bytes of (value, bits) fields, the first in front."""
    number = 0
    for value, bits in fields:
        number = number << bits | value
    return number.to_bytes(sum(bits for _, bits in fields) // 8, "big")


def _unpacked(packed: bytes, *bits: int) -> list[int]:
    number, values = int.from_bytes(packed, "big"), []
    for width in reversed(bits):
        values.append(number & (1 << width) - 1)
        number >>= width
    return values[::-1]


def _steps(value: float) -> int:
    return round(value * _STEPS)


def _checksum(body: bytes) -> bytes:
    return binascii.crc_hqx(body, VERSION).to_bytes(2, "big")


def _name_sum(name: str) -> int:
    return zlib.crc32(name.encode()) & 0xFFFF


@cache
def _names() -> dict[int, str]:
    return {_name_sum(name): name for name in _sprite_of()}


# What the world's own scenes never are, and so no model of it was trained on.


def beyond_training(scene: Scene) -> list[str]:
    """In which ways a scene leaves what the training scenes are, a short clause each."""
    things = scene.objects
    found = []
    if not 1 <= len(things) <= len(COUNTS):
        found.append(
            f"{len(things) or 'no'} stickers, where training scenes have 1 to {len(COUNTS)}"
        )
    sizes = [thing.size for thing in things]
    largest = SIZES[0][1]
    if any(size > largest + _SLACK for size in sizes):
        found.append(f"a sticker larger than {_percent(largest)} of the side")
    if any(size < _SMALLEST - _SLACK for size in sizes):
        found.append(f"a sticker smaller than {_percent(_SMALLEST)} of the side")
    if any(abs(thing.angle) > TURN + 0.5 for thing in things):
        found.append(f"a turn of more than {TURN} degrees")
    if any(_cut_off(thing) for thing in things):
        found.append("a sticker that is cut off at the edge")
    if any(_crowded(a, b) for a, b in combinations(things, 2)):
        found.append("stickers that cover one another")
    if any(thing.style == HELD_OUT_STYLE for thing in things):
        found.append(f"stickers in the style {HELD_OUT_STYLE}, which is kept for tests")
    held_out = sorted(
        {f"{t.color} {t.noun}" for t in things if (t.color, t.noun) in HELD_OUT_SHAPES}
    )
    if held_out:
        found.append(f"a {' and a '.join(held_out)}, kept for tests")
    return found


_SMALLEST = 0.2  # of many thousand training scenes
_SLACK = 2 / _STEPS  # what moving to the grid may cost


def _cut_off(thing: SceneObject) -> bool:
    inside = MARGIN * thing.size - _SLACK
    return not all(inside <= at <= 1 - inside for at in (thing.x, thing.y))


def _crowded(a: SceneObject, b: SceneObject) -> bool:
    return math.dist((a.x, a.y), (b.x, b.y)) < SPACING * (a.size + b.size) / 2 - _SLACK


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
