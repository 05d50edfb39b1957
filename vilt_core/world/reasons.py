"""Answers with their reasons, by multiple choice: the form of VCR (Zellers et al., CVPR 2019).

A question has four answers; and the true one, four reasons. A reason names the evidence: the
stickers that the question's program looks at, and where they are. What is false of the picture is
made so that the words do not show it. Wrong answers are what such questions are answered with.
Reasons come from two doubts at once, each resolved either way, as "at the top left" with
"at the bottom left" and "a hen" with "a duck": every word stands in as many of the four as its
rival, and all four agree with the question and the answer.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, islice
from typing import Any, TypeVar

from vilt_core.world.grammar import NUMBERS, PLACE_WORDS, Term, noun_terms, singular
from vilt_core.world.inventory import Inventory, barred, sayable, weighted
from vilt_core.world.programs import (
    PLACES,
    Program,
    arguably_in,
    execute,
    place,
    row_and_column,
)
from vilt_core.world.questions import Question, question
from vilt_core.world.scenes import Scene, SceneObject, choose
from vilt_core.world.sprites import COLORS

_T = TypeVar("_T")

CHOICES = 4  # answers of a question, and reasons of an answer
KINDS = ("count", "attribute", "category", "relation")  # of questions that have so many answers
_EAGERNESS = (1.0, 2.5, 1.3, 3.0)  # how soon each is tried: few scenes allow the last
_TRIES = 3  # of a kind, until a question of it has evidence that may be doubted
_MOST = 4  # stickers that an answer counts, and that a reason names
_LONGEST = 36  # word pieces, guessed, of a question with its answer and reason: 40 must do
_SHORT = 2  # of the ways to say a place, where there are many
_COUNTED = NUMBERS[1 : _MOST + 1]
_COUNT_SHARES = (0.68, 0.22, 0.52, 1.0)  # of these numbers that are asked, so that all are as many


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasoned:
    """A question, four answers, and four reasons of the true one.

    Attributes:
        question: in lower case, with its question mark.
        kind: one of KINDS.
        answers: of which one is true ...
        answer: ... the one at this place.
        reasons: of which one is true of the scene ...
        reason: ... the one at this place.
        claims: what each reason claims, as a program.
    """

    question: str
    kind: str
    answers: tuple[str, ...]
    answer: int
    reasons: tuple[str, ...]
    reason: int
    claims: tuple[Program, ...]

    def answered(self) -> tuple[str, ...]:
        """The question with each of its answers: what a model reads to choose one (Q -> A)."""
        return as_read(self.question, self.answers)

    def justified(self) -> tuple[str, ...]:
        """The question with its true answer and each of the reasons (QA -> R)."""
        return as_read(self.question, self.reasons, answer=self.answers[self.answer])


def as_read(
    question: str, candidates: Sequence[str], *, answer: str | None = None
) -> tuple[str, ...]:
    """A question with each of its answers; or, given one, that answer with each of its reasons."""
    before = question if answer is None else f"{question} {answer}:"
    return tuple(f"{before} {candidate}" for candidate in candidates)


def reasoned(scene: Scene, draw, *, kind: str | None = None) -> Reasoned | None:
    """A question about a scene, with answers and reasons; None where it allows none.

    Args:
        scene: what it is about.
        draw: a callable that gives floats in [0, 1): the only source of chance.
        kind: one of KINDS; drawn if not given.

    Raises:
        ValueError: an unknown kind.
    """
    if kind is not None and kind not in KINDS:
        raise ValueError(f"kind must be one of {KINDS}, got {kind!r}")
    inventory, left = Inventory(scene), list(KINDS)
    while left:
        tried = kind or weighted(left, [_EAGERNESS[KINDS.index(name)] for name in left], draw)
        left = [] if kind else [name for name in left if name != tried]
        for _ in range(_TRIES):
            asked = question(scene, draw, kind=tried)
            found = None if asked is None else _reasoned(inventory, asked, draw)
            if found is not None:
                return found
    return None


def _reasoned(inventory: Inventory, asked: Question, draw) -> Reasoned | None:
    said = _answers(inventory, asked, draw)
    versions = None if said is None else _versions(inventory, asked.program, draw)
    if said is None or versions is None:
        return None
    true, others = said
    answers, answer = _placed([true, *others], draw)
    evidence, reason = _placed(versions, draw)
    wording = int(draw() * 2) if len(versions[0]) < _MOST else _SHORT
    found = Reasoned(
        question=asked.text,
        kind=asked.kind,
        answers=tuple(answers),
        answer=answer,
        reasons=tuple(_say(seen, wording) for seen in evidence),
        reason=reason,
        claims=tuple(_claim(seen) for seen in evidence),
    )
    return found if max(map(_length, found.justified())) <= _LONGEST else None


def _length(text: str) -> int:
    """Word pieces, guessed: long words fall into two, or three."""
    words = re.findall(r"\w+|[^\w\s]", text)
    return len(words) + sum((len(word) > 6) + (len(word) > 8) for word in words)


def _shuffled(items: Sequence[_T], draw) -> list[_T]:
    return [items[at] for _, at in sorted((draw(), at) for at in range(len(items)))]


def _placed(items: Sequence[_T], draw) -> tuple[list[_T], int]:
    """The items in random order, and where the first of them is then."""
    order = _shuffled(range(len(items)), draw)
    return [items[at] for at in order], order.index(0)


def _answers(inventory: Inventory, asked: Question, draw) -> tuple[str, list[str]] | None:
    """The true answer, and three that are not; None of questions that have not as many."""
    split, true = inventory.scene.split, asked.answer
    others: Iterator[str] = iter(())
    match asked.program:
        case ("count", _) if 1 <= int(true) <= _MOST and draw() < _COUNT_SHARES[int(true) - 1]:
            true = NUMBERS[int(true)]
            others = (word for word in _COUNTED if word != true)
        case ("color", ("filter", "noun", shape, _)):
            colors = [c for c in COLORS if c != true and not barred(c, shape, split)]
            others = iter(_shuffled(colors, draw))
        case ("noun", ("related", relation, group, landmark)):
            shown = execute(("noun", landmark), inventory.scene)
            nouns = _other_nouns(inventory, true, _category_of(group), draw)
            others = (n for n in nouns if n != shown and sayable(n, relation, split))
        case ("noun", ("filter", "category", category, _)):
            others = _other_nouns(inventory, true, category, draw)
    found = list(islice(others, CHOICES - 1))
    return (true, found) if len(found) == CHOICES - 1 else None


def _category_of(group: Program) -> str | None:
    return group[2] if group[:2] == ("filter", "category") else None


def _other_nouns(inventory: Inventory, true: str, category: str | None, draw) -> Iterator[str]:
    """Nouns that are not the answer, without end or until there are no more of the category.

    Some that the scene shows first, then others, all as likely as answers themselves.
    """
    fitting = [t for t in noun_terms() if category in (None, t.category)]
    shown = {t.name for t, _ in inventory.kinds if category in (None, t.category)} - {true}
    yield from _shuffled(sorted(shown), draw)[:_SHOWN]
    told = {true, *inventory.nouns}
    while left := [t for t in fitting if t.name not in told]:
        term = inventory.absent(draw, twisted=False) if category is None else choose(left, draw)
        if term.name not in told:
            told.add(term.name)
            yield term.name


_SHOWN = 2  # of the wrong answers: nouns that the scene shows


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a reason says of one sticker: what it is, and in which of the nine places."""

    term: Term
    row: int
    column: int

    @property
    def spot(self) -> str:
        return PLACES[self.row][self.column]


_Evidence = tuple[_Seen, ...]
_Change = tuple[int, dict[str, Any]]  # of the sticker at this place of the evidence, what is new


def _versions(inventory: Inventory, program: Program, draw) -> list[_Evidence] | None:
    """The evidence of a program, then three that are not: two changes, either and both.

    None where no two changes make four versions that are plainly true, false, false and false.
    """
    own, axes = _looked_at(program, inventory.scene)
    if not 1 <= len(own) <= _MOST:
        return None
    true = tuple(_seen(inventory.scene.objects[i]) for i in own)
    changes = list(_changes(inventory, program, true, axes, draw))
    pairs = [
        pair
        for pair in combinations(changes, 2)
        if len(true) == 1 or pair[0][0] != pair[1][0]  # two stickers, or both sides of one
    ]
    for first, second in _shuffled(pairs, draw):
        one, other = _with(true, first), _with(true, second)
        versions = [true, one, other, _with(one, second)]
        if _plain(inventory, versions):
            return versions
    return None


def _seen(thing: SceneObject) -> _Seen:
    row, column = row_and_column(place(thing))
    return _Seen(noun_terms()[thing.sprite.index], row, column)


def _looked_at(program: Program, scene: Scene) -> tuple[tuple[int, ...], str]:
    """The objects that give the answer, and along which axes they can move and still give it."""
    own = execute(program[1], scene)
    match program[1]:
        case ("related", relation, _, landmark):
            return (*own, *execute(landmark, scene)), _ACROSS[relation]
    return own, "xy"


# Along which axes things move and stay to the left of, above, or next to each other.
_ACROSS = {"left": "y", "right": "y", "above": "x", "below": "x", "near": ""}


def _changes(
    inventory: Inventory, program: Program, true: _Evidence, axes: str, draw
) -> Iterator[_Change]:
    """Everything that may be doubted: places, to the other side, and nouns that no one asked for.

    Nouns change where they stand beside others, of a category that is counted.
    """
    split = inventory.scene.split
    sorts = program[0] == "count" and _category_of(program[1]) is not None and len(true) > 1
    for at, seen in enumerate(true):
        if "y" in axes and seen.row != 1:
            yield at, {"row": 2 - seen.row}
        if "x" in axes and seen.column != 1:
            yield at, {"column": 2 - seen.column}
        if sorts and sum(one.term is seen.term for one in true) == 1:
            present = [kind for kind, _ in inventory.kinds]
            kin = [
                term
                for term in noun_terms()
                if term.category == seen.term.category
                and not barred(term.color, term.name, split)
                and all(term is not kind for kind in present)
            ]
            yield at, {"term": choose(kin, draw)}


def _with(evidence: _Evidence, change: _Change) -> _Evidence:
    at, new = change
    return (*evidence[:at], replace(evidence[at], **new), *evidence[at + 1 :])


def _plain(inventory: Inventory, versions: Sequence[_Evidence]) -> bool:
    """Whether all could be so, by their words, and nobody could take a false one to be so."""
    things, true = inventory.scene.objects, versions[0]
    for evidence in versions:
        if len({seen.spot for seen in evidence}) < len(evidence):
            return False
        if len({id(seen.term) for seen in evidence}) != len({id(seen.term) for seen in true}):
            return False  # two that became the same would be told as "one ... and one ..."
    kinds = {id(term): own for term, own in inventory.kinds}
    return not any(
        arguably_in(things[i], seen.spot)
        for evidence in versions[1:]
        for seen, was in zip(evidence, true, strict=True)
        if seen != was
        for i in kinds.get(id(seen.term), ())
    )


def _say(evidence: _Evidence, wording: int) -> str:
    """Every sticker and its place: "a fox is at the top left and a hen at the bottom"."""
    clauses, terms = [], [seen.term for seen in evidence]
    for at, seen in enumerate(evidence):
        one = "one" if sum(term is seen.term for term in terms) > 1 else "a"
        name = singular(seen.term, (), one).text
        if any(term is seen.term for term in terms[:at]):
            name = "one"
        verb = "" if at or wording == _SHORT else " is"
        clauses.append(f"{name}{verb} {PLACE_WORDS[seen.spot][wording]}")
    *most, last = clauses
    return f"{', '.join(most)} and {last}" if most else last


def _claim(evidence: _Evidence) -> Program:
    claims = [("exists", ("filter", "place", s.spot, s.term.program)) for s in evidence]
    return claims[0] if len(claims) == 1 else ("and", *claims)
