"""Scores of several methods side by side."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from vilt_core.viz.palette import IMAGE, PLAIN

_INK = "#1d2433"


def method_bars(
    measures: Mapping[str, Mapping[str, float]], *, title: str, chance: str = "chance"
) -> Figure:
    """One panel a measure, one bar a method, and a line where chance is.

    Args:
        measures: method -> share in [0, 1], by the name of each measure.
        title: what all of it is about.
        chance: the method that is drawn as a line instead; a measure may lack it.
    """
    figure = Figure(figsize=(4.0 * len(measures), 3.6), layout="constrained", facecolor="white")
    figure.suptitle(title, fontsize=11, color=_INK, x=0.01, ha="left")
    for axes, (measure, scores) in zip(
        figure.subplots(1, len(measures), sharey=True, squeeze=False)[0],
        measures.items(),
        strict=True,
    ):
        methods = [method for method in scores if method != chance]
        heights = [100 * scores[method] for method in methods]
        colors = [IMAGE if height == max(heights) else PLAIN for height in heights]
        labels = [
            method.replace(", ", ",\n").replace("mass alone", "mass\nalone") for method in methods
        ]
        bars = axes.bar(labels, heights, color=colors, width=0.68)
        paper = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
        axes.bar_label(bars, fmt="%.1f", padding=3, fontsize=9, color=_INK, bbox=paper)
        if chance in scores:
            level = 100 * scores[chance]
            axes.axhline(level, color=_INK, linewidth=1, linestyle=(0, (4, 3)))
            axes.set_xlabel(f"- - -  {chance} {level:.1f} %", fontsize=9, color=_INK)
        axes.set_title(measure, fontsize=10, color=_INK)
        axes.set_ylim(0, 108)
        axes.set_yticks(range(0, 101, 25), [f"{tick} %" for tick in range(0, 101, 25)])
        axes.tick_params(length=0, labelsize=9, colors=_INK)
        axes.grid(axis="y", color="#e3e6ec", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[:].set_visible(False)
    return figure
