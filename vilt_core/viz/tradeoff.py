"""Accuracy against cost: a dot a model, the same models in every panel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vilt_core.viz.palette import BOTH, IMAGE, PLAIN, TEXT

_INK = "#1d2433"
_FAINT = "#e3e6ec"
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
    figure.suptitle(title, fontsize=12, color=_INK, x=0.012, ha="left", weight="bold")
    panels = figure.subplots(1, len(baselines), squeeze=False)[0]
    for axes, (score, baseline) in zip(panels, baselines.items(), strict=True):
        axes.axhline(baseline, color=_INK, linewidth=1, linestyle=(0, (4, 3)))
        shown = [dot for dot in dots if score in dot.scores]
        for dot in shown:
            axes.plot(
                dot.cost,
                dot.scores[score],
                marker="o",
                markersize=9,
                color=KIND_COLORS[dot.kind],
                markeredgecolor="white",
            )
        _name(axes, shown, score)
        axes.set_xscale("log")
        axes.margins(x=0.28, y=0.12)
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
    return figure


def _name(axes, dots: Sequence[Dot], score: str) -> None:
    """Names beside the dots: the higher of two neighbours above, the lower below."""
    for rank, dot in enumerate(sorted(dots, key=lambda one: one.cost)):
        above = rank % 2 == 0
        axes.annotate(
            dot.name,
            (dot.cost, dot.scores[score]),
            xytext=(0, 8 if above else -8),
            textcoords="offset points",
            ha="center",
            va="bottom" if above else "top",
            fontsize=8,
            color=_INK,
        )
