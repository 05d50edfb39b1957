"""Many explanations of one answer as small multiples: HTML that needs nothing around it.

A card a method: its heat over the picture, the words tinted by theirs, and how it was judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, UInt8

from vilt_core.viz.blend import Box, blend
from vilt_core.viz.stepper import data_url

_STATIC = Path(__file__).parent / "static"
_SIDE = 300  # of a card's picture, pixels

Named = Literal["answer", "question"]
# What lies in the boxes, and of each card whether its heaviest patch does, in words.
_FRAMED: dict[Named, str] = {
    "answer": "Green frames: what the true answer names.",
    "question": "Green frames: what the question names.",
}
_POINTS: dict[Named, tuple[str, str]] = {
    "answer": ("✗ misses it", "✓ points at it"),
    "question": (
        "✗ points at nothing the question names",
        "✓ points at something the question names",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One explanation; without heat, one that is still to come."""

    title: str
    says: str  # what the method does, in a few words
    heat: Float[np.ndarray, "rows columns"] | None = None  # what is below 0 is drawn as 0
    picture: str | None = None  # of ``picture_of``, where the card is to be drawn again and again
    word_heat: Float[np.ndarray, " m"] | None = None
    hit: bool | None = None  # whether its heaviest patch lies in a box; None: not known
    deletion: float | None = None  # areas under the curves; None: not judged yet
    insertion: float | None = None


@lru_cache(maxsize=1)
def style() -> str:
    """The style sheet of everything here, of heads.py and of knockouts.py, once a page."""
    return (_STATIC / "explanations.css").read_text(encoding="utf-8")


def gallery(
    pixels: UInt8[np.ndarray, "height width 3"],
    cards: Sequence[Card],
    *,
    words: Sequence[str],
    boxes: Sequence[Box] = (),
    named: Named = "answer",
) -> str:
    """The cards side by side; of those judged, the best number of each kind stands out.

    Args:
        pixels: the picture that the patches tile.
        cards: the explanations, in order.
        words: of the question.
        boxes: of what is asked about, where that is known.
        named: whether the true answer names that, or only the question does.

    Raises:
        ValueError: heat of words that are not there.
    """
    for card in cards:
        if card.word_heat is not None and len(card.word_heat) != len(words):
            raise ValueError(f"expected heat of {len(words)} words, got {len(card.word_heat)}")
    lowest = min((c.deletion for c in cards if c.deletion is not None), default=None)
    highest = max((c.insertion for c in cards if c.insertion is not None), default=None)
    drawn = "".join(
        _card(pixels, card, words, boxes, best=(lowest, highest), points=_POINTS[named])
        for card in cards
    )
    legend = _legend(cards, _FRAMED[named] if boxes else "")
    return f'<style>{style()}</style><div class="vx-gallery">{legend}{drawn}</div>'


def _legend(cards: Sequence[Card], framed: str) -> str:
    """What the colours of the cards mean, as soon as there are any."""
    if all(card.heat is None for card in cards):
        return ""
    blue = any(card.word_heat is not None for card in cards)
    best = any(card.deletion is not None or card.insertion is not None for card in cards)
    says = (
        framed,
        "Blue: a word that counts, the bluer the more." if blue else "",
        "Bold green: the best number of its kind." if best else "",
    )
    return f'<p class="vx-legend">{" ".join(f"<span>{one}</span>" for one in says if one)}</p>'


def picture_of(
    pixels: UInt8[np.ndarray, "height width 3"], heat: Float[np.ndarray, "rows columns"]
) -> str:
    """The picture under its heat, inside a URL: most of the work of a card."""
    return data_url(blend(pixels, np.clip(heat, 0, None)), side=_SIDE)


def words_in_heat(words: Sequence[str], heat: Float[np.ndarray, " m"]) -> str:
    """Words on a ground that is the bluer the more they count; what is below 0 is not."""
    level = np.clip(heat, 0, None) / max(float(heat.max(initial=0.0)), 1e-12)
    return "".join(
        f'<span style="--vx-heat:{100 * share:.0f}%">{escape(word)}</span>'
        for word, share in zip(words, level.tolist(), strict=True)
    )


def _card(
    pixels: np.ndarray,
    card: Card,
    words: Sequence[str],
    boxes: Sequence[Box],
    *,
    best: tuple[float | None, float | None],
    points: tuple[str, str],
) -> str:
    head = f"<h4>{escape(card.title)}</h4><p>{escape(card.says)}</p>"
    height, width, _ = pixels.shape
    if card.heat is None:
        empty = f'<div class="vx-picture vx-awaited" style="aspect-ratio:{width}/{height}"></div>'
        return f'<figure class="vx-card">{empty}<figcaption>{head}</figcaption></figure>'
    picture = card.picture or picture_of(pixels, card.heat)
    row, column = np.unravel_index(card.heat.argmax(), card.heat.shape)
    says = f"{card.title}: the heaviest patch is in row {row + 1}, column {column + 1}"
    frames = "".join(
        f'<i style="left:{100 * x0:.1f}%;top:{100 * y0:.1f}%;width:{100 * (x1 - x0):.1f}%;'
        f'height:{100 * (y1 - y0):.1f}%"></i>'
        for x0, y0, x1, y1 in boxes
    )
    said = "" if card.word_heat is None else words_in_heat(words, card.word_heat)
    return (
        f'<figure class="vx-card"><div class="vx-picture"><img src="{picture}" '
        f'alt="{escape(says)}">{frames}</div><figcaption>{head}'
        f'<p class="vx-words" translate="no">{said}</p>'
        f"{_scores(card, best, points)}</figcaption></figure>"
    )


def _scores(card: Card, best: tuple[float | None, float | None], points: tuple[str, str]) -> str:
    cells = []
    if card.hit is not None:
        kind = "hit" if card.hit else "miss"
        cells.append(f'<span class="vx-{kind}">{points[card.hit]}</span>')
    for sign, meaning, value, record in (
        ("↓", "deletion", card.deletion, best[0]),
        ("↑", "insertion", card.insertion, best[1]),
    ):
        if value is not None:
            strong = ' class="vx-best"' if value == record else ""
            cells.append(f"<span{strong}>{meaning} {sign} <b>{value:.2f}</b></span>")
    return f'<p class="vx-scores">{"".join(cells)}</p>'
