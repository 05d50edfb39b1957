"""A training's curves: the loss of each objective, and scores beside what guessing scores."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from plotly.subplots import make_subplots

from vilt_core.viz.layout import SOFT, quiet
from vilt_core.viz.palette import SERIES

# The objectives and the scores: what a person calls them. Each keeps its colour.
LOSSES = {"mlm": "masked words (MLM)", "itm": "matching (ITM)", "wpa": "alignment (WPA)"}
SCORES = {
    "matching": "sentences told apart",
    "masked": "hidden nouns found",
    "pointing": "words on their sticker",
}
_COLORS = {
    "mlm": SERIES[1], "masked": SERIES[1],
    "itm": SERIES[2], "matching": SERIES[2],
    "wpa": SERIES[0], "pointing": SERIES[0],
}  # fmt: skip
_GUESSED = {"itm": math.log(2), "wpa": 0.0}  # losses of a model that knows nothing


def loss_curves(
    steps: Sequence[int], losses: Mapping[str, Sequence[float]], *, total: int
) -> go.Figure:
    """One panel an objective under the other: every step faint, their running mean on top.

    Args:
        steps: at which the losses were taken.
        losses: of each objective, one a step.
        total: steps of the whole run.
    """
    names = [name for name in LOSSES if name in losses]
    figure = make_subplots(
        rows=max(len(names), 1),
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.09,
        subplot_titles=[LOSSES[name] for name in names],
    )
    for row, name in enumerate(names, 1):
        values, color = np.asarray(losses[name], dtype=float), _COLORS[name]
        each = go.Scatter(x=list(steps), y=values, line={"color": color, "width": 1}, opacity=0.35)
        mean = go.Scatter(
            x=list(steps),
            y=running_mean(values),
            line={"color": color, "width": 2.5},
            hovertemplate="step %{x}: %{y:.3f}<extra></extra>",
        )
        figure.add_trace(each.update(hoverinfo="skip"), row=row, col=1)
        figure.add_trace(mean, row=row, col=1)
        if name in _GUESSED:
            figure.add_hline(
                y=_GUESSED[name], line_dash="dot", line_color=color, row=row, col=1  # pyright: ignore[reportArgumentType]
            )  # fmt: skip
    quiet(figure, height=90 + 130 * max(len(names), 1))
    figure.update_annotations(font={"size": 13, "color": SOFT}, x=0, xanchor="left")
    figure.update_layout(showlegend=False, margin={"t": 30})
    figure.update_yaxes(rangemode="tozero")
    figure.update_xaxes(range=[0, total])
    figure.update_xaxes(title={"text": "step", "standoff": 4}, row=max(len(names), 1), col=1)
    return figure


def running_mean(values: Float[np.ndarray, " t"], *, window: int = 15) -> Float[np.ndarray, " t"]:
    """The mean of each value and those before it, ``window`` at most."""
    sums = np.concatenate(([0.0], np.cumsum(values)))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - window, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)


def score_curves(
    steps: Sequence[int],
    scores: Mapping[str, Sequence[float]],
    *,
    chance: Mapping[str, float],
    total: int,
) -> go.Figure:
    """Scores on scenes that were not trained on, each with what guessing scores as a dotted line.

    Args:
        steps: of the snapshots.
        scores: by name, one a snapshot; "blind" is drawn dashed, in the colour of "masked".
        chance: by the same names; "sticker", which words score that lie on any sticker, is drawn
            dashed, in the colour of "pointing".
        total: steps of the whole run.
    """
    figure = go.Figure()
    for name in (one for one in SCORES if one in scores):
        color = _COLORS[name]
        figure.add_trace(
            go.Scatter(
                x=list(steps),
                y=list(scores[name]),
                name=SCORES[name],
                mode="lines+markers",
                line={"color": color, "width": 2.5},
                hovertemplate="step %{x}: %{y:.0%}<extra>" + SCORES[name] + "</extra>",
            )
        )
        figure.add_trace(
            go.Scatter(
                x=[0, total],
                y=[chance[name]] * 2,
                name=f"{SCORES[name]}, by guessing",
                mode="lines",
                line={"color": color, "dash": "dot", "width": 1.5},
                showlegend=False,
                hovertemplate="%{y:.0%}<extra>by guessing</extra>",
            )
        )
    if "blind" in scores:
        figure.add_trace(
            go.Scatter(
                x=list(steps),
                y=list(scores["blind"]),
                name="hidden nouns, without the picture",
                mode="lines",
                line={"color": _COLORS["masked"], "dash": "dash", "width": 1.5},
                hovertemplate="step %{x}: %{y:.0%}<extra>without the picture</extra>",
            )
        )
    if "sticker" in chance:
        figure.add_trace(
            go.Scatter(
                x=[0, total],
                y=[chance["sticker"]] * 2,
                name="on any sticker",
                mode="lines",
                line={"color": _COLORS["pointing"], "dash": "dash", "width": 1.5},
                hovertemplate="%{y:.0%}<extra>on any sticker</extra>",
            )
        )
    quiet(figure, height=370)
    figure.update_layout(margin={"t": 60})
    figure.update_xaxes(range=[0, total], title={"text": "step", "standoff": 4})
    figure.update_yaxes(range=[0, 1.02], tickformat=".0%")
    return figure
