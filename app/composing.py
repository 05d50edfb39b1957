"""Scenes that visitors compose: drawn as the models see them, asked about, and carried in links."""

import base64
import io
import random
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode

import numpy as np
from PIL import Image

from app import links, services
from app.services import Reply, SceneKey
from vilt_core.viz import stepper

if TYPE_CHECKING:
    from vilt_core.world.counterfactuals import Counterfactual
    from vilt_core.world.scenes import Scene

# A cat, a dog and a green circle. "Move the cat to the right" is the first idea about it.
OPENING = "1j5RDqEyJYUCKOX1fSvEsduzKX0PpGJDolw"
LONGEST_FILE = 20_000  # letters of a scene as JSON
PNG_SIDE = 1024
_VIEW_SIDE = 320  # of the picture under a word's heat
_PAPER_SIDE = 512
_TILE = 64  # of a sticker in the palette


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """A sentence beside a scene: how well it fits, whether it is true, where its words lie."""

    probability: float
    truth: bool | None
    words: tuple[str, ...]
    layers: tuple[str, ...]  # a word's heat as a picture of one pixel a patch, to lie over this:
    picture: str
    first: int  # the word to show
    milliseconds: float
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What a link carries."""

    scene: "Scene"
    question: str
    sentence: str


# Scenes.


def opening() -> "Scene":
    """What the tab opens with."""
    from vilt_core.world.composing import from_code

    return from_code(OPENING)


def example(key: SceneKey) -> "Scene":
    """A scene of the world, to go on from."""
    from vilt_core.world.composing import composed

    return composed(services.scene(key))


def link(scene: "Scene", question: str, sentence: str, model: str | None = None) -> str:
    """Everything to see this again: what follows the question mark of an address.

    The model is told where it is not the one that speaks anyway.
    """
    from vilt_core.world.composing import to_code

    told = "" if model in (None, speaker(None)) else model
    said = {"question": question.strip(), "sentence": sentence.strip(), "model": told}
    return urlencode(
        {"scene": to_code(scene)} | {name: text for name, text in said.items() if text}
    )


def shared(search: str) -> Shared | None:
    """What a link carries; None for an address without a scene.

    Raises:
        ValueError: one sentence on a link that is too long or broken.
    """
    from vilt_core.world.composing import from_code

    fields = parse_qs(search.removeprefix("?"), keep_blank_values=True)
    told = {name: fields[name][0] for name in ("scene", "question", "sentence") if name in fields}
    links.check_length(told)
    if "scene" not in told:
        return None
    return Shared(
        scene=from_code(told["scene"]),
        question=told.get("question", ""),
        sentence=told.get("sentence", ""),
    )


def description(scene: "Scene") -> str:
    """A true sentence for those who cannot see the picture."""
    from vilt_core.world.grammar import PLACE_WORDS, article
    from vilt_core.world.programs import place

    things = [
        f"{article(thing.sprite.label)} {thing.sprite.label} {PLACE_WORDS[place(thing)][0]}"
        for thing in scene.objects
    ]
    paper = f"{article(scene.background)} {scene.background} background"
    return f"{', '.join(things) or 'nothing'}, on {paper}"


def questions_about(scene: "Scene") -> list[str]:
    """What to ask; of scenes like those of the world, what the world would ask."""
    from vilt_core.world.scenes import COUNTS

    if 1 <= len(scene.objects) <= len(COUNTS):
        return list(services.fitting_questions(scene, _chance(scene)))
    many = list(dict.fromkeys(f"How many {t.sprite.plural} are there?" for t in scene.objects))
    return ["What color is the background?", "Is there an animal?", *many[:3]]


def sentences_about(scene: "Scene") -> list[str]:
    """What to say; the first is true of the scene."""
    from vilt_core.world.scenes import COUNTS

    if 1 <= len(scene.objects) <= len(COUNTS):
        made = services.fitting_captions(scene, _chance(scene))
        return [services.capital(caption.text) for caption in made]
    return [f"The background is {scene.background}", "A cat next to a dog"]


def ideas(scene: "Scene") -> "list[Counterfactual]":
    """Changes that turn a true answer, the same for the same scene."""
    from vilt_core.world.counterfactuals import counterfactuals

    return counterfactuals(scene, _chance(scene))


def _chance(scene: "Scene") -> Any:
    """Chance that stays the same while the same stickers lie there."""
    kinds = "/".join(sorted(thing.sprite.label for thing in scene.objects))
    return random.Random(f"composed/{kinds}/{scene.background}").random


# What a model makes of one.


def speaker(chosen: str | None) -> str:
    """The model that speaks about composed scenes: the chosen one, if it is small and here.

    Every change is answered at once and for three tasks, which no model does that is first fetched.
    """
    models = services.LIBRARY.models
    name = chosen or services.LIBRARY.default
    if name in models and models[name].at_once:
        return name
    return next((other for other, model in models.items() if model.at_once), name)


def ask(scene: "Scene", question: str, model: str) -> Reply:
    """A model's answer beside the scene's own, where the question is one of the world's.

    Raises:
        ValueError: one sentence on what is wrong with the question or the model.
    """
    from vilt_core.world.reading import true_answer

    asked = services.predictor(model, "answer")
    seen = _drawn(scene, asked.image_size)
    begun = time.perf_counter()
    answers = asked.answer(seen, question, top_k=5)
    return Reply(
        answers=tuple(answers),
        milliseconds=1000 * (time.perf_counter() - begun),
        model=model,
        truth=true_answer(question, scene),
    )


def is_undecided(scene: "Scene", question: str) -> bool:
    """Whether a question is the world's own, and this scene has no single answer to it."""
    from vilt_core.world.reading import read_question, true_answer

    return read_question(question) is not None and true_answer(question, scene) is None


def look(scene: "Scene", sentence: str, model: str) -> Sight:
    """How a model sees a sentence in a scene.

    Raises:
        ValueError: one sentence on what is wrong with the sentence or the model.
    """
    from vilt_core.viz.blend import veil
    from vilt_core.world.reading import truth

    matches, aligns = (services.predictor(model, task) for task in ("match", "align"))
    whole, parted = (_drawn(scene, asked.image_size) for asked in (matches, aligns))
    begun = time.perf_counter()
    chance = float(matches.match([whole], [sentence])[0, 0])
    found = aligns.align(parted, sentence)
    milliseconds = 1000 * (time.perf_counter() - begun)
    words = tuple(word.text for word in found.words)
    heats = [found.heatmap(at) for at in range(len(words))]
    return Sight(
        probability=chance,
        truth=truth(sentence, scene),
        words=words,
        layers=tuple(_url(veil(heat)) for heat in heats),
        picture=stepper.data_url(_drawn(scene, _VIEW_SIDE), side=_VIEW_SIDE),
        first=_first_noun(words),
        milliseconds=milliseconds,
        model=model,
    )


def _first_noun(words: tuple[str, ...]) -> int:
    """The place of the first word that names a sticker; 0 without one."""
    from vilt_core.world.sprites import sprites

    names = {part for s in sprites() for name in (s.name, s.plural) for part in name.split()}
    return next((at for at, word in enumerate(words) if word.lower() in names), 0)


@lru_cache(maxsize=64)
def _drawn(scene: "Scene", side: int) -> np.ndarray:
    from vilt_core.world.rendering import paint

    pixels = paint(scene, side).pixels
    pixels.flags.writeable = False
    return pixels


# Pictures for the page.


def thumbnail(scene: "Scene") -> str:
    """A small picture inside a URL."""
    side = 2 * services.THUMBNAIL_SIDE
    return stepper.data_url(_drawn(scene, side), side=side)


def png(scene: "Scene") -> str:
    """The picture to keep, large and exact, inside a URL."""
    return _url(_drawn(scene, PNG_SIDE), kind="PNG")


@lru_cache(maxsize=1024)
def sticker(style: str, name: str) -> str:
    """One sticker as it lies in the atlas, inside a URL.

    Raises:
        ValueError: no such style or name.
    """
    from vilt_core.world.sprites import atlas, sprites

    index = next((sprite.index for sprite in sprites() if sprite.label == name), None)
    if index is None:
        raise ValueError(f"there is no sticker named {name!r:.40}")
    return _url(_straight(atlas(style)[index]))


@lru_cache(maxsize=4)
def sheet(style: str) -> str:
    """All stickers of a style, small, ``COLUMNS`` a row, inside a URL.

    Raises:
        ValueError: no such style.
    """
    from vilt_core.world.sprites import COLUMNS, pyramid

    cells = next(level for level in pyramid(style) if level.shape[1] == _TILE)
    rows = -(-len(cells) // COLUMNS)
    whole = np.zeros((rows * COLUMNS, _TILE, _TILE, 4), np.uint8)
    whole[: len(cells)] = cells
    grid = whole.reshape(rows, COLUMNS, _TILE, _TILE, 4).swapaxes(1, 2)
    picture = _straight(grid.reshape(rows * _TILE, COLUMNS * _TILE, 4))
    return _url(picture, quality=72)


@lru_cache(maxsize=256)
def paper(background: str, texture: str, texture_seed: float) -> str:
    """A background inside a URL."""
    from vilt_core.world.composing import empty_scene, from_json, to_json

    bare = to_json(empty_scene(background=background, texture=texture))
    return _url(_drawn(from_json(bare | {"texture_seed": texture_seed}), _PAPER_SIDE))


def _straight(cells: np.ndarray) -> np.ndarray:
    """Premultiplied RGBA as browsers take it, the colour no longer times the opacity."""
    opacity = np.maximum(cells[..., 3:].astype(float), 1)
    color = (cells[..., :3] * 255.0 / opacity).clip(0, 255).round().astype(np.uint8)
    return np.concatenate([color, cells[..., 3:]], axis=-1)


def _url(pixels: np.ndarray, *, kind: str = "WEBP", quality: int | None = None) -> str:
    """Pixels inside a URL, exact unless a quality is given."""
    held = io.BytesIO()
    exact = {"lossless": True, "method": 2} if kind == "WEBP" else {}
    how: dict[str, Any] = exact if quality is None else {"quality": quality}
    Image.fromarray(pixels).save(held, format=kind, **how)
    return f"data:image/{kind.lower()};base64," + base64.b64encode(held.getvalue()).decode("ascii")


@lru_cache(maxsize=1)
def kit() -> dict[str, Any]:
    """What the editor must know of the world: names, sorts, styles, colours and limits."""
    from vilt_core.world import composing
    from vilt_core.world.grammar import PLACE_WORDS
    from vilt_core.world.scenes import BACKGROUNDS, TEXTURES
    from vilt_core.world.sprites import COLUMNS, HELD_OUT_STYLE, categories, sprites

    return {
        "stickers": [
            {
                "name": s.label,
                "plural": s.plural,
                "sort": s.category,
                "sorts": categories()[s.category],
            }
            for s in sprites()
        ],
        "columns": COLUMNS,
        "styles": list(composing.ART),
        "apart": HELD_OUT_STYLE,
        "papers": {name: "rgb({} {} {})".format(*rgb) for name, rgb in BACKGROUNDS.items()},
        "textures": list(TEXTURES),
        "most": composing.MOST,
        "small": composing.SMALL,
        "large": composing.LARGE,
        "turn": composing.MOST_TURN,
        "places": {name: words[0] for name, words in PLACE_WORDS.items()},
        "longest": LONGEST_FILE,
    }
