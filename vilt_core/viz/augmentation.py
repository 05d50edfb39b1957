"""What augmentation does to one picture: every operation, some draws of them, and a mixture."""

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure

from vilt_core.viz.palette import PLAIN

_INK = "#1f2430"
_WIDTH, _MARGIN, _GAP = 10.8, 0.35, 0.16  # all lengths in inches
_COLUMNS = 5
_LABEL, _HEADING = 0.34, 0.5  # height of a label's line and of a heading
_SIGN = 0.56  # room for + and = between the pictures of a mixture
_LINE, _CHARACTER = 0.19, 0.076  # of a caption, about


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A picture and what stands under it."""

    label: str
    pixels: UInt8[np.ndarray, "_height _width 3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """Two pairs and the one that they became; captions are the labels."""

    first: Panel
    second: Panel
    mixed: Panel


def augmentation_figure(
    operations: Sequence[Panel],
    draws: Sequence[Panel],
    mixture: Mixture,
    *,
    titles: tuple[str, str, str],
) -> Figure:
    """Three parts, one under the other, each under its title.

    Args:
        operations: one panel each, five a row.
        draws: what some draws made of the same picture, five a row.
        mixture: two pairs and their mixture.
        titles: of the three parts.

    Raises:
        ValueError: no operation or no draw to show.
    """
    if not operations or not draws:
        raise ValueError("expected operations and draws to show, one of them is missing")
    tall = operations[0].pixels.shape[0] / operations[0].pixels.shape[1]
    parts = [_rows(tall, operations), _rows(tall, draws), _sum(tall, mixture)]
    sheet = _Sheet(height=sum(_HEADING + height for _, height in parts))
    top = 0.0
    for title, (draw_part, height) in zip(titles, parts, strict=True):
        sheet.heading(title, top=top)
        draw_part(sheet, top + _HEADING)
        top += _HEADING + height
    return sheet.figure


def _rows(tall: float, panels: Sequence[Panel]) -> "_Part":
    """Panels five a row, and the height that this takes."""
    wide = (_WIDTH - 2 * _MARGIN - (_COLUMNS - 1) * _GAP) / _COLUMNS
    step = wide * tall + _LABEL

    def draw(sheet: "_Sheet", top: float) -> None:
        for at, panel in enumerate(panels):
            row, column = divmod(at, _COLUMNS)
            left, down = _MARGIN + column * (wide + _GAP), top + row * step
            sheet.panel(panel.pixels, [panel.label], left=left, top=down, size=(wide, wide * tall))

    return draw, step * -(-len(panels) // _COLUMNS)


def _sum(tall: float, mixture: Mixture) -> "_Part":
    """Two panels and their mixture, with signs between, and the height that this takes."""
    wide = (_WIDTH - 2 * _MARGIN - 2 * _SIGN) / 3
    panels = mixture.first, mixture.second, mixture.mixed
    captions = [textwrap.wrap(panel.label, int(wide / _CHARACTER)) for panel in panels]

    def draw(sheet: "_Sheet", top: float) -> None:
        for at, (panel, lines) in enumerate(zip(panels, captions, strict=True)):
            left = _MARGIN + at * (wide + _SIGN)
            sheet.panel(panel.pixels, lines, left=left, top=top, size=(wide, wide * tall))
            if at:
                sheet.sign("+="[at - 1], x=left - _SIGN / 2, y=top + wide * tall / 2)

    return draw, wide * tall + _LINE * max(map(len, captions)) + _MARGIN


class _Sheet:
    """A figure measured in inches from its top left corner."""

    def __init__(self, *, height: float):
        self.height = height
        self.figure = Figure(figsize=(_WIDTH, height), facecolor="white")

    def heading(self, text: str, *, top: float) -> None:
        self.figure.text(
            _MARGIN / _WIDTH,
            1 - (top + _HEADING - 0.13) / self.height,
            text,
            fontsize=11.5,
            fontweight="bold",
            color=_INK,
            va="bottom",
        )

    def sign(self, text: str, *, x: float, y: float) -> None:
        style = {"fontsize": 20, "color": PLAIN, "ha": "center", "va": "center"}
        self.figure.text(x / _WIDTH, 1 - y / self.height, text, **style)

    def panel(
        self,
        pixels: np.ndarray,
        lines: Sequence[str],
        *,
        left: float,
        top: float,
        size: tuple[float, float],
    ) -> None:
        """A picture in its place, shown whole if it has another shape, and the lines under it."""
        wide, tall = size
        bottom = top + tall
        axes = self.figure.add_axes(
            (left / _WIDTH, 1 - bottom / self.height, wide / _WIDTH, tall / self.height)
        )
        axes.imshow(pixels, interpolation="lanczos")
        axes.set_axis_off()
        style = {"fontsize": 9, "color": _INK, "ha": "center", "va": "center"}
        for at, line in enumerate(lines):
            y = bottom + 0.16 + at * _LINE
            self.figure.text((left + wide / 2) / _WIDTH, 1 - y / self.height, line, **style)


_Part = tuple[Callable[[_Sheet, float], None], float]  # draws itself from a top on; its height
