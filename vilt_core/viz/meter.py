"""What a query cost and what its shortlist may miss: HTML that needs nothing around it."""

from collections.abc import Mapping, Sequence
from html import escape
from math import log2

from vilt_core.viz.palette import IMAGE, TEXT

_WIDTH, _HEIGHT = 320, 132
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 12, 12, 26  # margins of the plot
_STYLE = """
.vl-meter { display: grid; gap: 1.2rem;
  grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr)); }
.vl-meter h3 { margin: 0 0 .5rem; font-size: .86rem; font-weight: 650; color: inherit; }
.vl-meter p { margin: .4rem 0 0; font-size: .84rem; opacity: .8; line-height: 1.4; }
.vl-meter table { width: 100%; border-collapse: collapse; font-size: .9rem;
  font-variant-numeric: tabular-nums; }
.vl-meter :is(th, td) { padding: .22rem 0; text-align: end; border: 0; font-weight: 400;
  color: inherit; }
.vl-meter th:first-child { text-align: start; }
.vl-meter thead th { opacity: .7; font-size: .8rem; }
.vl-meter tbody tr:first-child { font-weight: 700; }
.vl-meter tbody tr:first-child > * { font-weight: 700; }
.vl-meter svg { width: 100%; max-width: 26rem; height: auto; display: block; overflow: visible; }
.vl-meter text { font-size: 10.5px; fill: currentColor; opacity: .75; }
"""


def search_meter(
    *,
    shortlist: int,
    gallery: int,
    forwards: int,
    milliseconds: Mapping[str, float],
    everything: Mapping[int, float],
    reach: Sequence[tuple[int, float]] = (),
) -> str:
    """Forwards and time of a query beside those of scoring everything, and K against recall.

    Args:
        shortlist: K of this query.
        gallery: how many there were to choose from.
        forwards: passes of the model that reads each pair.
        milliseconds: of this query, by part.
        everything: seconds that scoring all of a gallery would take, by its size.
        reach: K and how often a shortlist of K holds a right answer, in [0, 1]; none where that is
            not known.
    """
    total = sum(milliseconds.values())
    rows = [_row(f"this query, {shortlist:,} of {gallery:,}", forwards, total / 1000)]
    rows += [
        _row(f"everything, {size:,}", size, seconds) for size, seconds in sorted(everything.items())
    ]
    parts = ", ".join(f"{escape(part)} {spent:.0f} ms" for part, spent in milliseconds.items())
    head = "<tr><th></th><th>pairs read by ViLT</th><th>time</th></tr>"
    cost = (
        f'<section><h3>Cost</h3><table class="vl-cost"><thead>{head}</thead>'
        f"<tbody>{''.join(rows)}</tbody></table><p>{parts}.</p></section>"
    )
    return f'<style>{_STYLE}</style><div class="vl-meter">{cost}{_reach(shortlist, reach)}</div>'


def duration(seconds: float) -> str:
    """Seconds as a person reads them: "240 ms", "7.8 s", "3.1 min", "2.2 h", "5.0 days"."""
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    for size, name in ((60, "s"), (3600, "min"), (86_400, "h")):
        if seconds < size:
            return f"{seconds / {'s': 1, 'min': 60, 'h': 3600}[name]:.1f} {name}"
    return f"{seconds / 86_400:.1f} days"


def _row(name: str, forwards: int, seconds: float) -> str:
    return (
        f'<tr><th>{name}</th><td data-value="{forwards}">{forwards:,}</td>'
        f'<td data-value="{seconds} s">{duration(seconds)}</td></tr>'
    )


def _reach(shortlist: int, reach: Sequence[tuple[int, float]]) -> str:
    """K against the share of captions of which something right is on the shortlist."""
    if not reach:
        return ""
    most = max(2, *(size for size, _ in reach))

    def place(size: int, share: float) -> tuple[float, float]:
        x = _LEFT + (_WIDTH - _LEFT - _RIGHT) * log2(max(size, 1)) / log2(most)
        return x, _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - share)

    points = [place(*point) for point in reach]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    size = min(shortlist, most)
    share = max((share for known, share in reach if known <= size), default=reach[0][1])
    x, y = place(size, _between(size, reach))
    base = place(1, 0.0)[1]
    levels = "".join(
        f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{place(1, level)[1]:.1f}" '
        f'y2="{place(1, level)[1]:.1f}" stroke="currentColor" opacity=".14"/>'
        f'<text x="{_LEFT - 6}" y="{place(1, level)[1] + 3.5:.1f}" text-anchor="end">'
        f"{100 * level:.0f} %</text>"
        for level in (0.0, 0.5, 1.0)
    )
    ticks = "".join(
        f'<text x="{place(known, 0.0)[0]:.1f}" y="{base + 16:.1f}" '
        f'text-anchor="middle">{known}</text>'
        for known, _ in reach
    )
    says = f"A shortlist of {size} holds a right picture for about {100 * share:.0f} % of captions"
    return (
        "<section><h3>Recall of the shortlist, by its length K</h3>"
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{says}">{levels}{ticks}'
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{base:.1f}" '
        f'stroke="var(--lab-image, {IMAGE})" stroke-dasharray="3 3"/>'
        f'<polyline points="{line}" fill="none" stroke="var(--lab-text, {TEXT})" stroke-width="2"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="var(--lab-image, {IMAGE})"/></svg>'
        f"<p>{says}: what is not on it, no judge can find.</p></section>"
    )


def _between(size: int, reach: Sequence[tuple[int, float]]) -> float:
    """The curve's height at a length, straight between those that were measured."""
    before = reach[0]
    for after in reach:
        if after[0] >= size:
            span = log2(after[0]) - log2(before[0])
            part = (log2(max(size, 1)) - log2(before[0])) / span if span else 1.0
            return before[1] + part * (after[1] - before[1])
        before = after
    return before[1]
