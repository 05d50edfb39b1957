"""The arms of an ablation, seed by seed: how far apart they are beside how far apart seeds are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from vilt_core.viz.palette import IMAGE, PLAIN

_INK = "#1d2433"
_FAINT = "#e3e6ec"
_COLUMNS = 4
_BESIDE = 0.16  # of a row, between equal seeds
_DOT = {
    "marker": "o",
    "markersize": 5.0,
    "markeredgecolor": "white",
    "markeredgewidth": 0.7,
    "linestyle": "",
}
_BAR = {"marker": "|", "markersize": 15, "markeredgewidth": 2.4, "linestyle": ""}
_DASHES = {"linewidth": 1, "linestyle": (0, (3, 3))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dots:
    """One measure of all arms."""

    title: str
    rows: Mapping[str, Sequence[float]]  # percent of every seed, by arm; empty where not measured
    baseline: float  # percent, without looking or by chance


def seed_dots(panels: Sequence[Dots], *, title: str) -> Figure:
    """One panel a measure, one row an arm: a dot a seed, a bar for their mean, a line for chance.

    Args:
        panels: all with the same arms, four a row; the first arm is on top.
        title: what all of it is about.

    Raises:
        ValueError: no panel, or panels with other arms than the first.
    """
    if not panels:
        raise ValueError("expected at least one measure to draw, got none")
    arms = list(panels[0].rows)
    if strange := [panel.title for panel in panels if list(panel.rows) != arms]:
        raise ValueError(f"all measures must have the arms {arms}, {strange} have others")
    columns = min(len(panels), _COLUMNS)
    lines = -(-len(panels) // columns)
    figure = Figure(
        figsize=(1.6 + 2.7 * columns, 0.9 + lines * (0.75 + 0.3 * len(arms))),
        layout=ConstrainedLayoutEngine(hspace=0.06, wspace=0.03),
        facecolor="white",
    )
    figure.suptitle(title, fontsize=12, color=_INK, x=0.012, ha="left", weight="bold")
    cells = figure.subplots(lines, columns, squeeze=False, sharey=True).ravel()
    for axes, panel in zip(cells, panels, strict=False):
        _draw(axes, panel)
    for axes in cells[len(panels) :]:
        axes.set_axis_off()
    _explain(cells[-1] if len(cells) > len(panels) else None, figure)
    return figure


def _draw(axes: Axes, panel: Dots) -> None:
    """One measure; the best mean stands out."""
    means = {arm: float(np.mean(values)) for arm, values in panel.rows.items() if len(values)}
    best = max(means.values(), default=None)
    axes.axvline(panel.baseline, color=_INK, zorder=1, **_DASHES)
    for row, (arm, values) in enumerate(panel.rows.items()):
        axes.axhline(row, color=_FAINT, linewidth=0.8, zorder=0)
        if arm not in means:
            _number(axes, row, "not run", color=PLAIN)
            continue
        color = IMAGE if means[arm] == best else PLAIN
        axes.plot(means[arm], row, color=color, zorder=2, **_BAR)
        axes.plot(values, _side_by_side(values, row), color=color, zorder=3, **_DOT)
        _number(axes, row, f"{means[arm]:.1f}", color=_INK if means[arm] == best else PLAIN)
    axes.set_xlim(*_limits(panel))
    axes.set_ylim(len(panel.rows) - 0.4, -0.6)
    axes.set_yticks(range(len(panel.rows)), list(panel.rows))
    axes.set_title(panel.title, fontsize=10, color=_INK, loc="left")
    axes.tick_params(length=0, labelsize=8.5, colors=_INK)
    axes.spines[:].set_visible(False)


def _side_by_side(values: Sequence[float], row: int) -> list[float]:
    """The height of every seed: equal ones lie around their row, so that none hides another."""
    heights = []
    for at, value in enumerate(values):
        before, equal = list(values[:at]).count(value), list(values).count(value)
        heights.append(row + _BESIDE * (before - (equal - 1) / 2))
    return heights


def _number(axes: Axes, row: int, words: str, *, color: str) -> None:
    """At the right end of a row."""
    axes.annotate(
        words,
        (1.0, row),
        xycoords=("axes fraction", "data"),
        ha="right",
        va="center",
        fontsize=8,
        color=color,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
    )


def _limits(panel: Dots) -> tuple[float, float]:
    """Room for every seed and the baseline, and to the right for the number of the mean."""
    values = [panel.baseline, *(value for row in panel.rows.values() for value in row)]
    low, high = min(values), max(values)
    room = max(high - low, 1.0)
    return low - 0.06 * room, high + 0.34 * room


def _explain(empty: Axes | None, figure: Figure) -> None:
    """What dots, bars and the dashed line are: in the empty place, or under the panels."""
    marks = [
        Line2D([], [], color=PLAIN, **_DOT, label="a seed"),
        Line2D([], [], color=PLAIN, **_BAR, label="mean of the seeds, percent"),
        Line2D([], [], color=_INK, **_DASHES, label="without looking, or by chance"),
    ]
    if empty is None:
        figure.legend(handles=marks, loc="outside lower center", ncols=3, frameon=False)
    else:
        empty.legend(handles=marks, loc="upper left", frameon=False, labelspacing=1.2, fontsize=9)
