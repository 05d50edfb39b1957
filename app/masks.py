"""Words hidden from a model, and how much the picture helps it to find them.

torch and the model are imported on first use, so that the page is there before them.
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from app import services
from app.services import Key, SceneKey
from vilt_core.viz import masks

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from PIL import Image

    from vilt_core.data.text import Word
    from vilt_core.evaluation.hidden_words import Step
    from vilt_core.predictor import Predictor

Unit = Literal["word", "piece"]

CONDITIONS = {
    "with": "With the picture",
    "blurred": "Picture out of focus",
    "without": "Without the picture",
}
MOST_CAPTIONS = 512
_CANDIDATES = 5
_GIRAFFE = "giraffe"  # the word of section 3.3
_SEARCHED = 1500  # scenes, until one shows a word that falls into pieces
_MIDDLE = 3  # pieces that a word must have, so that one stands between others


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A scene that shows something whose name falls into several pieces."""

    key: SceneKey
    sentence: str
    word: str


# Words and pieces.


def words_of(sentence: str, model: str | None = None) -> list[tuple[str, list[tuple[int, str]]]]:
    """The words of a sentence, each with its pieces and their places in the sequence.

    Raises:
        ValueError: one sentence on what is wrong with the sentence or the model.
    """
    asked = services.predictor(model, "fill")
    return [(word.text, pieces) for word, pieces in _pieces(asked, sentence)]


def _pieces(asked: "Predictor", sentence: str) -> list[tuple["Word", list[tuple[int, str]]]]:
    tokenizer = asked.tokenizer
    text = tokenizer.check(sentence, noun="sentence")
    ids = tokenizer.encode([text]).batch.ids[0].tolist()
    return [
        (word, [(at, tokenizer.token(ids[at])) for at in word.tokens])
        for word in tokenizer.words(text)
    ]


def toggled(
    sentence: str, hidden: Sequence[int], at: int, *, unit: Unit, model: str | None = None
) -> tuple[int, ...]:
    """What is hidden after a click on a piece: it, or all of its word, hidden or shown again.

    Raises:
        ValueError: as ``words_of``, or no such piece.
    """
    words = [[place for place, _ in pieces] for _, pieces in words_of(sentence, model)]
    own = next((places for places in words if at in places), None)
    if own is None:
        raise ValueError("the sentence has changed meanwhile: choose a word of it again")
    moved = set(own) if unit == "word" else {at}
    before = set(hidden)
    return tuple(sorted(before - moved if moved <= before else before | moved))


def first_hidden(
    key: Key | None, sentence: str, model: str | None = None, *, unit: Unit = "word"
) -> tuple[int, ...]:
    """What is hidden of a sentence that is new: a noun of a scene's caption, else the last word.

    Raises:
        ValueError: as ``words_of``.
    """
    words = words_of(sentence, model)
    names = set()
    if isinstance(key, SceneKey):
        for thing in services.scene(key).objects:
            names |= {thing.sprite.name, thing.sprite.plural}
    spoken = [pieces for text, pieces in words if text[0].isalnum()] or [words[-1][1]]
    named = [pieces for text, pieces in words if text.lower() in names]
    chosen = [at for at, _ in (named or spoken[-1:])[0]]
    return tuple(chosen if unit == "word" else chosen[:1])


# What the model says.


def look(
    image: str | None,
    sentence: str,
    hidden: Sequence[int],
    *,
    key: Key | None = None,
    model: str | None = None,
) -> str:
    """What stands under the hidden pieces, three times: see ``vilt_core.viz.masks.guesses``.

    Args:
        image: path of the user's own picture.
        sentence: with nothing hidden yet.
        hidden: places of pieces, as ``words_of`` gives them.
        key: the picture of ours on show, if one is: then that is looked at.
        model: by its name in the catalogue; the one that the page opens with unless given.

    Raises:
        ValueError: one sentence on what is wrong with the picture, the sentence or the model.
    """
    asked = services.predictor(model, "fill")
    shown = _shown(asked, image, key)
    told = [asked.guess(seen, sentence, hidden, top_k=_CANDIDATES) for seen in shown.values()]
    word_at = {at: word.text for word, pieces in _pieces(asked, sentence) for at, _ in pieces}
    places = [
        masks.Place(
            piece=row[0].truth.text,
            word=word_at[row[0].token],
            told=[
                masks.Told(
                    probability=guess.truth.probability,
                    rank=guess.rank,
                    candidates=[(one.text, one.probability) for one in guess.likeliest],
                )
                for guess in row
            ],
        )
        for row in zip(*told, strict=True)
    ]
    conditions = [
        masks.Condition(
            title=CONDITIONS[name], pixels=None if picture is None else np.asarray(picture)
        )
        for name, picture in shown.items()
    ]
    return masks.guesses(conditions, places)


def _shown(
    asked: "Predictor", image: str | None, key: Key | None
) -> dict[str, "Image.Image | None"]:
    """What the model is shown, by condition: the picture as it reads it, blurred, nothing."""
    from vilt_core.data.image import blurred, open_image

    picture = open_image(services.seen_by_model(image, key, side=asked.image_size))
    return {"with": picture, "blurred": blurred(picture), "without": None}


# The giraffe.


@lru_cache(maxsize=8)
def broken_words(model: str) -> tuple[str, ...]:
    """Nouns of the world that a model reads in three pieces or more, the giraffe first.

    Raises:
        ValueError: the model cannot be had, or it knows every noun in one piece or two.
    """
    tokenizer = services.predictor(model, "fill").tokenizer
    found = [name for name in _nouns() if tokenizer.count(name) - 2 >= _MIDDLE]
    if not found:
        raise ValueError(f"{model} reads every noun of the sticker world in one piece or two")
    return tuple(sorted(found, key=lambda name: (name != _GIRAFFE, _nouns().index(name))))


@lru_cache(maxsize=1)
def _nouns() -> tuple[str, ...]:
    """Those of one word."""
    from vilt_core.world.sprites import nouns

    return tuple(name for name in nouns() if name.isalpha())


@lru_cache(maxsize=64)
def example(word: str) -> Example:
    """The first scene with one sticker of a noun, and a sentence that says it.

    Raises:
        ValueError: no scene shows it.
    """
    from vilt_core.world.captions import caption

    for index in range(_SEARCHED):
        key = SceneKey(index=index)
        names = [thing.sprite.name for thing in services.scene(key).objects]
        if names.count(word) == 1:
            said = caption(services.scene(key), random.Random(word).random, form="simple").text
            if re.search(rf"\b{re.escape(word)}\b", said):
                return Example(key=key, sentence=said, word=word)
    raise ValueError(f"no scene shows one {word}: choose another word")


def lesson(word: str, model: str) -> str:
    """Section 3.3 live, as HTML: a piece hidden alone, and with the whole word.

    Args:
        word: one of ``broken_words(model)``.
        model: by its name in the catalogue.

    Raises:
        ValueError: as ``broken_words`` and ``example``.
    """
    if word not in broken_words(model):
        raise ValueError(f"choose one of {', '.join(broken_words(model))}")
    found = example(word)
    asked = services.predictor(model, "fill")
    pieces = next(
        pieces for spoken, pieces in _pieces(asked, found.sentence) if spoken.text.lower() == word
    )
    middle = len(pieces) // 2
    at = pieces[middle][0]
    shown = dict(reversed(_shown(asked, None, found.key).items()))

    def chances(hidden: Sequence[int]) -> list[float]:
        rows = [asked.guess(picture, found.sentence, hidden) for picture in shown.values()]
        return [next(g for g in row if g.token == at).truth.probability for row in rows]

    return masks.lesson(
        masks.Lesson(
            pixels=services.picture(found.key),
            shows=services.description(found.key),
            sentence=found.sentence,
            pieces=[text for _, text in pieces],
            asked=middle,
            conditions=[CONDITIONS[name] for name in shown],
            alone=chances([at]),
            whole=chances([place for place, _ in pieces]),
            fitting=_fitting(asked, [text for _, text in pieces], middle),
        )
    )


def _fitting(asked: "Predictor", pieces: list[str], hidden: int) -> tuple[int, int]:
    """How many nouns of the world agree with the pieces but one, and with their number alone."""
    tokenizer = asked.tokenizer
    long = [row for row in map(tokenizer.pieces, _nouns()) if len(row) == len(pieces)]
    rest = pieces[:hidden] + pieces[hidden + 1 :]
    return sum(row[:hidden] + row[hidden + 1 :] == rest for row in long), len(long)


# How much the picture helps.


def steps(captions: int, *, model: str | None = None) -> Iterator["Step"]:
    """Hidden words of the world's captions, guessed batch by batch.

    Raises:
        ValueError: a number out of range, or one sentence on what is wrong with the model.
    """
    from vilt_core.evaluation.hidden_words import hidden_word_steps
    from vilt_core.evaluation.sources import captions_of
    from vilt_core.interop.bundle import Bundle

    if not 1 <= captions <= MOST_CAPTIONS:
        raise ValueError(f"captions must lie in 1 to {MOST_CAPTIONS}, got {captions}")
    asked = services.predictor(model, "fill")
    bundle = Bundle(
        name=asked.name,
        model=asked.model,
        tokenizer=asked.tokenizer,
        answers=asked.answers,
        domain=asked.domain,
        pictures=asked.processing,
    )
    yield from hidden_word_steps(bundle, captions_of("world:test", limit=captions))


def help_figure(found: dict[str, Any]) -> "go.Figure":
    """What a step has found, as bars."""
    kinds = {"noun": "nouns", "number": "numbers", "color": "colours", "relation": "relations"}
    by_kind = {kinds[kind]: scores for kind, scores in found["by_kind"].items()}
    return masks.help_bars(by_kind, conditions=CONDITIONS)
