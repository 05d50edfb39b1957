"""How a solver's plan settles: transport cost, marginal errors and entropy over the iterations."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from plotly.subplots import make_subplots

from vilt_core.viz.palette import IMAGE, PLAIN, TEXT

_FLOOR = 1e-9  # of the logarithmic axis: float32 errors below it are noise


def trace_curves(
    transport_cost: Float[np.ndarray, " t"],
    text_error: Float[np.ndarray, " t"],
    image_error: Float[np.ndarray, " t"],
    entropy: Float[np.ndarray, " t"],
    *,
    iterations: Sequence[int],
    optimum: float | None = None,
) -> go.Figure:
    """Three panels side by side, one point an iteration kept.

    Args:
        transport_cost: <C, T>, in units of cost.
        text_error: L1 distance of the rows' sums from uniform.
        image_error: the same of the columns' sums.
        entropy: in nats.
        iterations: the iterations kept.
        optimum: the exact optimum's cost, drawn as a dashed line.
    """
    titles = ("transport cost", "marginal errors (L1)", "entropy (nats)")
    figure = make_subplots(rows=1, cols=3, subplot_titles=titles)
    panels = (
        (1, transport_cost, "cost", PLAIN),
        (2, np.maximum(text_error, _FLOOR), "text", TEXT),
        (2, np.maximum(image_error, _FLOOR), "image", IMAGE),
        (3, entropy, "entropy", PLAIN),
    )
    for panel, values, name, color in panels:
        line = go.Scatter(x=list(iterations), y=values, name=name, line={"color": color})
        figure.add_trace(line.update(showlegend=panel == 2), row=1, col=panel)
    if optimum is not None:
        figure.add_hline(y=optimum, line_dash="dash", line_color=PLAIN, row=1, col=1)  # pyright: ignore[reportArgumentType]
    figure.update_yaxes(type="log", exponentformat="power", row=1, col=2)
    figure.update_xaxes(title_text="iteration")
    figure.update_layout(
        template="plotly_white",
        height=280,
        margin={"l": 10, "r": 10, "t": 40, "b": 40},
        legend={"orientation": "h", "x": 0.5, "xanchor": "center", "y": -0.25},
    )
    return figure
