"""The words of the world: noun phrases, numbers, lists, and texts that know what they mention.

A ``Phrase`` is a text with its mentions. ``fill`` and ``join`` put phrases together and move every
span to where its words end up, so that no span is ever searched for.
"""

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

from vilt_core.world.programs import Program
from vilt_core.world.scenes import choose
from vilt_core.world.sprites import COLORS, Sprite, categories, sprites

NUMBERS = ("no", "one", "two", "three", "four", "five", "six")
TOTALS = (*NUMBERS, "seven", "eight", "nine", "ten", "eleven", "twelve")
ALL: Program = ("all",)

# Nouns that English does not count: how one of them is counted.
_MEASURES = {
    "broccoli": ("head", "heads"),
    "spaghetti": ("plate", "plates"),
    "sushi": ("piece", "pieces"),
    "wine": ("glass", "glasses"),
    "champagne": ("bottle", "bottles"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A noun phrase of a text, and the objects of the scene that it speaks of.

    Attributes:
        start: where the phrase begins in the text, with its article, number and colour.
        end: where it ends.
        noun_start: where the noun alone begins.
        noun_end: where it ends.
        objects: indices into ``Scene.objects``; empty where the scene has none of them.
    """

    start: int
    end: int
    noun_start: int
    noun_end: int
    objects: tuple[int, ...]


class Mark(NamedTuple):
    """A mention in the making: the same numbers, cheap to move."""

    start: int
    end: int
    noun_start: int
    noun_end: int
    objects: tuple[int, ...]


class Phrase(NamedTuple):
    """A text and the marks in it."""

    text: str
    marks: tuple[Mark, ...] = ()

    def mentions(self) -> tuple[Mention, ...]:
        """The marks for good."""
        return tuple(
            Mention(start=a, end=b, noun_start=c, noun_end=d, objects=objects)
            for a, b, c, d, objects in self.marks
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # one object a term: "is" compares
class Term:
    """What a noun phrase can name: a thing, a shape (in a colour or in any), a category, a sticker.

    Attributes:
        key: "noun", "category" or "all".
        name: the noun or the category, as programs and answers know it.
        singular: the words after the article: "cat", "red heart", "glass of milk".
        plural: the same for many.
        noun_at: where the noun alone begins in ``singular`` and in ``plural``.
        color: the colour, if the phrase says it.
        category: the category of the noun.
        program: the set of the objects it names.
    """

    key: str
    name: str
    singular: str
    plural: str
    noun_at: tuple[int, int]
    color: str | None
    category: str
    program: Program

    @property
    def label(self) -> str:
        """The noun, behind its colour where the phrase says it: as ``Sprite.label``."""
        return self.name if self.color is None else f"{self.color} {self.name}"


@lru_cache(maxsize=1)
def noun_terms() -> tuple[Term, ...]:
    """The term of every sprite, coloured shapes with their colour, in the order of the atlases."""
    return tuple(_noun_term(sprite, sprite.color) for sprite in sprites())


@lru_cache(maxsize=1)
def shape_terms() -> dict[str, Term]:
    """The shapes without a colour, by noun."""
    return {s.name: _noun_term(s, None) for s in sprites() if s.color is not None}


def colored_term(color: str | None, name: str) -> Term:
    """The term of a shape in a colour.

    Raises:
        KeyError: no such shape or colour.
    """
    return _colored_terms()[color, name]


@lru_cache(maxsize=1)
def _colored_terms() -> dict[tuple[str | None, str], Term]:
    return {(term.color, term.name): term for term in noun_terms() if term.color is not None}


@lru_cache(maxsize=1)
def paint_terms() -> dict[str, Term]:
    """The shapes of a colour, whatever they are: "red shape", by colour."""
    shape, shapes = "shape", categories()["shape"]
    return {
        color: Term(
            key="category",
            name=shape,
            singular=f"{color} {shape}",
            plural=f"{color} {shapes}",
            noun_at=(len(color) + 1, len(color) + 1),
            color=color,
            category=shape,
            program=("filter", "category", shape, ("filter", "color", color, ALL)),
        )
        for color in COLORS
    }


@lru_cache(maxsize=1)
def category_terms() -> dict[str, Term]:
    """The categories, by their singular noun."""
    return {
        name: Term(
            key="category",
            name=name,
            singular=name,
            plural=plural,
            noun_at=(0, 0),
            color=None,
            category=name,
            program=("filter", "category", name, ALL),
        )
        for name, plural in categories().items()
    }


STICKER = Term(
    key="all",
    name="sticker",
    singular="sticker",
    plural="stickers",
    noun_at=(0, 0),
    color=None,
    category="",
    program=ALL,
)


def _noun_term(sprite: Sprite, color: str | None) -> Term:
    program: Program = ("filter", "noun", sprite.name, ALL)
    one, many = _MEASURES.get(sprite.name, ("", ""))
    before, before_many = (f"{one} of ", f"{many} of ") if one else ("", "")
    if color is not None:
        before = before_many = f"{color} "
        program = ("filter", "noun", sprite.name, ("filter", "color", color, ALL))
    return Term(
        key="noun",
        name=sprite.name,
        singular=before + sprite.name,
        plural=before_many + (sprite.name if one else sprite.plural),
        noun_at=(len(before), len(before_many)),
        color=color,
        category=sprite.category,
        program=program,
    )


def article(words: str) -> str:
    """The article "a" or "an", by the sound of the next word."""
    if words.startswith(("uni", "uku", "eu", "one")):
        return "a"
    return "an" if words.startswith(("a", "e", "i", "o", "u", "hour")) else "a"


def singular(term: Term, objects: tuple[int, ...] = (), determiner: str = "a") -> Phrase:
    """One of them: "a cat", "an orange heart", "the cat"; "cat" alone with an empty determiner."""
    if determiner == "a":
        determiner = article(term.singular)
    text = f"{determiner} {term.singular}" if determiner else term.singular
    at = len(text) - len(term.singular) + term.noun_at[0]
    return Phrase(text, (Mark(0, len(text), at, len(text), objects),))


def plural(term: Term, objects: tuple[int, ...] = (), determiner: str = "") -> Phrase:
    """Many of them: "cats", "red hearts", "two cats", "any cats"."""
    text = f"{determiner} {term.plural}" if determiner else term.plural
    at = len(text) - len(term.plural) + term.noun_at[1]
    return Phrase(text, (Mark(0, len(text), at, len(text), objects),))


def counted(term: Term, number: int, objects: tuple[int, ...] = (), *, one: str = "a") -> Phrase:
    """So many of them: "no cats", "a cat" (or "one cat"), "two cats"."""
    if number == 1:
        return singular(term, objects, one)
    return plural(term, objects, TOTALS[number])


def listed(phrases: list[Phrase]) -> Phrase:
    """An enumeration: "a", "a and b", "a, b and c"."""
    if len(phrases) == 1:
        return phrases[0]
    return join([join(phrases[:-1], ", "), phrases[-1]], " and ")


def join(phrases: list[Phrase], between: str) -> Phrase:
    """The phrases one after another."""
    marks: list[Mark] = []
    at = 0
    for phrase in phrases:
        marks.extend(_moved(phrase.marks, at))
        at += len(phrase.text) + len(between)
    return Phrase(between.join(phrase.text for phrase in phrases), tuple(marks))


_SLOT = re.compile(r"{(\w+)}")


@cache
def _parts(template: str) -> tuple[str, ...]:
    """Literal text at even places, names of slots at odd ones."""
    return tuple(_SLOT.split(template))


def fill(template: str, **phrases: Phrase | str) -> Phrase:
    """Put phrases (or plain words) into the {slots} of a template.

    Raises:
        KeyError: a slot that no phrase is given for.
    """
    texts: list[str] = []
    marks: list[Mark] = []
    at = 0
    for place, part in enumerate(_parts(template)):
        piece = phrases[part] if place % 2 else part
        if isinstance(piece, Phrase):
            marks.extend(_moved(piece.marks, at))
            piece = piece.text
        texts.append(piece)
        at += len(piece)
    return Phrase("".join(texts), tuple(marks))


def _moved(marks: tuple[Mark, ...], by: int) -> tuple[Mark, ...]:
    if not by:
        return marks
    return tuple(Mark(a + by, b + by, c + by, d + by, objects) for a, b, c, d, objects in marks)


# How the relations are said, between a subject and a landmark.
RELATION_WORDS = {
    "left": ("to the left of", "left of", "on the left of"),
    "right": ("to the right of", "right of", "on the right of"),
    "above": ("above", "over", "higher than"),
    "below": ("below", "under", "lower than"),
    "near": ("next to", "beside", "close to"),
}
# How the nine places are said: after a noun phrase, and short.
PLACE_WORDS = {
    "top left": ("at the top left", "in the top left corner", "top left"),
    "top": ("at the top", "at the top", "top center"),
    "top right": ("at the top right", "in the top right corner", "top right"),
    "left": ("on the left", "on the left side", "center left"),
    "middle": ("in the middle", "in the center", "center"),
    "right": ("on the right", "on the right side", "center right"),
    "bottom left": ("at the bottom left", "in the bottom left corner", "bottom left"),
    "bottom": ("at the bottom", "at the bottom", "bottom center"),
    "bottom right": ("at the bottom right", "in the bottom right corner", "bottom right"),
}


def relation_words(relation: str, draw) -> str:
    """One way to say a relation; the first way half of the time."""
    words = RELATION_WORDS[relation]
    return words[0] if draw() < 0.5 else choose(words, draw)
