"""A sentence and its foil, or a picture and its foil: what a model makes of either.

Both numbers are of one checkpoint, the one that matches: P(match), and the transport distance
between the words and the patches, which WPA trains (section 3.2).
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from app import services
from app.services import Key, SceneKey
from vilt_core.viz import foils

if TYPE_CHECKING:
    from vilt_core.data.image import ImageSource
    from vilt_core.explain.alignment import Alignment
    from vilt_core.predictor import Predictor
    from vilt_core.world.negatives import HardNegative
    from vilt_core.world.scenes import Scene

BETA, ITERATIONS = 0.5, 50  # of IPOT, as WPA trains
KINDS = {
    "noun": "Noun",
    "number": "Number",
    "color": "Colour",
    "relation": "Relation",
}  # what a foil changes, as the page calls it
GENERAL = {
    "stickers": (
        "A cat next to a red heart",
        "A dog next to a red heart",
        "A cat next to two red hearts",
        "A cat next to a blue heart",
        "A cat above a red heart",
    ),
    "photographs": (
        "A person in front of a building",
        "A dog in front of a building",
        "Three people in front of a building",
        "A person on top of a building",
    ),
}  # about the user's own picture: the first sentence, and foils of it
OF_PHOTOGRAPHS = {
    "cat.jpg": (
        "A cat with green eyes and long whiskers",
        "A dog with green eyes and long whiskers",
        "Two cats with green eyes and long whiskers",
        "A cat with blue eyes and long whiskers",
    ),
    "coffee.jpg": (
        "A cup of coffee on a red saucer",
        "A bowl of soup on a red saucer",
        "Three cups of coffee on a red saucer",
        "A cup of coffee on a green saucer",
        "A cup of coffee under a red saucer",
    ),
    "astronaut.jpg": (
        "A woman in an orange suit in front of a flag",
        "A horse in an orange suit in front of a flag",
        "Two women in an orange suit in front of a flag",
        "A woman in a blue suit in front of a flag",
        "A woman in an orange suit behind a flag",
    ),
    "rocket.jpg": (
        "A white rocket between towers under a blue sky",
        "A white train between towers under a blue sky",
        "Two white rockets between towers under a blue sky",
        "A red rocket between towers under a blue sky",
        "A white rocket between towers above a blue sky",
    ),
    "photographer.jpg": (
        "A man in a black coat behind a camera",
        "A woman in a black coat behind a camera",
        "Three men in black coats behind a camera",
        "A man in a red coat behind a camera",
        "A man in a black coat on top of a camera",
    ),
}
_ROUNDS = 8  # true sentences to choose the one from that can be changed in most ways
TURNS = 12  # sentences about a scene: of all of them the truth is looked up
_LONGEST = 72  # letters of a sentence that is offered, where shorter ones can be had


@dataclass(frozen=True, slots=True, kw_only=True)
class Foil:
    """A sentence, and one that differs in a word."""

    true: str
    false: str
    label: str  # what is changed, and to what


# Sentences.


def near_misses(key: SceneKey, turn: int = 0) -> tuple["HardNegative", ...]:
    """One true sentence about a scene with its foils; another one each turn, until all were."""
    return _near_misses(key, turn % TURNS)


@lru_cache(maxsize=128)
def _near_misses(key: SceneKey, turn: int) -> tuple["HardNegative", ...]:
    from vilt_core.world.negatives import near_misses as draw_near_misses

    draw = random.Random(f"foils/{key}/{turn}").random
    found = [draw_near_misses(services.scene(key), draw) for _ in range(_ROUNDS)]
    return max(found, key=lambda some: (len(some[0].positive.text) <= _LONGEST, len(some)))


def offered(key: Key | None, turn: int = 0, *, model: str = "") -> tuple[Foil, ...]:
    """Foils of one click: of a scene by the world, of a photograph by hand.

    Args:
        key: the picture on show; None for the user's own.
        turn: which of the sentences about a scene.
        model: whose world the suggestions about the user's own picture come from.
    """
    if isinstance(key, SceneKey):
        return tuple(
            Foil(
                true=services.capital(one.positive.text),
                false=services.capital(one.text),
                label=f"{KINDS[one.changed]}: {one.text}",
            )
            for one in near_misses(key, turn)
        )
    if key is None:
        texts = GENERAL["photographs" if services.knows_photographs(model) else "stickers"]
    else:
        texts = OF_PHOTOGRAPHS.get(key.file, key.captions)
    true, *others = texts
    return tuple(Foil(true=true, false=other, label=other) for other in others)


def spoken_of(key: SceneKey, turn: int = 0) -> int:
    """The first sticker that a true sentence speaks of."""
    mentions = near_misses(key, turn)[0].positive.mentions
    return next((mention.objects[0] for mention in mentions if mention.objects), 0)


def truth_of(key: Key | None, sentence: str, scene: "Scene | None" = None) -> bool | None:
    """Whether a sentence is true of a scene, where the world made it; None where nobody knows.

    Args:
        key: the picture on show.
        sentence: as it stands in its box.
        scene: what became of the scene, if it was changed.
    """
    from vilt_core.world.programs import execute

    if not isinstance(key, SceneKey):
        return None
    claim = _claims(key).get(services.folded(sentence))
    return None if claim is None else bool(execute(claim, scene or services.scene(key)))


def _claims(key: SceneKey) -> dict[str, Any]:
    found = {services.folded(one.text): one.program for one in services.captions_with_truth(key)}
    for turn in range(TURNS):
        for one in near_misses(key, turn):
            found[services.folded(one.positive.text)] = one.positive.program
            found[services.folded(one.text)] = one.program
    return found


# Stickers.


def stickers(key: SceneKey) -> tuple[str, ...]:
    """What can be swapped, by its place where there are several of a kind."""
    names = [thing.sprite.label for thing in services.scene(key).objects]
    return tuple(
        name if names.count(name) == 1 else f"{name} {names[:at].count(name) + 1}"
        for at, name in enumerate(names)
    )


@lru_cache(maxsize=1)
def things() -> tuple[str, ...]:
    """Every sticker of the world by its name, in the order of the alphabet."""
    from vilt_core.world.sprites import sprites

    return tuple(sorted(sprite.label for sprite in sprites()))


def another_thing(key: SceneKey, at: int) -> str:
    """A sticker of the same category as one of a scene, which the scene lacks."""
    from vilt_core.world.swapping import kin_of

    return kin_of(services.scene(key), at, random.Random(f"kin/{key}/{at}").random).label


def swapped_scene(key: Key | None, sticker: str, thing: str) -> "Scene":
    """A scene with one of its stickers swapped.

    Args:
        key: which scene.
        sticker: one of ``stickers(key)``.
        thing: one of ``things()``.

    Raises:
        ValueError: no scene, or no such sticker.
    """
    from vilt_core.world.sprites import sprites
    from vilt_core.world.swapping import swapped

    if not isinstance(key, SceneKey):
        raise ValueError("stickers can be swapped in scenes of the world alone: choose a scene")
    known = stickers(key)
    if sticker not in known:
        raise ValueError(f"choose the sticker to swap: {', '.join(known)}")
    found = next((sprite for sprite in sprites() if sprite.label == thing), None)
    if found is None:
        raise ValueError("choose what it is swapped for")
    return swapped(services.scene(key), known.index(sticker), found)


# What the model makes of it.


def sentences(
    image: str | None, true: str, false: str, *, key: Key | None = None, model: str | None = None
) -> str:
    """Two sentences on one picture, as HTML: see ``vilt_core.viz.foils``.

    Args:
        image: path of the user's own picture.
        true: a sentence.
        false: the same with something changed.
        key: the picture of ours on show, if one is: then that is looked at.
        model: by its name in the catalogue; the one that the page opens with unless given.

    Raises:
        ValueError: one sentence on what is wrong with the picture, a sentence or the model.
    """
    from vilt_core.data.image import open_image

    asked = services.predictor(model, "match")
    seen = open_image(services.seen_by_model(image, key, side=asked.image_size))
    shown = np.asarray(seen) if key is None else services.picture(key)
    chances = asked.match(seen, [true, false])[0]
    first, second = (
        _side(
            asked, seen, text, shown, chance=float(chance), title=title, truth=truth_of(key, text)
        )
        for text, chance, title in zip(
            (true, false), chances, ("Sentence", "Changed sentence"), strict=True
        )
    )
    return foils.board(first, second, pairs=paired(first.words, second.words))


def pictures(sentence: str, scene: "Scene", *, key: SceneKey, model: str | None = None) -> str:
    """One sentence on a scene and on what became of it, as HTML.

    Args:
        sentence: about the scene.
        scene: the changed one.
        key: the scene as it was.
        model: by its name in the catalogue; the one that the page opens with unless given.

    Raises:
        ValueError: one sentence on what is wrong with the sentence or the model.
    """
    from vilt_core.data.image import open_image
    from vilt_core.world.rendering import paint

    asked = services.predictor(model, "match")
    sides = []
    moved = [
        at
        for at, (one, other) in enumerate(
            zip(services.scene(key).objects, scene.objects, strict=True)
        )
        if one != other
    ]
    for title, place in (("Picture", services.scene(key)), ("Changed picture", scene)):
        seen = open_image(paint(place, asked.image_size).pixels)
        sides.append(
            _side(
                asked,
                seen,
                sentence,
                paint(place, services.PICTURE_SIDE).pixels,
                chance=float(asked.match(seen, sentence)[0, 0]),
                title=title,
                truth=truth_of(key, sentence, place),
                marks=[place.objects[at].box for at in moved],
            )
        )
    first, second = sides
    return foils.board(first, second, pairs=paired(first.words, second.words))


def paired(first: Sequence[str], second: Sequence[str]) -> list[tuple[int | None, int | None]]:
    """Which word of one sentence stands for which of the other, in the order of both.

    Words that stay are paired with themselves, and what lies between with what lies between, one
    by one as far as it goes: then a word has no partner.
    """
    one, other = ([word.lower() for word in words] for words in (first, second))
    found: list[tuple[int | None, int | None]] = []
    for _, a, b, c, d in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        for step in range(max(b - a, d - c)):
            found.append((a + step if a + step < b else None, c + step if c + step < d else None))
    return found


def _side(
    asked: "Predictor",
    seen: "ImageSource",
    sentence: str,
    pixels: np.ndarray,
    *,
    chance: float,
    title: str,
    truth: bool | None,
    marks: Sequence[foils.Box] = (),
) -> foils.Side:
    found = asked.align(seen, sentence, beta=BETA, iterations=ITERATIONS)
    places = range(len(found.words))
    return foils.Side(
        title=title,
        pixels=pixels,
        words=[word.text for word in found.words],
        probability=chance,
        distance=found.transport_cost,
        parts=np.array([found.carried_cost(at) for at in places]),
        plan=_rows(found, "mass"),
        heat=_rows(found, "heatmap"),
        grid=found.grid,
        truth=truth,
        marks=marks,
    )


def _rows(found: "Alignment", what: str) -> np.ndarray:
    return np.stack([getattr(found, what)(at).ravel() for at in range(len(found.words))])
