"""One number of the position table at every cell of a grid, and where a stretched one reads it."""

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from vilt_core.viz.layout import INK, quiet
from vilt_core.viz.palette import IMAGE, TEXT

_SCALE = [(0.0, TEXT), (0.5, "#f3f1f0"), (1.0, IMAGE)]
_WIDTH = 460  # pixels of a square map of the height below, with the names of its axes and a bar


def table_map(
    values: Float[np.ndarray, "rows columns"],
    *,
    title: str,
    top: float,
    reads: Float[np.ndarray, "points 2"] | None = None,
    measured: bool = False,
) -> go.Figure:
    """A number a cell, as colours: blue below zero, orange above.

    Whoever points at one is told its place, counted from one.

    Args:
        values: one number of the vector of every place.
        title: above the map.
        top: the size that is drawn in full colour.
        reads: (row, column) of points, in cells from 0, that another grid reads here.
        measured: with named axes and a bar that tells which colour is which number.
    """
    rows, columns = values.shape
    figure = go.Figure(
        go.Heatmap(
            z=values.astype(np.float32),
            zmin=-top,
            zmax=top,
            colorscale=_SCALE,
            showscale=measured,
            colorbar={"title": {"text": "value"}, "thickness": 12, "outlinewidth": 0},
            xgap=1,
            ygap=1,
            customdata=(1 + np.moveaxis(np.indices(values.shape), 0, -1)).tolist(),
            hovertemplate="row %{customdata[0]}, column %{customdata[1]}: %{z:.3f}<extra></extra>",
        )
    )
    if reads is not None:
        figure.add_trace(
            go.Scatter(
                x=reads[:, 1],
                y=reads[:, 0],
                mode="markers",
                marker={"size": 4, "color": INK},
                customdata=1 + reads,
                hovertemplate="read at row %{customdata[0]:.2f}, column %{customdata[1]:.2f}"
                "<extra></extra>",
            )
        )
    quiet(figure, height=330)
    figure.update_layout(
        title={"text": title, "font": {"size": 13}, "x": 0.02, "y": 0.97},
        margin={"l": 8, "r": 8, "t": 40, "b": 8},
        showlegend=False,
    )
    if measured:
        figure.update_layout(width=_WIDTH, autosize=False)  # so that the bar is near its cells
    shown = {"visible": measured, "showgrid": False}
    figure.update_xaxes(**shown, title="column", range=[-0.6, columns - 0.4], constrain="domain")
    figure.update_yaxes(**shown, title="row", range=[rows - 0.4, -0.6], scaleanchor="x")
    return figure
