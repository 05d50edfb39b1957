"""What the tabs ask for: the model, scenes and their truth, answers with their time, alignments.

torch and the model are imported on first use, so that the page is there before them.
"""

import os
import random
import re
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vilt_core.viz import stepper

if TYPE_CHECKING:
    from vilt_core.data.image import ImageSource
    from vilt_core.explain.alignment import Alignment
    from vilt_core.predictor import Answer, Predictor
    from vilt_core.world.scenes import Scene

MODEL = os.environ.get("VILT_LAB_MODEL", "vilt-mini")
MAX_ITERATIONS = 1000
PICTURE_SIDE = 512  # pixels of a scene on the page
THUMBNAIL_SIDE = 112
_SUGGESTIONS = 6
_CHIP_LETTERS = 46  # longer questions and captions are suggested only where shorter ones lack

_loading = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneKey:
    """Which scene of the world: nothing of it needs to be kept but this."""

    index: int
    seed: int = 0
    split: str = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Answers, the likeliest first, and what is known around them."""

    answers: tuple["Answer", ...]
    milliseconds: float
    model: str
    truth: str | None = None
    stranger: bool = False  # a picture from outside the world that the model was trained on


EXAMPLES = tuple(SceneKey(index=index) for index in (46, 25, 36, 7, 8, 43, 9, 12))


def predictor() -> "Predictor":
    """The model, loaded once.

    Raises:
        ValueError: one sentence on what is missing or damaged.
    """
    with _loading:
        return _load(MODEL)


@lru_cache(maxsize=1)
def _load(name: str) -> "Predictor":
    import vilt_core

    return vilt_core.load(name)


def warm_up() -> threading.Thread:
    """Load everything that a first visitor would wait for, beside the server."""

    def load() -> None:
        # In the order in which the page needs them. Without a model, whoever asks is told why.
        with suppress(ValueError):
            ask(None, "what is this?", key=EXAMPLES[0])
        for key in EXAMPLES:
            thumbnail(key)
        import ot  # noqa: F401  the exact optimum's solver

    thread = threading.Thread(target=load, name="warm-up", daemon=True)
    thread.start()
    return thread


# Scenes.


def another() -> SceneKey:
    """A scene that nobody has seen, the model included."""
    return SceneKey(index=random.SystemRandom().randrange(1000, 10_000_000))


@lru_cache(maxsize=256)
def scene(key: SceneKey) -> "Scene":
    """The scene behind a key."""
    from vilt_core.world.scenes import scene as draw_scene

    return draw_scene(key.seed, key.index, split=key.split)


@lru_cache(maxsize=64)
def picture(key: SceneKey, side: int = PICTURE_SIDE) -> np.ndarray:
    """A scene's pixels, (side, side, 3) uint8."""
    from vilt_core.world.rendering import paint

    return paint(scene(key), side).pixels


@lru_cache(maxsize=256)
def thumbnail(key: SceneKey) -> str:
    """A scene as a small picture inside a URL."""
    return stepper.data_url(picture(key, THUMBNAIL_SIDE))


@lru_cache(maxsize=256)
def description(key: SceneKey) -> str:
    """A true sentence for those who cannot see the picture."""
    from vilt_core.world.captions import caption

    return caption(scene(key), random.Random(f"alt/{key}").random, form="simple").text


@lru_cache(maxsize=256)
def questions_about(key: SceneKey) -> dict[str, str]:
    """Questions that fit a scene, with their true answers."""
    from vilt_core.world.questions import questions

    asked = questions(scene(key), random.Random(f"questions/{key}").random, count=24)
    found: dict[str, str] = {}
    kinds: dict[str, int] = {}
    for question in sorted(asked, key=lambda q: len(q.text) > _CHIP_LETTERS):
        text = _capital(question.text)
        if len(found) < _SUGGESTIONS and kinds.get(question.kind, 0) < 1 and text not in found:
            found[text] = question.answer
            kinds[question.kind] = 1
    return found


@lru_cache(maxsize=256)
def captions_of(key: SceneKey) -> tuple[str, ...]:
    """True sentences about a scene, in different forms."""
    return tuple(_capital(caption.text) for caption in _captions(key))


@lru_cache(maxsize=256)
def _captions(key: SceneKey) -> tuple[Any, ...]:
    from vilt_core.world.captions import caption

    draw = random.Random(f"captions/{key}").random
    forms = ("relational", "located", "simple", "relational", "counts", "located")
    found = {}
    for form in forms:
        made = caption(scene(key), draw, form=form)
        found.setdefault(made.text, made)
    return tuple(sorted(found.values(), key=lambda made: len(made.text) > 2 * _CHIP_LETTERS)[:3])


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _plain(text: str) -> str:
    """Two texts that differ in case, spaces or the last mark are the same question."""
    return " ".join(text.lower().split()).rstrip(" ?.!")


# Answers.


def true_answer(key: SceneKey | None, question: str) -> str | None:
    """The world's own answer, where the question is one of its own about this scene."""
    if key is None:
        return None
    known = {_plain(text): answer for text, answer in questions_about(key).items()}
    return known.get(_plain(question))


def ask(image: str | None, question: str, *, key: SceneKey | None = None, top_k: int = 5) -> Reply:
    """Ask the model.

    Args:
        image: path of the user's own picture.
        question: in English.
        key: the scene on show, if one is: then it is asked about.
        top_k: how many answers.

    Raises:
        ValueError: one sentence on what is wrong with the image, the question or the model.
    """
    model = predictor()
    begun = time.perf_counter()
    answers = model.answer(_seen(image, key), question, top_k=top_k)
    milliseconds = 1000 * (time.perf_counter() - begun)
    return Reply(
        answers=tuple(answers),
        milliseconds=milliseconds,
        model=model.name,
        truth=true_answer(key, question),
        stranger=key is None and model.domain == "stickers",
    )


def _seen(image: str | None, key: SceneKey | None) -> "ImageSource":
    """What the model is given: a scene drawn at the model's own size, or the bytes of a file.

    Bytes, and not a path, so that what is said about a bad file names no folder of the server.
    """
    if key is not None:
        return picture(key, predictor().image_size)
    if image is None:
        raise ValueError("choose a scene, or add a picture of your own, first")
    return Path(image).read_bytes()


# Alignments.


def align(
    image: str | None,
    sentence: str,
    *,
    beta: float = 0.5,
    iterations: int = 50,
    key: SceneKey | None = None,
) -> dict[str, Any]:
    """Everything that the interactive view shows: see ``vilt_core.viz.stepper``.

    Args:
        image: path of the user's own picture.
        sentence: in English.
        beta: of IPOT.
        iterations: of IPOT, at most ``MAX_ITERATIONS``.
        key: the scene on show, if one is: then that is aligned, and its truth comes along.

    Raises:
        ValueError: one sentence on what is wrong with what was given, or with the model.
    """
    from vilt_core.data.image import open_image
    from vilt_core.transport import ALGORITHM

    check_iterations(iterations)
    seen = open_image(_seen(image, key))
    found = predictor().align(seen, sentence, beta=float(beta), iterations=iterations, trace=True)
    return stepper.payload(
        np.asarray(seen) if key is None else picture(key),
        steps_of(found),
        words=[word.text for word in found.words],
        grid=found.grid,
        algorithm=ALGORITHM,
        settings={"beta": beta, "iterations": iterations},
        optimum=optimum_of(found),
        places=None if key is None else true_places(key, sentence, found),
    )


def check_iterations(iterations: int) -> None:
    """Refuse work without end.

    Raises:
        ValueError: out of range.
    """
    if not 1 <= iterations <= MAX_ITERATIONS:
        raise ValueError(f"iterations must lie in 1 to {MAX_ITERATIONS:,}, got {iterations:,}")


def steps_of(found: "Alignment") -> stepper.Steps:
    """The trace of an alignment, tokens summed into words, thinned to what a page carries."""
    trace = found.trace
    if trace is None:
        raise ValueError("expected an alignment with its trace, got one without")
    keep = stepper.frames_that_fit(
        len(trace.iterations), words=len(found.words), patches=found.plan.shape[1]
    )
    plans, sigma, delta = (
        values[keep] for values in (trace.plans, trace.text_scaling, trace.image_scaling)
    )
    scaling = sigma[:, :, None] * delta[:, None, :]
    sharpened = np.divide(plans, scaling, out=np.zeros_like(plans), where=scaling > 0)
    return stepper.Steps(
        iterations=tuple(trace.iterations[place] for place in keep),
        plans=_by_word(plans, found),
        transport_cost=trace.transport_cost[keep],
        text_error=trace.text_error[keep],
        image_error=trace.image_error[keep],
        entropy=trace.entropy[keep],
        ranges={
            "A": np.repeat(_range(np.exp(-found.cost / found.beta)[None]), len(keep), axis=0),
            "Q": _range(sharpened),
            "delta": _range(delta),
            "sigma": _range(sigma),
            "T": _range(plans),
        },
    )


def optimum_of(found: "Alignment") -> stepper.Optimum:
    """The exact optimum of the same cost, by POT's network simplex."""
    import ot

    cost = found.cost.astype(np.float64)
    plan = ot.emd(ot.unif(cost.shape[0]), ot.unif(cost.shape[1]), cost)
    return stepper.Optimum(plan=_by_word(plan[None], found)[0], cost=float((plan * cost).sum()))


def _by_word(plans: np.ndarray, found: "Alignment") -> np.ndarray:
    return np.stack([plans[:, list(word.tokens)].sum(axis=1) for word in found.words], axis=1)


def _range(values: np.ndarray) -> np.ndarray:
    flat = values.reshape(len(values), -1)
    return np.stack([flat.min(axis=1), flat.max(axis=1)], axis=-1)


def true_places(key: SceneKey, sentence: str, found: "Alignment") -> dict[int, stepper.Place]:
    """Where the nouns of a sentence truly are, by the index of their word."""
    import torch

    from vilt_core.evaluation.localisation import patches_in_boxes

    things = scene(key).objects
    places = {}
    for start, end, objects in _nouns(key, sentence):
        boxes = tuple(things[at].box for at in objects)
        inside = patches_in_boxes(torch.tensor(boxes), grid=found.grid).any(dim=0)
        place = stepper.Place(boxes=boxes, patches=tuple(inside.nonzero().flatten().tolist()))
        for at, word in enumerate(found.words):
            if word.start < end and word.end > start:
                places[at] = place
    return places


def _nouns(key: SceneKey, sentence: str) -> list[tuple[int, int, tuple[int, ...]]]:
    """Spans of nouns and the objects they name: as the world wrote them, else by their names."""
    for caption in _captions(key):
        if caption.text == sentence.lower():
            return [(m.noun_start, m.noun_end, m.objects) for m in caption.mentions if m.objects]
    named: dict[str, list[int]] = {}
    for at, thing in enumerate(scene(key).objects):
        for name in {thing.sprite.name, thing.sprite.plural}:
            named.setdefault(name, []).append(at)
            if thing.color is not None:
                named.setdefault(f"{thing.color} {name}", []).append(at)
    # The longest first, so that "red heart" is not also any heart.
    names = "|".join(re.escape(name) for name in sorted(named, key=len, reverse=True))
    spans = []
    for match in re.finditer(rf"\b(?:{names})\b", sentence.lower()):
        noun = match.group().split()[-1] if match.group().split()[0] in _colors() else match.group()
        spans.append((match.end() - len(noun), match.end(), tuple(named[match.group()])))
    return spans


@lru_cache(maxsize=1)
def _colors() -> frozenset[str]:
    from vilt_core.world.sprites import COLORS

    return frozenset(COLORS)
