"""Hidden words and what a model says of them: with the picture, with it out of focus, without.

HTML that needs nothing around it, and bars of how much the picture helps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import plotly.graph_objects as go
from jaxtyping import UInt8

from vilt_core.viz.answers import percent
from vilt_core.viz.layout import quiet
from vilt_core.viz.palette import BOTH, IMAGE, PLAIN
from vilt_core.viz.stepper import STATIC, data_url

_SIDE = 224  # pixels of a picture on the page
_COLORS = (IMAGE, BOTH, PLAIN)  # of the conditions, the most to be seen first


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What the model was shown beside the words."""

    title: str
    pixels: UInt8[np.ndarray, "height width 3"] | None  # None: nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a model says of one hidden place, under one condition."""

    probability: float  # of the piece that stood there
    rank: int  # of it, 1 is the likeliest
    candidates: Sequence[tuple[str, float]]  # pieces with probabilities, the likeliest first


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One hidden piece, and what is said of it under every condition."""

    piece: str
    word: str
    told: Sequence[Told]


def _style() -> str:
    return f"<style>{(STATIC / 'masks.css').read_text(encoding='utf-8')}</style>"


def guesses(conditions: Sequence[Condition], places: Sequence[Place]) -> str:
    """A row a hidden place, a column a condition.

    Args:
        conditions: in the order of ``Place.told``.
        places: at least one.

    Raises:
        ValueError: no place, or one that lacks a condition.
    """
    if not places:
        raise ValueError("expected at least one hidden place, got none")
    if any(len(place.told) != len(conditions) for place in places):
        raise ValueError(f"every hidden place must be told under {len(conditions)} conditions")
    heads = "".join(_head(one) for one in conditions)
    rows = "".join(_place(place, conditions) for place in places)
    said = "&#10;".join(_said(place, conditions) for place in places)
    return (
        f'{_style()}<div class="vm" style="--columns:{len(conditions)}" data-said="{said}">'
        f'<div class="vm-heads">{heads}</div>{rows}</div>'
    )


def _said(place: Place, conditions: Sequence[Condition]) -> str:
    """What is told of one hidden place, in a line as HTML."""
    shares = ", ".join(
        f"{escape(condition.title)} {percent(told.probability)}"
        for told, condition in zip(place.told, conditions, strict=True)
    )
    return f"Hidden {escape(place.piece)}: {shares}"


def _head(condition: Condition) -> str:
    seen = '<div class="vm-none" role="img" aria-label="no picture">no picture</div>'
    if condition.pixels is not None:
        seen = f'<img src="{data_url(condition.pixels, side=_SIDE)}" alt="{condition.title}">'
    return f'<div class="vm-head">{seen}<b>{escape(condition.title)}</b></div>'


def _place(place: Place, conditions: Sequence[Condition]) -> str:
    of = "" if place.word.lower() == place.piece else f" of “{escape(place.word)}”"
    cells = "".join(
        _cell(told, condition, place.piece)
        for told, condition in zip(place.told, conditions, strict=True)
    )
    return (
        f'<section class="vm-place"><h3>Hidden: <code>{escape(place.piece)}</code>{of}</h3>'
        f'<div class="vm-cells">{cells}</div></section>'
    )


def _cell(told: Told, condition: Condition, piece: str) -> str:
    rows = "".join(_row(text, share, piece) for text, share in told.candidates)
    if all(text != piece for text, _ in told.candidates):
        rows += '<li class="vm-gap" aria-hidden="true">…</li>' + _row(
            piece, told.probability, piece, rank=told.rank
        )
    verdict = "right" if told.rank == 1 else "wrong"
    mark = "✓" if told.rank == 1 else "✗"
    return (
        f'<div class="vm-cell"><p class="vm-sum"><span class="vm-when">{escape(condition.title)}'
        f'</span><b class="vm-{verdict}">{percent(told.probability)} {mark}</b></p>'
        f"<ol>{rows}</ol></div>"
    )


def _row(text: str, share: float, piece: str, *, rank: int | None = None) -> str:
    true = " class=vm-true" if text == piece else ""
    place = "" if rank is None else f" <small>no. {rank:,}</small>"
    return (
        f'<li{true}><span class="vm-name"><span translate="no">{escape(text)}</span>{place}</span>'
        f'<span class="vm-rail" aria-hidden="true"><i style="width:{100 * share:.2f}%"></i></span>'
        f'<span class="vm-share">{percent(share)}</span></li>'
    )


# The giraffe of section 3.3.


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """One piece of a word, hidden alone and with all of its word."""

    pixels: UInt8[np.ndarray, "height width 3"]  # the picture that the sentence is about
    shows: str  # what is on it, for those who cannot see it
    sentence: str
    pieces: Sequence[str]
    asked: int  # which of them is guessed
    conditions: Sequence[str]  # what was shown, the least first
    alone: Sequence[float]  # its probability with only itself hidden, by condition
    whole: Sequence[float]  # the same with all of the word hidden
    fitting: tuple[int, int]  # nouns of the world that fit what is left in the two cases


def lesson(found: Lesson) -> str:
    """Two rows, what is hidden; a column a condition; the probability of the same piece in all.

    The first column is of the words alone: how many nouns there are that the rest allows.

    Raises:
        ValueError: probabilities that do not fit the conditions, or no such piece.
    """
    if not len(found.alone) == len(found.whole) == len(found.conditions):
        raise ValueError(f"expected {len(found.conditions)} probabilities a row")
    if not 0 <= found.asked < len(found.pieces):
        raise ValueError(f"the word has {len(found.pieces)} pieces, got number {found.asked}")
    piece, everything = found.pieces[found.asked], set(range(len(found.pieces)))
    heads = "".join(f'<th scope="col">{escape(one)}</th>' for one in found.conditions)
    rows = "".join(
        f'<tr><th scope="row">{_tiles(found, hidden)}<span>{says}</span></th>'
        f"<td><b>{fitting:,}</b></td>{''.join(_chance(share) for share in shares)}</tr>"
        for hidden, says, shares, fitting in (
            ({found.asked}, "one piece hidden", found.alone, found.fitting[0]),
            (everything, "the whole word hidden", found.whole, found.fitting[1]),
        )
    )
    said = (
        f"{escape(piece)}: {escape(found.conditions[-1])}, one piece hidden "
        f"{percent(found.alone[-1])}, the whole word hidden {percent(found.whole[-1])}"
    )
    return (
        f'{_style()}<div class="vm-lesson" data-said="{said}"><div class="vm-about"><img '
        f'src="{data_url(found.pixels, side=_SIDE)}" alt="{escape(found.shows)}" translate="no">'
        f"<p>“{escape(found.sentence)}”: how likely the model "
        f"finds <code>{escape(piece)}</code> where it stood.</p></div>"
        f'<div class="vm-scroll"><table><thead><tr><td></td>'
        f'<th scope="col">Nouns that fit</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{_moral(found)}</div>"
    )


def _moral(found: Lesson) -> str:
    """What the numbers say, whatever they are."""
    left, all_hidden = found.fitting
    nouns = "only one noun fits" if left == 1 else f"{left:,} nouns fit"
    blind, seeing = found.whole[0], found.whole[-1]
    helps = "adds" if seeing > blind else "takes away"
    return (
        f"<p><span>Whoever knows the words need not look: {nouns} what one hidden piece leaves, "
        f"and {all_hidden:,} fit when the word is hidden whole.</span> <span>Then the picture "
        f"{helps} <b>{abs(100 * (seeing - blind)):.0f}</b> points; beside its neighbours it moves "
        f"the piece by <b>{round(100 * (found.alone[-1] - found.alone[0])):+d}</b> points.</span> "
        "<span>To a model that was trained with whole words hidden, as the paper's are, a word in "
        "parts is new.</span></p>"
    )


def _tiles(found: Lesson, hidden: set[int]) -> str:
    tiles = "".join(
        f'<i translate="no">{escape(piece)}</i>'
        if at not in hidden
        else '<i class="vm-mask">[MASK]</i>'
        for at, piece in enumerate(found.pieces)
    )
    return f'<span class="vm-tiles">{tiles}</span>'


def _chance(share: float) -> str:
    return (
        f'<td data-value="{share}"><span class="vm-rail" aria-hidden="true">'
        f'<i style="width:{100 * share:.1f}%"></i>'
        f"</span>{percent(share)}</td>"
    )


# How much the picture helps.


def help_bars(
    by_kind: Mapping[str, Mapping[str, float | int]], *, conditions: Mapping[str, str]
) -> go.Figure:
    """One group of bars a kind of word, one bar a condition.

    Args:
        by_kind: the accuracy of each condition in [0, 1] and the number of "words", by kind.
        conditions: their names for a reader, by what ``by_kind`` calls them; most shown first.

    Raises:
        ValueError: no kind of word, or more conditions than there are colours.
    """
    if not by_kind or len(conditions) > len(_COLORS):
        raise ValueError(
            f"expected some kinds of words and at most {len(_COLORS)} conditions, got "
            f"{len(by_kind)} and {len(conditions)}"
        )
    figure = go.Figure()
    names = [f"{kind}<br>{scores['words']:,} words" for kind, scores in by_kind.items()]
    for (condition, title), color in zip(conditions.items(), _COLORS, strict=False):
        shares = [100 * scores[condition] for scores in by_kind.values()]
        figure.add_trace(
            go.Bar(
                x=names,
                y=shares,
                name=title,
                marker={"color": color},
                text=[f"{share:.0f} %" for share in shares],
                textposition="outside",
                cliponaxis=False,
                hovertemplate=f"%{{x}}<br>{title}: %{{y:.1f}} %<extra></extra>",
            )
        )
    quiet(figure, height=360)
    figure.update_layout(barmode="group", bargap=0.28, bargroupgap=0.06)
    figure.update_yaxes(range=[0, 108], tickvals=[0, 25, 50, 75, 100], ticksuffix=" %")
    figure.update_xaxes(showgrid=False)
    return figure
