"""The transport plan as a matrix: words are rows, patches are columns in raster order."""

from collections.abc import Sequence
from itertools import product

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from vilt_core.viz.palette import ON_LIGHT, scale


def plan_matrix(
    plan: Float[np.ndarray, "m n"],
    *,
    words: Sequence[str],
    grid: tuple[int, int],
    title: str = "",
    top: float | None = None,
) -> go.Figure:
    """How much of each word's mass lies on each patch.

    Args:
        plan: one row a word (or token), one column a patch.
        words: names of the rows; the same word may come twice.
        grid: rows and columns of patches; their names count both from one.
        title: above the matrix.
        top: the mass drawn darkest; the largest of the plan by default.

    Raises:
        ValueError: words or a grid that do not fit the plan.
    """
    rows, columns = grid
    if plan.shape != (len(words), rows * columns):
        raise ValueError(
            f"expected a plan of shape {(len(words), rows * columns)} for {len(words)} words and a "
            f"grid of {rows} x {columns}, got {plan.shape}"
        )
    places = product(range(1, rows + 1), range(1, columns + 1))
    names = [f"({row}, {column})" for row, column in places]
    figure = go.Figure(
        go.Heatmap(
            z=plan,
            x=names,
            y=[f"{place + 1}. {word}" for place, word in enumerate(words)],
            zmin=0,
            zmax=float(plan.max()) if top is None else top,
            colorscale=scale(ON_LIGHT),
            colorbar={"title": "mass", "thickness": 12},
            hovertemplate="%{y} on patch %{x}: %{z:.3g}<extra></extra>",
        )
    )
    figure.update_layout(
        title=title,
        template="plotly_white",
        height=150 + 24 * len(words),
        margin={"l": 10, "r": 10, "t": 50 if title else 20, "b": 40},
        xaxis={"title": "patch (row, column)", "tickvals": names[::columns], "showgrid": False},
        yaxis={"autorange": "reversed", "showgrid": False},
    )
    return figure
