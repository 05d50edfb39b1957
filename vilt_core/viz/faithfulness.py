"""Deletion and insertion curves, one line a method, chance dashed."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from plotly.subplots import make_subplots

from vilt_core.viz.layout import quiet
from vilt_core.viz.palette import PLAIN, SERIES

_TITLES = ("Deletion: a fall is good", "Insertion: a rise is good")


def deletion_insertion(
    deletion: Mapping[str, Float[np.ndarray, " t"]],
    insertion: Mapping[str, Float[np.ndarray, " t"]],
    *,
    fractions: Float[np.ndarray, " t"],
    chance: str = "random order",
    colors: Sequence[str] = SERIES,
) -> go.Figure:
    """P(answer) while the heaviest patches go, and while they come into an empty picture.

    Args:
        deletion: by method, in the order of the colours; of ``chance``, the baseline.
        insertion: the same methods.
        fractions: of the patches gone, or there.
        chance: the name of the baseline, drawn grey and dashed.
        colors: of the methods, repeated where there are more.

    Raises:
        ValueError: no method, or not the same methods in both.
    """
    if not deletion or list(deletion) != list(insertion):
        raise ValueError(
            f"expected curves of the same methods, got {list(deletion)} and {list(insertion)}"
        )
    figure = make_subplots(
        rows=1, cols=2, shared_yaxes=True, subplot_titles=_TITLES, horizontal_spacing=0.05
    )
    names = [name for name in deletion if name != chance]
    for panel, curves in enumerate((deletion, insertion), start=1):
        for name, values in curves.items():
            plain = name == chance
            color = PLAIN if plain else colors[names.index(name) % len(colors)]
            figure.add_trace(
                go.Scatter(
                    x=100 * fractions,
                    y=values,
                    name=name,
                    legendgroup=name,
                    showlegend=panel == 1,
                    mode="lines",
                    line={"color": color, "width": 2.2, "dash": "dash" if plain else "solid"},
                    hovertemplate="%{y:.3f}<extra>" + name + "</extra>",
                ),
                row=1,
                col=panel,
            )
    quiet(figure, height=390)
    figure.update_layout(
        hovermode="x unified",
        margin={"t": 40, "b": 100},
        legend={"y": -0.24, "yanchor": "top"},
    )
    figure.update_xaxes(ticksuffix=" %")
    figure.update_xaxes(title={"text": "patches gone", "standoff": 4}, row=1, col=1)
    figure.update_xaxes(title={"text": "patches there", "standoff": 4}, row=1, col=2)
    figure.update_yaxes(range=[0, 1.02])
    figure.update_yaxes(title="P(answer)", row=1, col=1)
    return figure
