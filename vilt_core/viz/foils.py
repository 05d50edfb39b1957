"""A true and a false sentence side by side: what matching and the transport distance make of each.

HTML that needs nothing around it but ``script`` for the clicks on words. Everything that stands
on both sides is drawn on one scale.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from jaxtyping import Float, UInt8

from vilt_core.viz.answers import percent
from vilt_core.viz.blend import Box, veil
from vilt_core.viz.palette import IMAGE
from vilt_core.viz.stepper import STATIC, data_url
from vilt_core.viz.stripes import png_url, tints

Pairs = Sequence[tuple[int | None, int | None]]  # of words; None where the other has no partner

_LISTED = 8  # words whose part of the difference is told one by one
_SIDE = 384  # pixels of a picture on the page


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One sentence on one picture."""

    title: str
    pixels: UInt8[np.ndarray, "height width 3"]
    words: Sequence[str]
    probability: float  # that the two belong together
    distance: float  # trace of cost x plan
    parts: Float[np.ndarray, " m"]  # of the distance, a word each
    plan: Float[np.ndarray, "m n"]
    heat: Float[np.ndarray, "m n"]  # what is drawn over the picture when a word is chosen
    grid: tuple[int, int]
    truth: bool | None = None  # whether the sentence is true of the picture, where that is known
    marks: Sequence[Box] = ()  # what of the picture was changed


def script() -> str:
    """What makes words answer to clicks, once a page; ``element`` is what holds the board."""
    return (STATIC / "foils.js").read_text(encoding="utf-8")


def board(first: Side, second: Side, *, pairs: Pairs) -> str:
    """Both sides, their two numbers, and which words make the difference of the distance.

    Args:
        first: the sentence, or the picture, that was there.
        second: the changed one.
        pairs: which word of one side stands for which of the other, in the order of the sentences.

    Raises:
        ValueError: plans that do not fit the words, or pairs that leave a word out.
    """
    for side, at in ((first, 0), (second, 1)):
        _check(side, [pair[at] for pair in pairs if pair[at] is not None])
    changed = [_differs(first, second, pair) for pair in pairs]
    chosen = _hottest(first, second, pairs, changed)
    top = max(float(first.plan.max()), float(second.plan.max()))
    sides = "".join(
        _side(side, at, pairs, changed, chosen=chosen, top=top, other=other)
        for side, at, other in ((first, 0, second), (second, 1, first))
    )
    css = (STATIC / "foils.css").read_text(encoding="utf-8")
    return (
        f'<style>{css}</style><div class="vf" data-said="{_said(first, second)}">'
        f'<div class="vf-head">{_dumbbells(first, second)}{_verdict(first, second)}</div>'
        f'<div class="vf-sides">{sides}</div>{_shares(first, second, pairs, changed, chosen)}</div>'
    )


def _check(side: Side, paired: list) -> None:
    expected = (len(side.words), side.grid[0] * side.grid[1])
    if side.plan.shape != expected or side.heat.shape != expected:
        raise ValueError(
            f"expected a plan and heat of shape {expected}, got {side.plan.shape} and "
            f"{side.heat.shape}"
        )
    if paired != list(range(len(side.words))):
        raise ValueError(f"pairs must name each of {len(side.words)} words once, got {paired}")


def _differs(first: Side, second: Side, pair: tuple[int | None, int | None]) -> bool:
    one, other = pair
    if one is None or other is None:
        return True
    return first.words[one].lower() != second.words[other].lower()


def _hottest(first: Side, second: Side, pairs: Pairs, changed: Sequence[bool]) -> int:
    """Which pair is shown first: of the changed ones, if there are any, the one of most heat."""

    def heat(place: int) -> float:
        sides = zip((first, second), pairs[place], strict=True)
        return max(float(side.heat[at].max()) for side, at in sides if at is not None)

    return max(range(len(pairs)), key=lambda place: (changed[place], heat(place)))


# The two numbers.


def _said(first: Side, second: Side) -> str:
    """What matching makes of both sides, in a line as HTML."""
    one, other = (f"{escape(side.title)} {percent(side.probability)}" for side in (first, second))
    return f"P(match): {one}, {other}"


def _dumbbells(first: Side, second: Side) -> str:
    longest = 1.1 * max(first.distance, second.distance, 1e-9)
    rows = (
        ("P(match)", first.probability, second.probability, 1.0, percent),
        ("Transport distance", first.distance, second.distance, longest, _number),
    )
    drawn = "".join(_dumbbell(first, second, *row) for row in rows)
    names = "".join(
        f'<span><i class="vf-dot vf-{at}"></i>{escape(side.title)}</span>'
        for at, side in (("one", first), ("two", second))
    )
    return f'<div class="vf-bells">{drawn}<p class="vf-names" aria-hidden="true">{names}</p></div>'


def _dumbbell(first: Side, second: Side, name: str, one: float, two: float, end, say) -> str:
    at, to = 100 * one / end, 100 * two / end
    low, width = min(at, to), abs(at - to)
    here, there = (escape(side.title, quote=True) for side in (first, second))
    label = f"{name}: {here} {say(one)}, {there} {say(two)}"
    return (
        f'<div class="vf-bell" role="img" aria-label="{label}"><b>{name}</b>'
        f'<span class="vf-rail"><i class="vf-bar" style="left:{low:.2f}%;width:{width:.2f}%"></i>'
        f'<i class="vf-dot vf-one" style="left:{at:.2f}%"></i>'
        f'<i class="vf-dot vf-two" style="left:{to:.2f}%"></i></span>'
        f'<span class="vf-values">{say(one)} <span aria-hidden="true">→</span> {say(two)}</span>'
        "</div>"
    )


def _number(value: float) -> str:
    return f"{value:.3f}"


def _verdict(first: Side, second: Side) -> str:
    likely = "less" if second.probability < first.probability else "more"
    far = "more" if second.distance > first.distance else "less"
    gap = _number(abs(second.distance - first.distance))
    return (
        f'<p class="vf-verdict">{escape(second.title)}: {likely} likely to match, and its words '
        f"pay <b>{gap}</b> {far} on the way to their patches.</p>"
    )


# One side.


def _side(
    side: Side,
    at: int,
    pairs: Pairs,
    changed: Sequence[bool],
    *,
    chosen: int,
    top: float,
    other: Side,
) -> str:
    words, heats, rows = [], [], []
    for place, pair in enumerate(pairs):
        word = pair[at]
        if word is None:
            continue
        partner = pair[1 - at]
        hottest = float(side.heat[word].max())
        if partner is not None:
            hottest = max(hottest, float(other.heat[partner].max()))
        marked = " vf-changed" if changed[place] else ""
        pressed = "true" if place == chosen else "false"
        said = escape(side.words[word])
        words.append(
            f'<button type="button" class="vf-word{marked}" data-pair="{place}" '
            f'aria-pressed="{pressed}" translate="no">{said}</button>'
        )
        hidden = "" if place == chosen else " hidden"
        heats.append(
            f'<img class="vf-heat" data-pair="{place}" alt=""{hidden} '
            f'src="{_heat(side.heat[word].reshape(side.grid), hottest)}">'
        )
        on = " vf-on" if place == chosen else ""
        rows.append(f'<span class="vf-row{on}" data-pair="{place}" translate="no">{said}</span>')
    boxes = "".join(_box(box) for box in side.marks)
    lacks = "" if pairs[chosen][at] is not None else " vf-lacks"
    return (
        f'<section class="vf-side"><h3><i class="vf-dot vf-{"two" if at else "one"}"></i>'
        f"{escape(side.title)}{_truth(side.truth)}</h3>"
        f'<div class="vf-words" role="group" aria-label="Words, to see their patches">'
        f"{''.join(words)}</div>"
        f'<div class="vf-picture{lacks}" data-lacks="this side has no such word">'
        f'<img src="{data_url(side.pixels, side=_SIDE)}" '
        f'alt="{escape(" ".join(side.words), quote=True)}" translate="no">'
        f"{''.join(heats)}{boxes}</div>"
        "<h4>Transport plan: words are rows, patches columns; full colour is a mass of "
        f"{top:.4f} on both sides, half colour a quarter of it</h4>"
        f'<div class="vf-plan" style="--rows:{len(side.words)}"><div class="vf-rows">'
        f"{''.join(rows)}</div>"
        f'<img src="{_matrix(side.plan, top)}" '
        f'alt="Plan of {len(side.words)} words over {side.plan.shape[1]} patches"></div></section>'
    )


def _box(box: Box) -> str:
    x0, y0, x1, y1 = (100 * edge for edge in box)
    return (
        f'<i class="vf-box" style="left:{x0:.1f}%;top:{y0:.1f}%;width:{x1 - x0:.1f}%;'
        f'height:{y1 - y0:.1f}%"></i>'
    )


def _truth(truth: bool | None) -> str:
    if truth is None:
        return ""
    kind, says = ("right", "✓ true") if truth else ("wrong", "✗ false")
    return f'<span class="vf-truth vf-{kind}">{says}</span>'


def _heat(heat: Float[np.ndarray, "rows columns"], top: float) -> str:
    """A veil to lay over the picture, as small as the grid: the browser smooths it."""
    return png_url(veil(heat, top=top))


def _matrix(plan: Float[np.ndarray, "m n"], top: float) -> str:
    """Mass as the strength of one colour, on any paper; its square root, to show small ones."""
    level = np.clip(plan / max(top, 1e-12), 0, 1)
    return png_url(tints(np.sqrt(level), IMAGE))


# Which words make the difference.


def differences(first: Side, second: Side, pairs: Pairs) -> list[tuple[str, float]]:
    """What each pair of words adds to the second distance, and its name: "fox → cat".

    The differences of all pairs add up to the difference of the distances.
    """
    found = []
    for one, other in pairs:
        before = 0.0 if one is None else float(first.parts[one])
        after = 0.0 if other is None else float(second.parts[other])
        names = [
            "∅" if at is None else side.words[at] for side, at in ((first, one), (second, other))
        ]
        same = names[0].lower() == names[1].lower()
        found.append((names[0] if same else " → ".join(names), after - before))
    return found


def _shares(first: Side, second: Side, pairs: Pairs, changed: Sequence[bool], chosen: int) -> str:
    found = differences(first, second, pairs)
    order = sorted(range(len(found)), key=lambda place: -abs(found[place][1]))
    room = len(order) if len(order) <= _LISTED + 1 else _LISTED
    listed, rest = order[:room], order[room:]
    most = max(abs(amount) for _, amount in found) or 1.0
    rows = "".join(
        _share(*found[place], most, place, changed=changed[place], on=place == chosen)
        for place in listed
    )
    if rest:
        amount = sum(found[place][1] for place in rest)
        name = f"the other {len(rest)} words"
        rows += _share(name, amount, most, None, changed=False, on=False)
    total = second.distance - first.distance
    legend = "<span>Violet pays more on the changed side, blue less.</span>"
    if any(changed):
        legend += " <span>Underlined: what was changed.</span>"
    return (
        '<section class="vf-shares"><h3>Which words carry the difference</h3>'
        "<p><span>The distance is a sum over words: what the mass of each one pays on its patches."
        "</span> <span>Every piece of a word carries the same mass, so that small words count as "
        f"much as nouns.</span> <span>{escape(second.title)} less {escape(first.title).lower()} "
        f"makes <b>{total:+.3f}</b> in all.</span> {legend}</p>"
        f"<ol>{rows}</ol></section>"
    )


def _share(
    name: str, amount: float, most: float, place: int | None, *, changed: bool, on: bool
) -> str:
    width = 50 * min(abs(amount) / most, 1)
    left = 50 - width if amount < 0 else 50.0
    marked = " vf-changed" if changed else ""
    pair = "" if place is None else f' data-pair="{place}"'
    kind = "vf-less" if amount < 0 else "vf-more"
    kept = "" if place is None else ' translate="no"'
    return (
        f'<li class="{"vf-on" if on else ""}"{pair}>'
        f'<span class="vf-name{marked}"{kept}>{escape(name)}</span>'
        f'<span class="vf-rail" aria-hidden="true"><i class="{kind}" '
        f'style="left:{left:.2f}%;width:{width:.2f}%"></i></span>'
        f'<span class="vf-values">{amount:+.3f}</span></li>'
    )
