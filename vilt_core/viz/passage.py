"""A picture and a sentence on their way through models, side by side: HTML that moves by itself.

Each lane is one model: the picture as it is cut up, the two sequences, how they meet, and the time
of each part. It runs once when it appears; all lanes by one clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from vilt_core.viz.families import NAMES
from vilt_core.viz.meeting import sentences
from vilt_core.viz.stepper import data_url

_STATIC = Path(__file__).parent / "static"
_SHOWN = 4.0  # seconds in which the slowest model passes
_ORDER = ("text", "visual", "interaction")  # in which a pair passes the parts
_MOST = 260  # tokens drawn one by one
_SIDE, _SMALL = 448, 224  # pixels of a picture on the page, and of one of several


@dataclass(frozen=True, slots=True, kw_only=True)
class Detected:
    """What a trained detector has at one of its stages."""

    says: str
    boxes: Sequence[tuple[float, float, float, float]]
    names: Sequence[str] = ()  # of the boxes, with how sure it is; none before they are named


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a trained model says to the question."""

    by: str  # its name
    answers: Sequence[tuple[str, float]]  # with their probabilities, the likeliest first
    longer: bool = False  # whether it was taught longer than those it is compared with


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """How picture and text meet in a trained model."""

    by: str  # its name
    says: Sequence[str]  # what the figure is of, in sentences
    figure: str  # HTML of meeting.py
    result: Sequence[str] = ()  # what comes of it, in sentences
    longer: bool = False  # whether it was taught longer than those it is compared with


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One model."""

    title: str
    paper: str
    looks: str  # how a picture becomes a sequence
    meets: str  # how the two come together
    note: str = ""  # what a reader must know
    seen: UInt8[np.ndarray, "height width 3"]
    grid: tuple[int, int] | None
    boxes: Sequence[tuple[float, float, float, float]]
    tokens: tuple[int, int]  # of the picture and of the text
    apart: bool  # whether they stay two sequences until the end
    milliseconds: dict[str, float]  # of "visual", "text" and "interaction"
    meetings: Sequence[Meeting] = ()  # in the trained models of this kind
    answers: Sequence[Answered] = ()  # to the question, of the trained models of this kind
    stages: Sequence[Detected] = ()  # of a detector that was trained, stage after stage
    detected_by: str = ""

    @property
    def total(self) -> float:
        """Of all parts."""
        return sum(self.milliseconds.values())


def style() -> str:
    """The style sheet that the lanes need, once a page."""
    return (_STATIC / "passage.css").read_text(encoding="utf-8")


def passage(lanes: Sequence[Lane], *, words: Sequence[str]) -> str:
    """The lanes side by side.

    Args:
        lanes: at least one.
        words: the sentence's tokens.

    Raises:
        ValueError: no lane.
    """
    if not lanes:
        raise ValueError("expected at least one model to watch, got none")
    slowest = max(lane.total for lane in lanes)
    drawn = "".join(_lane(lane, words, slowest=slowest) for lane in lanes)
    return f'<style>{style()}</style><div class="vp">{drawn}</div>'


def _lane(lane: Lane, words: Sequence[str], *, slowest: float) -> str:
    starts = _starts(lane, slowest)
    length = {part: _seconds(lane.milliseconds[part], slowest) for part in _ORDER}
    times = ";".join(f"--{p}-at:{starts[p]:.2f}s;--{p}-for:{length[p]:.2f}s" for p in _ORDER)
    note = f'<p class="vp-note">{escape(lane.note)}</p>' if lane.note else ""
    answers = "".join(map(_answered, lane.answers))
    meetings = "".join(map(_met, lane.meetings))
    image, text = lane.tokens
    said = "".join(f"<span>{escape(word)}</span>" for word in words)
    return (
        f'<section class="vp-lane" style="{times}">'
        f"<h3>{escape(lane.title)} <small>{escape(lane.paper)}</small></h3>"
        f'<div class="vp-see">{_picture(lane)}</div>'
        f'<p class="vp-says"><b>Sees</b> {escape(lane.looks)}: {image} tokens '
        f"from {lane.seen.shape[0]} x {lane.seen.shape[1]} pixels.</p>"
        f'<div class="vp-words" translate="no">{said}</div>'
        f'<p class="vp-says"><b>Meets by</b> {escape(lane.meets)}.</p>'
        f'<div class="vp-meet{" vp-apart" if lane.apart else ""}">'
        f"{_squares('text', text)}{_squares('visual', image)}</div>"
        f"{_clock(lane, slowest=slowest)}{meetings}{answers}{note}{_stages(lane)}</section>"
    )


def _answered(found: Answered) -> str:
    """What a trained small one says."""
    rows = "".join(
        f'<li><b translate="no">{escape(text)}</b><i style="width:{100 * share:.1f}%"></i>'
        f"<span>{100 * share:.1f} %</span></li>"
        for text, share in found.answers
    )
    return (
        f'<p class="vp-says"><b>Answers</b> through {_sister(found)}:</p>'
        f'<ol class="vp-answers">{rows}</ol>'
    )


def _sister(found: Answered | Meeting) -> str:
    """Who speaks for a model whose own weights are random."""
    who = "its small sister that was trained on stickers"
    if found.longer:
        who = "a sister that was taught longer than the other models"
    return f"{escape(found.by)}, {who}"


def _met(found: Meeting) -> str:
    """The figure of a meeting; folded where the model was taught longer."""
    says = f"<b>How they meet</b> in {_sister(found)}:"
    figure = f"{_sentences(found.says)}{found.figure}{_sentences(found.result)}"
    if found.longer:
        inside = f'<div class="vp-more">{figure}</div>'
        return f"<details><summary>{says}</summary>{inside}</details>"
    return f'<p class="vp-says">{says}</p>{figure}'


def _sentences(said: Sequence[str]) -> str:
    return sentences(*map(escape, said)) if said else ""


def _stages(lane: Lane) -> str:
    """The stages of a trained detector side by side; nothing where there is none."""
    if not lane.stages:
        return ""
    shown = "".join(
        f"<figure>{_boxed(lane, stage.boxes, stage.says, side=_SMALL)}"
        f"<figcaption>{escape(stage.says)}</figcaption></figure>"
        for stage in lane.stages
    )
    names = "".join(f'<span translate="no">{escape(name)}</span>' for name in lane.stages[-1].names)
    return (
        f'<p class="vp-says"><b>Detects</b> in three stages, as {escape(lane.detected_by)} does, '
        f"which was trained on stickers:</p>"
        f'<div class="vp-stages">{shown}</div><div class="vp-names">{names}</div>'
    )


def _starts(lane: Lane, slowest: float) -> dict[str, float]:
    found, at = {}, 0.0
    for part in _ORDER:
        found[part] = at
        at += _seconds(lane.milliseconds[part], slowest)
    return found


def _seconds(milliseconds: float, slowest: float) -> float:
    return _SHOWN * milliseconds / max(slowest, 1e-9)


def _picture(lane: Lane) -> str:
    """As the model reads it, under its cells or boxes."""
    height, width, _ = lane.seen.shape
    marks = []
    if lane.grid is not None:
        rows, columns = lane.grid
        marks += [f"M0 {height * row / rows:.1f}H{width}" for row in range(1, rows)]
        marks += [f"M{width * column / columns:.1f} 0V{height}" for column in range(1, columns)]
    return _boxed(lane, lane.boxes, lane.looks, side=_SIDE, marks="".join(marks))


def _boxed(
    lane: Lane,
    boxes: Sequence[tuple[float, float, float, float]],
    says: str,
    *,
    side: int,
    marks: str = "",
) -> str:
    height, width, _ = lane.seen.shape
    drawn = "".join(
        f'<rect x="{x0 * width:.0f}" y="{y0 * height:.0f}" '
        f'width="{(x1 - x0) * width:.0f}" height="{(y1 - y0) * height:.0f}"/>'
        for x0, y0, x1, y1 in boxes
    )
    picture = data_url(lane.seen, side=side)
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(says)}">'
        f'<image href="{picture}" width="{width}" height="{height}" preserveAspectRatio="none"/>'
        f'<g class="vp-cut"><path d="{marks}"/>{drawn}</g></svg>'
    )


def _squares(part: str, count: int) -> str:
    """A square a token."""
    more = f"<small>and {count - _MOST} more</small>" if count > _MOST else ""
    return f'<div class="vp-row vp-{part}">{"<i></i>" * min(count, _MOST)}{more}</div>'


def _clock(lane: Lane, *, slowest: float) -> str:
    """A bar as long as the time of each part, on one scale in all lanes."""
    bars = "".join(
        f'<i class="vp-{part}" style="width:{100 * lane.milliseconds[part] / slowest:.2f}%"></i>'
        for part in _ORDER
    )
    listed = "".join(
        f'<li><i class="vp-{part}"></i>{NAMES[part]} '
        f"<b>{_number(lane.milliseconds[part])} ms</b></li>"
        for part in _ORDER
    )
    return (
        f'<div class="vp-clock">{bars}</div><ul class="vp-times">{listed}'
        f"<li>all of it <b>{_number(lane.total)} ms</b></li></ul>"
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
