"""How a statement about two pictures is judged: the pair method, with live numbers.

The text passes twice, with either picture and a type row of its own; the two pooled states are laid
side by side for the head (section 4.3, after UNITER). Drawn in both orders of the pictures.
"""

from dataclasses import dataclass
from html import escape

import numpy as np
from jaxtyping import Float, UInt8

from vilt_core.viz.answers import percent
from vilt_core.viz.stepper import STATIC, data_url
from vilt_core.viz.stripes import png_url, stripes

_SIDE = 160  # pixels of a picture in the figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The text with one picture."""

    name: str  # of the picture
    pixels: UInt8[np.ndarray, "height width 3"]
    pooled: Float[np.ndarray, " d"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Two readings, and what the head makes of them side by side."""

    title: str
    first: Reading
    second: Reading
    probability: float  # that the statement is true
    truth: bool | None = None  # whether it is, where that is known


def pair_method(given: Order, swapped: Order, *, statement: str, milliseconds: float) -> str:
    """Both orders side by side, and what the order changes.

    Args:
        given: the pictures as they stand.
        swapped: the same two exchanged.
        statement: what is judged.
        milliseconds: of both orders.

    Raises:
        ValueError: pooled states of different widths.
    """
    widths = {len(r.pooled) for order in (given, swapped) for r in (order.first, order.second)}
    if len(widths) != 1:
        raise ValueError(f"pooled states must have one width, got {sorted(widths)}")
    css = (STATIC / "pairs.css").read_text(encoding="utf-8")
    return (
        f'<style>{css}</style><div class="vt" data-said="{_said(given)}" '
        f'data-took="{milliseconds:.3f}"><p class="vt-legend">Each stroke of a strip is one '
        'number, orange above zero and blue below.</p><div class="vt-orders">'
        f"{_order(given, statement)}{_order(swapped, statement)}</div>"
        f"{_changes(given, swapped)}"
        f'<p class="vt-took">Four passes and two heads took {milliseconds:.0f} ms on this '
        "server.</p></div>"
    )


def _order(order: Order, statement: str) -> str:
    width = len(order.first.pooled)
    lanes = "".join(
        _lane(reading, row, statement)
        for row, reading in enumerate((order.first, order.second), start=1)
    )
    both = np.concatenate([order.first.pooled, order.second.pooled])
    return (
        f'<section class="vt-order"><h3>{escape(order.title)}</h3>{lanes}'
        f'<div class="vt-join"><p>Side by side: 2 &times; {width} = {2 * width} numbers</p>'
        f'<div class="vt-both">{_strip(both, "both pooled states side by side")}</div>'
        '<p class="vt-arrow" aria-hidden="true">↓ head: Linear · LayerNorm · GELU · Linear · '
        f"softmax</p>{_verdict(order)}</div></section>"
    )


def _lane(reading: Reading, row: int, statement: str) -> str:
    return (
        f'<div class="vt-lane"><img class="vt-seen" src="{data_url(reading.pixels, side=_SIDE)}" '
        f'alt="{escape(reading.name, quote=True)}"><div class="vt-pass"><p class="vt-in">'
        f'<span translate="no">{escape(statement)}</span><b>type row {row}</b></p>'
        '<p class="vt-arrow" aria-hidden="true">↓ ViLT, pooled at [CLS]</p>'
        f"{_strip(reading.pooled, f'pooled state of {reading.name}')}</div></div>"
    )


def _verdict(order: Order) -> str:
    says = order.probability > 0.5
    known = ""
    if order.truth is not None:
        kind, word = ("right", "✓ right") if says == order.truth else ("wrong", "✗ wrong")
        truth = "true" if order.truth else "false"
        known = f'<span class="vt-{kind}">{word}: it is {truth}</span>'
    return (
        f'<div class="vt-verdict"><span class="vt-rail" aria-hidden="true">'
        f'<i style="width:{100 * order.probability:.2f}%"></i></span>'
        f'<p><b>P(true) <span class="vt-p">{percent(order.probability)}</span></b>{known}</p></div>'
    )


def _said(order: Order) -> str:
    """The judgement in a line, as HTML."""
    known = ""
    if order.truth is not None:
        known = ", right" if (order.probability > 0.5) == order.truth else ", wrong"
    return f"P(true): {percent(order.probability)}{known}"


def _changes(given: Order, swapped: Order) -> str:
    """The same picture behind the one row and behind the other."""
    rows = "".join(
        f"<tr><th scope=row>{escape(one.name)}</th>"
        f"{_number(cosine(one.pooled, other.pooled), 4)}"
        f"{_number(float(np.abs(one.pooled - other.pooled).max()), 3)}</tr>"
        for one, other in ((given.first, swapped.second), (given.second, swapped.first))
    )
    gap = 100 * (swapped.probability - given.probability)
    meant = ""
    if given.truth is not None and swapped.truth is not None:
        same = given.truth == swapped.truth
        meant = (
            " <span>The statement means the same in both orders.</span>"
            if same
            else " <span>The statement is true in one order and false in the other.</span>"
        )
    return (
        '<section class="vt-changes"><h3>What the order changes</h3>'
        f"<p><span>P(true) moves by <b>{gap:+.1f}</b> points.</span>{meant} <span>A picture is "
        "read with another type row when it changes sides, so its pooled state changes too, and "
        "both change their place before the head.</span></p>"
        "<table><thead><tr><td></td><th scope=col>cosine of its two pooled states</th>"
        f"<th scope=col>largest difference</th></tr></thead><tbody>{rows}</tbody></table></section>"
    )


def cosine(one: Float[np.ndarray, " d"], other: Float[np.ndarray, " d"]) -> float:
    """Of the angle between two vectors; 0 where one of them is 0."""
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / length if length else 0.0


def _strip(values: Float[np.ndarray, " d"], says: str) -> str:
    """The pooler ends in a tanh, so that the scale is the same for all."""
    return (
        f'<img class="vt-strip" src="{png_url(stripes(values))}" '
        f'alt="{len(values)} numbers, {escape(says, quote=True)}">'
    )


def _number(value: float, digits: int) -> str:
    """A cell of a table: few digits to read, all of them for whoever keeps it."""
    return f'<td data-value="{value}">{value:.{digits}f}</td>'
