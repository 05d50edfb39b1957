"""Two pictures and a statement: what a model makes of them, in both orders."""

import random
import time
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from app import services
from app.photographs import PHOTOGRAPHS, Photograph
from vilt_core.viz import pairs, stepper

if TYPE_CHECKING:
    from vilt_core.data.image import ImageSource
    from vilt_core.predictor import Comparison, Predictor
    from vilt_core.world.scenes import Scene
    from vilt_core.world.statements import Statement

_SUGGESTIONS = 6
_DRAWN = 40  # statements, of which that many forms are looked for
_LETTERS = 60  # longer statements are suggested only where shorter ones lack


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneOfPair:
    """One scene of a pair of the world."""

    index: int  # of the pair
    right: bool
    seed: int = 0
    split: str = "test"


Ours = SceneOfPair | Photograph  # a picture of ours
Pair = tuple[Ours, Ours]


def pair_of(index: int) -> Pair:
    """A pair of scenes that have some kinds in common."""
    return SceneOfPair(index=index, right=False), SceneOfPair(index=index, right=True)


EXAMPLES: tuple[Pair, ...] = tuple(pair_of(index) for index in (2, 4, 7, 9, 12, 17))
OF_PHOTOGRAPHS: tuple[Pair, ...] = tuple(
    (PHOTOGRAPHS[one], PHOTOGRAPHS[other]) for one, other in ((0, 1), (2, 4), (3, 2), (1, 3))
)
GENERAL = {
    "stickers": (
        "The left picture has more stickers than the right one",
        "Both pictures show an animal",
        "There is a red heart in one of the pictures",
    ),
    "photographs": (
        "There is a person in both images",
        "One image shows an animal and the other does not",
        "The left image was taken indoors",
        "There is a cup in the right image",
    ),
}


def examples(model: str) -> tuple[Pair, ...]:
    """Pairs of the world that a model knows."""
    return OF_PHOTOGRAPHS if services.knows_photographs(model) else EXAMPLES


def another() -> Pair:
    """A pair of scenes that nobody has seen, the model included."""
    return pair_of(random.SystemRandom().randrange(1000, 10_000_000))


@lru_cache(maxsize=128)
def scene(key: SceneOfPair) -> "Scene":
    """The scene behind a key."""
    from vilt_core.world.statements import pair

    return pair(key.seed, key.index, split=key.split)[key.right]


@lru_cache(maxsize=64)
def picture(key: Ours, side: int = services.PICTURE_SIDE) -> np.ndarray:
    """Pixels, (height, width, 3) uint8."""
    if isinstance(key, Photograph):
        return services.picture(key)
    from vilt_core.world.rendering import paint

    return paint(scene(key), side).pixels


@lru_cache(maxsize=64)
def thumbnail(both: Pair) -> str:
    """Both pictures of a pair in one small one, inside a URL."""
    from PIL import Image

    side = services.THUMBNAIL_SIDE
    tiles = [np.asarray(Image.fromarray(picture(key, side)).resize((side, side))) for key in both]
    return stepper.data_url(np.concatenate(tiles, axis=1), side=2 * side)


def description(both: Pair) -> str:
    """For those who cannot see the two."""
    left, right = (_shows(key) for key in both)
    return f"{left}; and {right[:1].lower()}{right[1:]}"


@lru_cache(maxsize=128)
def _shows(key: Ours) -> str:
    if isinstance(key, Photograph):
        return key.shows
    from vilt_core.world.captions import caption

    return caption(scene(key), random.Random(f"alt/{key}").random, form="simple").text


# Statements.


@lru_cache(maxsize=128)
def statements(key: SceneOfPair) -> tuple["Statement", ...]:
    """Some about the pair of a picture, of different forms, true and false ones in turn.

    Those come first that are no longer true, or no longer false, once the pictures are swapped.
    """
    from vilt_core.world.programs import execute
    from vilt_core.world.statements import statement

    left, right = scene(replace(key, right=False)), scene(replace(key, right=True))
    draw = random.Random(f"statements/{key.index}").random
    drawn = [statement(left, right, draw) for _ in range(_DRAWN)]
    drawn.sort(key=lambda one: len(one.text) > _LETTERS)
    found: list[Statement] = []
    for one in drawn:
        wanted = len(found) % 2 == 0
        if one.label == wanted and all(one.form != other.form for other in found):
            found.append(one)
    found.sort(key=lambda one: execute(one.program, right, left) == one.label)
    return tuple(found[:_SUGGESTIONS])


def suggested(left: Ours | None, right: Ours | None, model: str) -> tuple[str, ...]:
    """Statements that fit two pictures."""
    pair = _pair_on_show(left, right)
    if pair is not None:
        return tuple(one.text[:1].upper() + one.text[1:] for one in statements(pair))
    return GENERAL["photographs" if services.knows_photographs(model) else "stickers"]


def truth_of(left: Ours | None, right: Ours | None, statement: str) -> bool | None:
    """Whether a statement is true of two pictures in this order, where the world made it."""
    from vilt_core.world.programs import execute

    pair = _pair_on_show(left, right)
    if pair is None:
        return None
    assert isinstance(left, SceneOfPair)
    assert isinstance(right, SceneOfPair)
    for one in statements(pair):
        if services.folded(one.text) == services.folded(statement):
            return bool(execute(one.program, scene(left), scene(right)))
    return None


def _pair_on_show(left: Ours | None, right: Ours | None) -> SceneOfPair | None:
    """The left picture of the pair of the world that the two are, in either order."""
    if not isinstance(left, SceneOfPair) or not isinstance(right, SceneOfPair):
        return None
    return replace(left, right=False) if left == replace(right, right=not right.right) else None


# What the model makes of them.


def compare(
    images: tuple[str | None, str | None],
    statement: str,
    *,
    keys: tuple[Ours | None, Ours | None] = (None, None),
    model: str | None = None,
) -> str:
    """The pair method in both orders, as HTML: see ``vilt_core.viz.pairs``.

    Args:
        images: paths of the user's own pictures, the left and the right one.
        statement: about both.
        keys: the pictures of ours on show; None where there is one of the user's own.
        model: by its name in the catalogue; the one that the page opens with unless given.

    Raises:
        ValueError: one sentence on what is wrong with a picture, the statement or the model.
    """
    from vilt_core.data.image import open_image

    asked = services.predictor(model, "compare")
    left, right = (
        open_image(_seen(asked, image, key, name))
        for image, key, name in zip(images, keys, ("left", "right"), strict=True)
    )
    begun = time.perf_counter()
    given, swapped = asked.weigh(left, right, statement), asked.weigh(right, left, statement)
    milliseconds = 1000 * (time.perf_counter() - begun)
    one, other = np.asarray(left), np.asarray(right)
    return pairs.pair_method(
        _order("As they stand", given, _NAMES, (one, other), truth_of(keys[0], keys[1], statement)),
        _order("Swapped", swapped, _SWAPPED, (other, one), truth_of(keys[1], keys[0], statement)),
        statement=statement,
        milliseconds=milliseconds,
    )


_NAMES = ("the left picture", "the right picture")
_SWAPPED = ("the right picture", "the left picture")


def _order(
    title: str,
    found: "Comparison",
    names: tuple[str, str],
    seen: tuple[np.ndarray, np.ndarray],
    truth: bool | None,
) -> pairs.Order:
    first, second = (
        pairs.Reading(name=name, pixels=pixels, pooled=pooled)
        for name, pixels, pooled in zip(names, seen, (found.left, found.right), strict=True)
    )
    return pairs.Order(
        title=title, first=first, second=second, probability=found.probability, truth=truth
    )


def _seen(asked: "Predictor", image: str | None, key: Ours | None, name: str) -> "ImageSource":
    """What the model is given: a scene drawn at its own size, or the bytes of a file."""
    if isinstance(key, SceneOfPair):
        return picture(key, asked.image_size)
    if key is not None:
        return key.path.read_bytes()
    if image is None:
        raise ValueError(f"choose a pair, or add a {name} picture of your own, first")
    return services.bytes_of(image)


def stranger(keys: tuple[Ours | None, Ours | None], model: str) -> bool:
    """Whether a model of stickers is shown something that is none."""
    return any(services.stranger(key, model) for key in keys)


def credit(both: Pair | None) -> str:
    """Whose photographs they are."""
    credits = [key.credit for key in both or () if isinstance(key, Photograph)]
    return "; ".join(dict.fromkeys(credits))
