"""What the tabs ask for: models, scenes and their truth, and answers with the time they took.

torch and the model are imported on first use, so that the page is there before them.
"""

import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from app import accelerator, importing, models, waiting
from app.library import Library, Progress
from app.models import Checkpoint, Task
from app.photographs import PHOTOGRAPHS, Photograph
from vilt_core.viz import stepper

if TYPE_CHECKING:
    from vilt_core.data.image import ImageSource
    from vilt_core.predictor import Answer, Predictor
    from vilt_core.world.captions import Caption
    from vilt_core.world.questions import Question
    from vilt_core.world.scenes import Scene

PICTURE_SIDE = 512  # pixels of a scene on the page
THUMBNAIL_SIDE = 112
_SUGGESTIONS = 6
_CHIP_LETTERS = 46  # longer questions and captions are suggested only where shorter ones lack


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


Key = SceneKey | Photograph  # a picture of ours
Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in fractions of the picture's sides
EXAMPLES = tuple(SceneKey(index=index) for index in (46, 25, 36, 7, 8, 43, 9, 12))


# Models.


def open_checkpoint(checkpoint: Checkpoint, progress: Progress) -> "Predictor":
    """Load weights, from the Hugging Face Hub if they are not on this machine."""
    import vilt_core

    found = vilt_core.load(checkpoint.source, progress=progress)
    waiting.heed(found.model)
    return accelerator.borrowing(found, checkpoint.source)


LIBRARY = Library(models.catalogue(), open_checkpoint)


def predictor(model: str | None = None, task: Task = "answer") -> "Predictor":
    """What does a task; loaded once, now where it is not in memory.

    Args:
        model: by its name in the catalogue; the one that the page opens with unless given.
        task: of the five.

    Raises:
        ValueError: one sentence on what is missing, damaged, unknown or out of reach.
    """
    return LIBRARY.predictor(model or LIBRARY.default, task)


def domain(model: str) -> str:
    """What a model knows: "stickers" or "photographs".

    Raises:
        ValueError: the model tells it, and cannot be loaded.
    """
    return LIBRARY.model(model).domain or predictor(model).domain


def knows_photographs(model: str) -> bool:
    """Whether it was trained on photographs; no where that cannot be told."""
    return _told_domain(model) == "photographs"


def _told_domain(model: str) -> str | None:
    """What a model knows; None where that cannot be told."""
    with suppress(ValueError):
        return domain(model)
    return None


def stranger(key: object, model: str) -> bool:
    """Whether a model of stickers is shown something that is none.

    Args:
        key: of a scene, of one of a pair, or a photograph; None for the visitor's own picture.
        model: by its name.
    """
    return (key is None or isinstance(key, Photograph)) and _told_domain(model) == "stickers"


def examples(model: str) -> tuple[Key, ...]:
    """Pictures of the world that a model knows."""
    return PHOTOGRAPHS if knows_photographs(model) else EXAMPLES


def warm_up() -> threading.Thread:
    """Load everything that a first visitor would wait for, beside the server."""

    def load() -> None:
        importing.library()
        # In the order in which the page needs them. Without a model, whoever asks is told why.
        with suppress(ValueError):
            key = examples(LIBRARY.first)[0]
            ask(None, "what is this?", key=key, model=LIBRARY.first)
            aligns = predictor(LIBRARY.first, "align")  # which compiles what it computes with
            seen = seen_by_model(None, key, side=aligns.image_size)
            aligns.align(seen, captions_of(key)[0])  # with a trace nothing is compiled
        for key in (*EXAMPLES, *PHOTOGRAPHS):
            thumbnail(key)
        import ot  # noqa: F401  the exact optimum's solver

    thread = threading.Thread(target=load, name="warm-up", daemon=True)
    thread.start()
    return thread


# Scenes and photographs.


def another() -> SceneKey:
    """A scene that nobody has seen, the model included."""
    return SceneKey(index=random.SystemRandom().randrange(1000, 10_000_000))


@lru_cache(maxsize=256)
def scene(key: SceneKey) -> "Scene":
    """The scene behind a key."""
    from vilt_core.world.scenes import scene as draw_scene

    return draw_scene(key.seed, key.index, split=key.split)


@lru_cache(maxsize=64)
def picture(key: Key, side: int = PICTURE_SIDE) -> np.ndarray:
    """Pixels, (height, width, 3) uint8: of a scene (side, side), of a photograph as they are."""
    if isinstance(key, Photograph):
        from vilt_core.data.image import open_image

        return np.asarray(open_image(key.path))
    from vilt_core.world.rendering import paint

    return paint(scene(key), side).pixels


def pixels_of(file: str) -> np.ndarray:
    """Those of a picture on disk, upright.

    Raises:
        ValueError: it cannot be read; the sentence names no folder.
    """
    from vilt_core.data.image import open_image

    return np.asarray(open_image(bytes_of(file)))


def bytes_of(file: str) -> bytes:
    """Those of a visitor's own picture; its file is deleted a day after it was added.

    Raises:
        ValueError: it is there no longer.
    """
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise ValueError("this picture is kept no longer: add it again") from error


@lru_cache(maxsize=256)
def thumbnail(key: Key) -> str:
    """A small picture inside a URL."""
    return stepper.data_url(picture(key, THUMBNAIL_SIDE), side=THUMBNAIL_SIDE)


@lru_cache(maxsize=256)
def description(key: Key) -> str:
    """A true sentence for those who cannot see the picture."""
    if isinstance(key, Photograph):
        return key.shows
    from vilt_core.world.captions import caption

    return caption(scene(key), random.Random(f"alt/{key}").random, form="simple").text


def suggestions(key: Key) -> tuple[str, ...]:
    """Questions that fit a picture."""
    return key.questions if isinstance(key, Photograph) else tuple(questions_about(key))


def questions_about(key: SceneKey) -> dict[str, str]:
    """Questions that fit a scene, with their true answers."""
    return {text: question.answer for text, question in questions_with_truth(key).items()}


@lru_cache(maxsize=256)
def questions_with_truth(key: SceneKey) -> dict[str, "Question"]:
    """The same, with what they speak of."""
    return fitting_questions(scene(key), random.Random(f"questions/{key}").random)


def fitting_questions(drawn: "Scene", draw: Callable[[], float]) -> dict[str, "Question"]:
    """A few short questions of different kinds about a scene of the world."""
    from vilt_core.world.questions import questions

    asked = questions(drawn, draw, count=24)
    found: dict[str, Question] = {}
    kinds: dict[str, int] = {}
    for question in sorted(asked, key=lambda q: len(q.text) > _CHIP_LETTERS):
        text = capital(question.text)
        if len(found) < _SUGGESTIONS and kinds.get(question.kind, 0) < 1 and text not in found:
            found[text] = question
            kinds[question.kind] = 1
    return found


@lru_cache(maxsize=256)
def captions_of(key: Key) -> tuple[str, ...]:
    """Sentences about a picture, in different forms; about a scene they are all true."""
    if isinstance(key, Photograph):
        return key.captions
    return tuple(capital(caption.text) for caption in captions_with_truth(key))


@lru_cache(maxsize=256)
def captions_with_truth(key: SceneKey) -> tuple["Caption", ...]:
    """The same, in the world's own spelling, with what their nouns stand for."""
    return fitting_captions(scene(key), random.Random(f"captions/{key}").random)


def fitting_captions(drawn: "Scene", draw: Callable[[], float]) -> tuple["Caption", ...]:
    """Three captions of a scene of the world, in different forms."""
    from vilt_core.world.captions import caption

    forms = ("relational", "located", "simple", "relational", "counts", "located")
    found = {}
    for form in forms:
        made = caption(drawn, draw, form=form)
        found.setdefault(made.text, made)
    return tuple(sorted(found.values(), key=lambda made: len(made.text) > 2 * _CHIP_LETTERS)[:3])


def capital(text: str) -> str:
    """A text of the world as a sentence begins."""
    return text[:1].upper() + text[1:]


def folded(text: str) -> str:
    """What a text says, whatever its case, white space and last mark."""
    return " ".join(text.lower().split()).rstrip(" ?.!")


# Answers.


def true_answer(key: Key | None, question: str) -> str | None:
    """The world's own answer, where the question is one of its own about this scene."""
    if not isinstance(key, SceneKey):
        return None
    known = _question(key, question)
    return None if known is None else known.answer


def asked_about(key: SceneKey, question: str) -> tuple[Box, ...]:
    """Where what a question of the world speaks of is, and what answers it; of others, nothing."""
    from vilt_core.world.questions import asked_about as objects_of

    known = _question(key, question)
    return () if known is None else _boxes(key, objects_of(scene(key), known))


def named_by_answer(key: SceneKey, question: str) -> tuple[Box, ...]:
    """Where that is for which the true answer to a question of the world stands, such as a fox."""
    from vilt_core.world.questions import named_by_answer as objects_of

    known = _question(key, question)
    return () if known is None else _boxes(key, objects_of(scene(key), known))


def _question(key: SceneKey, text: str) -> "Question | None":
    """The world's own question about a scene that says the same."""
    known = questions_with_truth(key)
    return next((one for said, one in known.items() if folded(said) == folded(text)), None)


def _boxes(key: SceneKey, objects: tuple[int, ...]) -> tuple[Box, ...]:
    return tuple(scene(key).objects[at].box for at in objects)


def ask(
    image: str | None,
    question: str,
    *,
    key: Key | None = None,
    model: str | None = None,
    top_k: int = 5,
) -> Reply:
    """Ask a model.

    Args:
        image: path of the user's own picture.
        question: in English.
        key: the picture of ours on show, if one is: then it is asked about.
        model: by its name in the catalogue; the one that the page opens with unless given.
        top_k: how many answers.

    Raises:
        ValueError: one sentence on what is wrong with the image, the question or the model.
    """
    name = model or LIBRARY.default
    asked = predictor(name, "answer")
    seen = seen_by_model(image, key, side=asked.image_size)
    begun = time.perf_counter()
    answers = asked.answer(seen, question, top_k=top_k)
    milliseconds = 1000 * (time.perf_counter() - begun)
    return Reply(
        answers=tuple(answers),
        milliseconds=milliseconds,
        model=name,
        truth=true_answer(key, question),
        stranger=stranger(key, name),
    )


def seen_by_model(image: str | None, key: Key | None, *, side: int) -> "ImageSource":
    """What a model is given: a scene drawn at the model's own size, or the bytes of a file.

    Bytes, and not a path, so that what is said about a bad file names no folder of the server.
    """
    if isinstance(key, SceneKey):
        return picture(key, side)
    if key is not None:
        return key.path.read_bytes()
    if image is None:
        raise ValueError("choose a picture, or add one of your own, first")
    return bytes_of(image)
