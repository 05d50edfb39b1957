"""How the time of a transformer grows with its sequence, and with the picture it is given."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from plotly.subplots import make_subplots

from vilt_core.viz.layout import SOFT, quiet
from vilt_core.viz.palette import BOTH, IMAGE, PLAIN


def growth_curves(
    tokens: Sequence[int],
    milliseconds: Float[np.ndarray, " points"],
    gflops: Float[np.ndarray, " points"],
    *,
    sides: Sequence[int],
    side_milliseconds: Float[np.ndarray, " sizes"],
    side_gflops: Float[np.ndarray, " sizes"],
    short: int = 300,
) -> go.Figure:
    """Two panels: time against tokens, and against the side of a square picture.

    A dashed line says how long it would take if time followed the FLOPs from the last point down.

    Args:
        tokens: of the sequence.
        milliseconds: that the blocks take with it.
        gflops: that they compute.
        sides: of the picture, pixels.
        side_milliseconds: that the whole model takes with it.
        side_gflops: that it computes.
        short: the length up to which the paper finds no difference.
    """
    figure = make_subplots(rows=1, cols=2, horizontal_spacing=0.1)
    panels = (
        (tokens, milliseconds, gflops, BOTH, "tokens", "the blocks alone"),
        (sides, side_milliseconds, side_gflops, IMAGE, "pixels a side", "all of ViLT"),
    )
    for column, (at, taken, computed, color, unit, name) in enumerate(panels, start=1):
        if not len(at):
            continue
        figure.add_trace(
            go.Scatter(
                x=list(at),
                y=computed * (taken[-1] / computed[-1]),
                name="in step with FLOPs",
                mode="lines",
                line={"color": PLAIN, "dash": "dash", "width": 1.5},
                hoverinfo="skip",
                showlegend=column == 1,
            ),
            row=1,
            col=column,
        )
        figure.add_trace(
            go.Scatter(
                x=list(at),
                y=taken,
                name=f"{name}, measured",
                mode="lines+markers",
                line={"color": color, "width": 2.5},
                customdata=computed,
                hovertemplate=f"%{{x}} {unit}: %{{y:.3g}} ms, %{{customdata:.3g}} GFLOPs"
                "<extra></extra>",
            ),
            row=1,
            col=column,
        )
        figure.update_xaxes(title_text=unit, rangemode="tozero", row=1, col=column)
        figure.update_yaxes(title_text="ms", rangemode="tozero", row=1, col=column)
    if len(tokens):
        figure.add_vrect(x0=0, x1=short, fillcolor=PLAIN, opacity=0.1, line_width=0, row=1, col=1)  # pyright: ignore[reportArgumentType]
        says = f"up to {short} tokens the paper<br>finds hardly a difference"
        if short in tokens:
            times = milliseconds[tokens.index(short)] / milliseconds[0]
            says += f";<br>here {short} take {times:.1f} times as long as {tokens[0]}"
        figure.add_annotation(
            text=says,
            x=8,
            y=1,
            xref="x",
            yref="y domain",
            xanchor="left",
            yanchor="top",
            align="left",
            showarrow=False,
            font={"size": 12, "color": SOFT},
        )
    quiet(figure, height=330)
    return figure
