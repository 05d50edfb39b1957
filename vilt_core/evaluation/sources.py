"""What a model is measured on: questions, true and false captions, captions with their truth.

sets.py says where they come from; statements.py and galleries.py have those of two pictures and of
retrieval.

Every world set is an endless series, the same on every machine; a longer evaluation begins with the
shorter one. No picture is drawn here: it stays a scene or a file until inference.py needs it.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, cycle, islice
from pathlib import Path

from PIL import Image

from vilt_core.data.examples import (
    CaptionExample,
    DataSet,
    QuestionExample,
    StoredImage,
    folded,
)
from vilt_core.data.image import open_image
from vilt_core.data.jsonl import read_captions
from vilt_core.data.sequences import Spread
from vilt_core.evaluation.answers import answer_kind, answer_scores, compared, plain_answer
from vilt_core.evaluation.sets import (
    Source,
    check_any,
    data_set_of,
    name_of,
    of_kind,
    opened,
    world_split,
)
from vilt_core.world.captions import caption
from vilt_core.world.grammar import Mention
from vilt_core.world.negatives import hard_negative
from vilt_core.world.programs import execute
from vilt_core.world.questions import KINDS, asked_about, question
from vilt_core.world.scenes import Scene, scene

EVALUATION_SEED = 20210521  # no training uses it; test and training are split besides
WORLD_QUESTIONS, WORLD_PAIRS, WORLD_CAPTIONS = 4000, 4000, 1000  # where no limit is given

Picture = Scene | StoredImage | Path
Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in fractions of the picture's sides


def decoded(picture: StoredImage | Path) -> Image.Image:
    """A picture of a file or a shard, RGB and upright.

    Raises:
        ValueError: missing or damaged; the sentence names it.
        OSError: a shard is gone.
    """
    return open_image(picture) if isinstance(picture, Path) else picture.open()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question about a picture, and what each answer to it is worth."""

    picture: Picture
    text: str
    scores: dict[str, float]  # of ``answer_scores``, in (0, 1]; any other is worth 0
    kind: str
    compared: Callable[[str], str] = plain_answer  # an answer as the scores have it
    id: int | str | None = None  # of the question, as the data set writes it, if it does
    answers: tuple[str, ...] = ()  # as the people of a data set gave them
    about: tuple[Box, ...] = ()  # of the things that it speaks of or that answer it, where known


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
    boxes: tuple[Box, ...]  # of the objects


def questions_of(on: Source, *, limit: int | None = None) -> list[Asked]:
    """The questions of a set: of the world's, as many of each kind.

    Questions whose answers are kept secret have no scores.

    Args:
        on: a set of the world, a file of questions, or a data set of them.
        limit: how many at most, of data spread over all; 4,000 of the world, or all otherwise.

    Raises:
        ValueError: no such set, a file that cannot be read, or nothing in it.
    """
    split = world_split(on, limit)
    if split is not None:
        return list(islice(world_questions(split), limit or WORLD_QUESTIONS))
    found = data_set_of(on, kind="questions")
    rules = found.vqa_rules
    asked = [
        Asked(
            picture=one.image,
            text=one.question,
            scores=answer_scores(one.answers, vqa_rules=rules),
            kind=_kind_of(one, vqa_rules=rules),
            compared=compared(one.answers, vqa_rules=rules),
            id=one.id,
            answers=one.answers,
        )
        for one in of_kind(found, QuestionExample, limit=limit)
    ]
    check_any(asked, on)
    return asked


def _kind_of(one: QuestionExample, *, vqa_rules: bool) -> str:
    """What the data call a kind of question; else by its answers."""
    if one.kind or not one.answers:
        return one.kind or "other"
    return answer_kind(one.answers, vqa_rules=vqa_rules)


def world_questions(split: str, *, seed: int = EVALUATION_SEED) -> Iterator[Asked]:
    """Kind after kind, each question about a scene of its own, without end."""
    kinds = cycle(KINDS)
    kind = next(kinds)
    for index in count():
        place = scene(seed, index, split=split)
        found = question(place, draw_of("questions", split, seed, index), kind=kind)
        if found is not None:  # else the next scene is asked
            yield Asked(
                picture=place,
                text=found.text,
                scores=answer_scores([found.answer]),
                kind=kind,
                about=tuple(place.objects[at].box for at in asked_about(place, found)),
            )
            kind = next(kinds)


def pairs_of(on: Source, *, limit: int | None = None) -> list[Paired]:
    """Pictures with sentences: half of them true, in each kind of test.

    A quarter each: a true caption, another picture's caption, a true caption, its near miss. A
    caption that says the same words of both pictures is false of neither.

    Args:
        on: a set of the world, a file of captions, or a data set of them.
        limit: how many at most, of data spread over all; 4,000 of the world, or all otherwise.

    Raises:
        ValueError: no such set, a file that cannot be read, fewer than two pictures, or one
            of which every caption is true.
    """
    split = world_split(on, limit)
    if split is not None:
        return list(islice(world_pairs(split), limit or WORLD_PAIRS))
    told = _said(on)
    if len({picture for picture, *_ in told}) < 2:
        raise ValueError(
            f"{name_of(on)} must have captions of at least two pictures, to tell them apart"
        )
    found: list[Paired] = []
    said = [folded(one) for _, one, *_ in told]
    own: dict[Picture, set[str]] = {}
    for (picture, *_), one in zip(told, said, strict=True):
        own.setdefault(picture, set()).add(one)
    ahead = _next_others(said)
    pairs = 2 * sum(1 + (near is not None) for *_, near, _ in told)
    for at in Spread(range(len(told)), limit and -(-limit * len(told) // pairs)):
        picture, true, near, changed = told[at]
        other = _false_of(own[picture], said, at, ahead)
        if other is None:
            raise ValueError(
                f"{name_of(on)} says the same of all pictures that it says of one: they cannot be "
                "told apart"
            )
        found += _told(picture, true, told[other][1], changed=None)
        if near is not None:
            found += _told(picture, true, near, changed=changed)
    return found[:limit]


def _next_others(said: Sequence[str]) -> list[int]:
    """Of each caption the place of the next that says something else, around the end."""
    ahead = list(range(len(said)))
    for at in range(2 * len(said) - 2, -1, -1):  # twice around
        here, after = at % len(said), (at + 1) % len(said)
        ahead[here] = ahead[after] if said[here] == said[after] else after
    return ahead


def _false_of(own: set[str], said: Sequence[str], at: int, ahead: Sequence[int]) -> int | None:
    """The place of the next caption that is none of a picture's own; None where there is none."""
    place = ahead[at]
    for _ in said:
        if said[place] not in own:
            return place
        place = ahead[place]
    return None


def _said(on: Source) -> list[tuple[Picture, str, str | None, str]]:
    """Pictures with a caption, its near miss where there is one, and what is changed in that."""
    found = opened(on, kind="captions")
    if not isinstance(found, DataSet):
        lines = read_captions(found)
        return [(line.image, line.caption, line.hard_negative, line.changed) for line in lines]
    return [
        (example.image, said, None, "")
        for example in of_kind(found, CaptionExample)
        for said in example.captions
    ]


def world_pairs(split: str, *, seed: int = EVALUATION_SEED) -> Iterator[Paired]:
    """Four sentences about every scene, without end; the false ones are false by their programs."""
    for index in count():
        place = scene(seed, index, split=split)
        draw = draw_of("pairs", split, seed, index)
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


def captions_of(on: Source, *, limit: int | None = None) -> list[Captioned]:
    """True captions with the places of what they mention.

    Args:
        on: a set of the world, or a file of captions with mentions and boxes.
        limit: how many at most, of a file spread over it; 1,000 or the whole file otherwise.

    Raises:
        ValueError: no such set, a file that cannot be read, or no mention in it.
    """
    split = world_split(on, limit)
    if split is not None:
        return list(islice(world_captions(split), limit or WORLD_CAPTIONS))
    file = opened(on, kind="captions")
    lines = [] if isinstance(file, DataSet) else read_captions(file)
    captioned = [
        Captioned(
            picture=line.image,
            text=line.caption,
            form="caption",
            mentions=line.mentions,
            boxes=line.boxes,
        )
        for line in Spread(lines, limit)
    ]
    if not any(mention.objects for one in captioned for mention in one.mentions):
        raise ValueError(
            f"{name_of(on)} must say what its captions mention, as `python -m vilt_core world` does"
        )
    return captioned


def world_captions(split: str, *, seed: int = EVALUATION_SEED) -> Iterator[Captioned]:
    """One caption of every scene, without end."""
    for index in count():
        place = scene(seed, index, split=split)
        said = caption(place, draw_of("captions", split, seed, index))
        yield Captioned(
            picture=place,
            text=said.text,
            form=said.form,
            mentions=said.mentions,
            boxes=tuple(thing.box for thing in place.objects),
        )


def draw_of(task: str, split: str, seed: int, index: int) -> Callable[[], float]:
    """The source of chance of one example: the same on every machine."""
    return random.Random(f"evaluation/{task}/{split}/{seed}/{index}").random
