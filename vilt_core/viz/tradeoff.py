"""Accuracy against cost: a dot a model, the same models in every panel."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox, BboxBase

from vilt_core.viz.palette import BOTH, IMAGE, PLAIN, TEXT

_INK = "#1d2433"
_FAINT = "#e3e6ec"
_SIDES = (  # of a dot: where its name begins, in points, and how it is laid there
    ((7, 0), "left", "center"),
    ((-7, 0), "right", "center"),
    ((0, 7), "center", "bottom"),
    ((0, -7), "center", "top"),
)
KIND_COLORS = {"a": PLAIN, "b": TEXT, "c": BOTH, "d": IMAGE}  # the families of ViLT's figure 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One model."""

    name: str
    kind: str  # of ``KIND_COLORS``
    cost: float
    scores: Mapping[str, float]  # percent, by the title of the panel; one may lack it


def tradeoff(
    dots: Sequence[Dot],
    *,
    baselines: Mapping[str, float],
    kinds: Mapping[str, str],
    cost: str,
    title: str,
) -> Figure:
    """One panel a score, cost to the right on a logarithmic axis, accuracy upwards.

    Args:
        dots: the models.
        baselines: percent without looking, or by chance, by the title of the panel.
        kinds: what the letters of families mean, for the legend.
        cost: what the horizontal axis says.
        title: what all of it is about.

    Raises:
        ValueError: no model, or a cost that is not above 0.
    """
    if not dots:
        raise ValueError("expected at least one model to draw, got none")
    if free := [dot.name for dot in dots if not dot.cost > 0]:
        raise ValueError(f"a cost must be above 0, that of {', '.join(free)} is not")
    figure = Figure(
        figsize=(0.4 + 4.0 * len(baselines), 4.6), layout="constrained", facecolor="white"
    )
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=12, color=_INK, x=0.012, ha="left", weight="bold")
    panels = figure.subplots(1, len(baselines), squeeze=False)[0]
    for axes, (score, baseline) in zip(panels, baselines.items(), strict=True):
        axes.axhline(baseline, color=_INK, linewidth=1, linestyle=(0, (4, 3)))
        for dot in dots:
            if score not in dot.scores:
                continue
            axes.plot(
                dot.cost,
                dot.scores[score],
                marker="o",
                markersize=9,
                color=KIND_COLORS[dot.kind],
                markeredgecolor="white",
            )
        axes.set_xscale("log")
        axes.margins(y=0.12)
        _ticks(axes, dots)
        axes.set_title(score, fontsize=10, color=_INK)
        axes.set_xlabel(cost, fontsize=9, color=_INK)
        axes.yaxis.set_major_formatter("{x:.0f} %")
        axes.tick_params(length=0, labelsize=9, colors=_INK)
        axes.grid(color=_FAINT, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[:].set_visible(False)
    drawn = [kind for kind in kinds if any(dot.kind == kind for dot in dots)]
    handles = [
        Line2D([], [], marker="o", linestyle="", color=KIND_COLORS[kind], label=kinds[kind])
        for kind in drawn
    ]
    handles.append(
        Line2D([], [], color=_INK, linewidth=1, linestyle=(0, (4, 3)), label="without looking")
    )
    figure.legend(
        handles=handles, loc="outside lower left", ncols=len(handles), frameon=False, fontsize=9
    )
    figure.draw_without_rendering()  # sizes are known from here on
    for axes, (score, baseline) in zip(panels, baselines.items(), strict=True):
        _name(axes, [dot for dot in dots if score in dot.scores], score, baseline=baseline)
    return figure


def _ticks(axes, dots: Sequence[Dot]) -> None:
    """Plain numbers, a few a decade."""
    lowest, highest = (pick(dot.cost for dot in dots) for pick in (min, max))
    decades = range(math.floor(math.log10(lowest)) - 1, math.ceil(math.log10(highest)) + 2)
    axes.set_xticks([step * 10.0**decade for decade in decades for step in (1, 2, 3, 5, 7)])
    axes.xaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.set_xlim(lowest / 1.5, highest * 1.5)


def _name(axes, dots: Sequence[Dot], score: str, *, baseline: float) -> None:
    """A name at each dot, on the side where it covers least of what is drawn.

    The axes must have their final limits and size: names are measured in pixels.
    """
    renderer = axes.figure.canvas.get_renderer()
    places = [axes.transData.transform((dot.cost, dot.scores[score])) for dot in dots]
    taken = [Bbox.from_extents(x - 7, y - 7, x + 7, y + 7) for x, y in places]
    inside = axes.get_window_extent(renderer)
    level = axes.transData.transform((1, baseline))[1]
    taken.append(Bbox.from_extents(inside.x0, level - 2, inside.x1, level + 2))
    for dot in sorted(dots, key=lambda one: one.scores[score], reverse=True):
        tried = []
        for offset, ha, va in _SIDES:
            text = axes.annotate(
                dot.name,
                (dot.cost, dot.scores[score]),
                xytext=offset,
                textcoords="offset points",
                ha=ha,
                va=va,
                fontsize=8,
                color=_INK,
            )
            box = text.get_window_extent(renderer)
            covered = sum(_common(box, other) for other in taken)
            tried.append((covered + box.width * box.height - _common(box, inside), text, box))
        best = min(tried, key=lambda one: one[0])
        for _, text, _ in tried:
            if text is not best[1]:
                text.remove()
        taken.append(best[2])


def _common(one: BboxBase, other: BboxBase) -> float:
    """The area that two boxes share, in pixels."""
    shared = Bbox.intersection(one, other)
    return 0.0 if shared is None else shared.width * shared.height
