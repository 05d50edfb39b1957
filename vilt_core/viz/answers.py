"""Answers and their probabilities as bars: a piece of HTML that needs nothing around it."""

from collections.abc import Sequence
from html import escape

from vilt_core.viz.palette import RIGHT, TEXT, WRONG

_STYLE = """
.vl-bars { display: grid; gap: .55rem; margin: 0; padding: 0; list-style: none; }
.vl-bars li { display: grid; grid-template-columns: minmax(4.5rem, 8.5rem) 1fr 4rem; gap: .75rem;
  align-items: center; margin: 0; font-size: .95rem; }
.vl-bars .name { overflow-wrap: anywhere; line-height: 1.2; }
.vl-bars .mark { font-weight: 700; margin-inline-start: .25rem; }
.vl-bars .rail { height: .8rem; border-radius: 99px; overflow: hidden;
  background: color-mix(in srgb, currentColor 9%, transparent); }
.vl-bars .bar { display: block; height: 100%; min-width: 2px; border-radius: 99px; }
.vl-bars .share { text-align: end; font-variant-numeric: tabular-nums; opacity: .8; }
.vl-bars li:first-child { font-weight: 650; }
.vl-bars li:not(:first-child) .bar { opacity: .55; }
"""


def answer_bars(
    texts: Sequence[str], probabilities: Sequence[float], *, truth: str | None = None
) -> str:
    """One bar an answer, in the order given.

    Args:
        texts: the answers.
        probabilities: their probabilities, in [0, 1].
        truth: the true answer where known: it gets a tick, a first answer that differs a cross.
    """
    rows = []
    for place, (text, share) in enumerate(zip(texts, probabilities, strict=True)):
        color, mark = f"var(--lab-text, {TEXT})", ""
        if truth is not None and text == truth:
            color, mark = f"var(--lab-right, {RIGHT})", _mark("✓", "right", RIGHT)
        elif truth is not None and place == 0:
            color, mark = f"var(--lab-wrong, {WRONG})", _mark("✗", "wrong", WRONG)
        rows.append(
            f'<li><span class="name"><span translate="no">{quoted(text)}</span>{mark}</span>'
            f'<span class="rail" aria-hidden="true"><span class="bar" '
            f'style="width:{100 * share:.2f}%;background:{color}"></span></span>'
            f'<span class="share">{percent(share)}</span></li>'
        )
    return f'<style>{_STYLE}</style><ol class="vl-bars">{"".join(rows)}</ol>'


def quoted(answer: str) -> str:
    """An answer as HTML; VQA v2 has an empty one, which is shown as a pair of quotes."""
    return escape(answer) or "“”"


def percent(share: float) -> str:
    """A share as a person reads it: "97.3 %", "< 0.1 %"."""
    if 0 < share < 0.001:
        return "&lt; 0.1 %"
    return f"{100 * share:.1f} %"


def _mark(sign: str, meaning: str, color: str) -> str:
    return (
        f'<span class="mark" role="img" aria-label="{meaning}" '
        f'style="color:var(--lab-{meaning}, {color})">{sign}</span>'
    )
