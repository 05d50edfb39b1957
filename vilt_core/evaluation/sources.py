"""What a model is measured on: a set of the sticker world, or a file of JSON lines (data/jsonl.py).

"world:test", "world:style" (an artist that no training has seen) and "world:composition" (pairs of
noun and relation, of colour and shape, kept out of training) are what is reported. "world:train"
gives fresh scenes of the training split: for watching a training and for choosing settings.

Every world set is an endless series, the same on every machine; a longer evaluation begins with the
shorter one. No picture is drawn here: it stays a scene or a path until inference.py needs it.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, cycle, islice
from pathlib import Path

from vilt_core.data.jsonl import read_captions, read_questions
from vilt_core.evaluation.answers import answer_kind, answer_scores
from vilt_core.world.captions import caption
from vilt_core.world.grammar import Mention
from vilt_core.world.negatives import hard_negative
from vilt_core.world.programs import execute
from vilt_core.world.questions import KINDS, question
from vilt_core.world.scenes import Scene, scene

WORLD = ("world:test", "world:style", "world:composition")
FRESH = "world:train"
EVALUATION_SEED = 20210521  # no training uses it; test and training are split besides
WORLD_QUESTIONS, WORLD_PAIRS, WORLD_CAPTIONS = 4000, 4000, 1000  # where no limit is given

Picture = Scene | Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question about a picture, and what each answer to it is worth."""

    picture: Picture
    text: str
    scores: dict[str, float]  # of normalised answers, in (0, 1]; any other is worth 0
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """A picture and a sentence that is true of it or not."""

    picture: Picture
    text: str
    matched: bool
    changed: str | None  # of a near miss and its true counterpart; None for captions at random


@dataclass(frozen=True, slots=True, kw_only=True)
class Captioned:
    """A true caption, and where in the picture is what its nouns speak of."""

    picture: Picture
    text: str
    form: str
    mentions: tuple[Mention, ...]
    boxes: tuple[tuple[float, float, float, float], ...]  # of the objects, fractions of the picture


def questions_of(on: str | Path, *, limit: int | None = None) -> list[Asked]:
    """The questions of a set: of the world's, as many of each kind.

    Args:
        on: a set of the world, or a file of questions.
        limit: how many at most; 4,000 or the whole file otherwise.

    Raises:
        ValueError: no such set, a file that cannot be read, or nothing in it.
    """
    split = _split(on, limit)
    if split is not None:
        return list(islice(world_questions(split), limit or WORLD_QUESTIONS))
    asked = [
        Asked(
            picture=line.image,
            text=line.question,
            scores=answer_scores(line.answers),
            kind=line.kind or answer_kind(line.answers),
        )
        for line in read_questions(on, limit=limit)
    ]
    return _some(asked, on)


def world_questions(split: str, *, seed: int = EVALUATION_SEED) -> Iterator[Asked]:
    """Kind after kind, each question about a scene of its own, without end."""
    kinds = cycle(KINDS)
    kind = next(kinds)
    for index in count():
        place = scene(seed, index, split=split)
        found = question(place, _draw("questions", split, seed, index), kind=kind)
        if found is not None:  # else the next scene is asked
            scores = answer_scores([found.answer])
            yield Asked(picture=place, text=found.text, scores=scores, kind=kind)
            kind = next(kinds)


def pairs_of(on: str | Path, *, limit: int | None = None) -> list[Paired]:
    """Pictures with sentences: half of them true, in each kind of test.

    A quarter each: a true caption, another picture's caption, a true caption, its near miss.

    Args:
        on: a set of the world, or a file of captions.
        limit: how many at most; 4,000 or the whole file otherwise.

    Raises:
        ValueError: no such set, a file that cannot be read, or fewer than two pictures.
    """
    split = _split(on, limit)
    if split is not None:
        return list(islice(world_pairs(split), limit or WORLD_PAIRS))
    lines = read_captions(on)
    if len({line.image for line in lines}) < 2:
        raise ValueError(f"{on} must have captions of at least two pictures, to tell them apart")
    found: list[Paired] = []
    for at, line in enumerate(lines):
        other = next(o for o in (*lines[at + 1 :], *lines) if o.image != line.image)
        found += _told(line.image, line.caption, other.caption, changed=None)
        if line.hard_negative is not None:
            found += _told(line.image, line.caption, line.hard_negative, changed=line.changed)
    return found[:limit]


def world_pairs(split: str, *, seed: int = EVALUATION_SEED) -> Iterator[Paired]:
    """Four sentences about every scene, without end; the false ones are false by their programs."""
    for index in count():
        place = scene(seed, index, split=split)
        draw = _draw("pairs", split, seed, index)
        others = (scene(seed, -index - far, split=split) for far in count(1))
        foreign = (caption(other, draw) for other in others)
        # Another picture's caption may be true of this one by chance.
        false = next(said for said in foreign if not execute(said.program, place))
        yield from _told(place, caption(place, draw).text, false.text, changed=None)
        near = hard_negative(place, draw)
        yield from _told(place, near.positive.text, near.text, changed=near.changed)


def _told(picture: Picture, true: str, false: str, *, changed: str | None) -> list[Paired]:
    return [
        Paired(picture=picture, text=true, matched=True, changed=changed),
        Paired(picture=picture, text=false, matched=False, changed=changed),
    ]


def captions_of(on: str | Path, *, limit: int | None = None) -> list[Captioned]:
    """True captions with the places of what they mention.

    Args:
        on: a set of the world, or a file of captions with mentions and boxes.
        limit: how many at most; 1,000 or the whole file otherwise.

    Raises:
        ValueError: no such set, a file that cannot be read, or no mention in it.
    """
    split = _split(on, limit)
    if split is not None:
        return list(islice(world_captions(split), limit or WORLD_CAPTIONS))
    captioned = [
        Captioned(
            picture=line.image,
            text=line.caption,
            form="caption",
            mentions=line.mentions,
            boxes=line.boxes,
        )
        for line in read_captions(on, limit=limit)
    ]
    if not any(mention.objects for one in captioned for mention in one.mentions):
        raise ValueError(
            f"{on} must say what its captions mention, as `python -m vilt_core world` does"
        )
    return captioned


def world_captions(split: str, *, seed: int = EVALUATION_SEED) -> Iterator[Captioned]:
    """One caption of every scene, without end."""
    for index in count():
        place = scene(seed, index, split=split)
        said = caption(place, _draw("captions", split, seed, index))
        yield Captioned(
            picture=place,
            text=said.text,
            form=said.form,
            mentions=said.mentions,
            boxes=tuple(thing.box for thing in place.objects),
        )


def is_world(on: str | Path) -> bool:
    """Whether a set is named, rather than a file."""
    return str(on).startswith("world:")


def _split(on: str | Path, limit: int | None) -> str | None:
    """The split of a world set; None for a file."""
    if limit is not None and limit < 1:
        raise ValueError(f"limit must be at least 1, got {limit}")
    if not is_world(on):
        return None
    if on not in (*WORLD, FRESH):
        raise ValueError(f"expected {', '.join(WORLD)} or a file of JSON lines, got {on!r}")
    return str(on).removeprefix("world:")


def _some(found: list[Asked], on: str | Path) -> list[Asked]:
    if not found:
        raise ValueError(f"{on} must hold at least one line, it holds none")
    return found


def _draw(task: str, split: str, seed: int, index: int):
    return random.Random(f"evaluation/{task}/{split}/{seed}/{index}").random
