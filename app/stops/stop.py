"""What a stop of the tour is, and what several stops share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

from app import journey
from app.components import plain
from app.journey import Quiz, Trip

if TYPE_CHECKING:
    import plotly.graph_objects as go

Words = list[tuple[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the visitor chose at a stop.

    Attributes:
        at: on the slider.
        word: by its index, or another thing to choose.
        texts: that were written.
    """

    at: int = 0
    word: int = 0
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A stop as it is shown: three pieces of HTML and its figures."""

    says: str
    picture: str
    tells: str
    plots: tuple["go.Figure", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One step of the tour.

    Attributes:
        name: in the row of steps.
        title: a sentence.
        equation: of the paper, as LaTeX.
        shapes: what its letters are here, as Markdown.
        draw: the stop at a choice.
        quiz: what to predict.
        hint: one thing to try.
        at: label of the slider; no slider without.
        span: first, last and opening value of the slider.
        word: label of the list; no list without.
        choices: of the list.
        opening: what the list opens with.
        verbatim: whether the options of the quiz are words of the model, which stay as they are in
            every language.
        texts: labels of what can be written.
        written: what stands there first.
        plots: how many figures there are.
        touched: whether a click on the picture moves the slider.
        place: the value of the slider for the part that was clicked.
    """

    name: str
    title: str
    equation: str
    shapes: Callable[[Trip], str]
    draw: Callable[[Trip, Choice], Drawn]
    quiz: Callable[[Trip], Quiz]
    hint: str
    at: str | None = None
    span: Callable[[Trip], tuple[int, int, int]] = field(default=lambda _: (0, 1, 0))
    word: str | None = None
    choices: Callable[[Trip], Words] = field(default=lambda _: [])
    opening: Callable[[Trip], int] = field(default=lambda _: 0)
    verbatim: bool = False
    texts: tuple[str, ...] = ()
    written: Callable[[Trip], tuple[str, ...]] = field(default=lambda _: ())
    plots: int = 1
    touched: bool = False
    place: Callable[[Trip, int], int] = field(default=lambda _, place: place + 1)


def begun(stop: Stop, trip: Trip) -> Choice:
    """What a stop opens with."""
    return Choice(at=stop.span(trip)[2], word=stop.opening(trip), texts=stop.written(trip))


# What several stops share.


def says(*sentences: str) -> str:
    """What a stop is about, as HTML."""
    return f'<p class="lab-says">{plain.sentences(*sentences)}</p>'


def tells(*sentences: str) -> str:
    """What is to be seen, as HTML."""
    return f'<p class="lab-tells">{plain.sentences(*sentences)}</p>'


def lies_at(trip: Trip, patch: int) -> str:
    """Where a patch lies, in words."""
    row, column = divmod(patch, trip.journey.grid[1])
    return f"row {row + 1}, column {column + 1}"


def patch_span(trip: Trip) -> tuple[int, int, int]:
    """The slider of patches opens on a patch of the first thing named, else in the middle."""
    rows, columns = trip.journey.grid
    words = journey.telling_words(trip)
    known = journey.places(trip).get(words[0]) if words else None
    middle = (rows // 2) * columns + columns // 2
    inside = known.patches if known and known.patches else (middle,)
    return 1, rows * columns, inside[len(inside) // 2] + 1


def listed_words(trip: Trip) -> Words:
    """The words of the sentence, to choose from."""
    return [(f"{place + 1}. {word.text}", place) for place, word in enumerate(trip.journey.words)]


def opening_word(trip: Trip) -> int:
    """The word that a list opens with: the one that tells most."""
    return next(iter(journey.telling_words(trip)), 0)


def quizzed_word(trip: Trip) -> int:
    """The word that a quiz is about: not the one that its stop opens with, if there is another."""
    first, *others = journey.telling_words(trip) or [0]
    text = trip.journey.words[first].text.lower()
    fresh = [index for index in others if trip.journey.words[index].text.lower() != text]
    return fresh[0] if fresh else first


def spelled(trip: Trip, word: int) -> str:
    """A word as HTML."""
    return escape(trip.journey.words[word].text)


def percent(value: float) -> str:
    """A share as a person reads it."""
    return f"{100 * value:.0f} %"
