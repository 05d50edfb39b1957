"""Many explanations of one answer as small multiples: HTML that needs nothing around it.

A card a method: its heat over the picture, the words tinted by theirs, and how it was judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from vilt_core.viz.blend import Box, blend
from vilt_core.viz.stepper import data_url

_STATIC = Path(__file__).parent / "static"
_SIDE = 300  # of a card's picture, pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One explanation; without heat, one that is still to come."""

    title: str
    says: str  # what the method does, in a few words
    heat: Float[np.ndarray, "rows columns"] | None = None  # what is below 0 is drawn as 0
    picture: str | None = None  # of ``picture_of``, where the card is to be drawn again and again
    word_heat: Float[np.ndarray, " m"] | None = None
    hit: bool | None = None  # whether its heaviest patch lies on the truth; None: not known
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
) -> str:
    """The cards side by side; of those judged, the best number of each kind stands out.

    Args:
        pixels: the picture that the patches tile.
        cards: the explanations, in order.
        words: of the question.
        boxes: of what is asked about, where that is known.

    Raises:
        ValueError: heat of words that are not there.
    """
    for card in cards:
        if card.word_heat is not None and len(card.word_heat) != len(words):
            raise ValueError(f"expected heat of {len(words)} words, got {len(card.word_heat)}")
    lowest = min((c.deletion for c in cards if c.deletion is not None), default=None)
    highest = max((c.insertion for c in cards if c.insertion is not None), default=None)
    drawn = "".join(_card(pixels, card, words, boxes, best=(lowest, highest)) for card in cards)
    return f'<style>{style()}</style><div class="vx-gallery">{drawn}</div>'


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
        f'<p class="vx-words" translate="no">{said}</p>{_scores(card, best)}</figcaption></figure>'
    )


def _scores(card: Card, best: tuple[float | None, float | None]) -> str:
    cells = []
    if card.hit is not None:
        sign, meaning = ("✓", "points at it") if card.hit else ("✗", "misses it")
        cells.append(f'<span class="vx-{"hit" if card.hit else "miss"}">{sign} {meaning}</span>')
    for sign, meaning, value, record in (
        ("↓", "deletion", card.deletion, best[0]),
        ("↑", "insertion", card.insertion, best[1]),
    ):
        if value is not None:
            strong = ' class="vx-best"' if value == record else ""
            cells.append(f"<span{strong}>{meaning} {sign} <b>{value:.2f}</b></span>")
    return f'<p class="vx-scores">{"".join(cells)}</p>'
