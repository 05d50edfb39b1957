"""Early answers: the probability of each answer after every layer."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from vilt_core.viz.layout import SOFT, quiet
from vilt_core.viz.palette import PLAIN, SERIES

_LINES = 7  # answers that get a colour; a legend of more is no longer read


def answers_over_layers(
    probabilities: Float[np.ndarray, "layers k"], *, answers: Sequence[str], said: Sequence[str]
) -> go.Figure:
    """One line an answer; along the top, what would be said after each layer.

    Args:
        probabilities: row 0 is the embedding, the last the model's answer.
        answers: names of the columns, the most wanted first.
        said: the likeliest answer of every layer.

    Raises:
        ValueError: names that do not fit.
    """
    layers = len(probabilities)
    if probabilities.shape[1] != len(answers) or layers != len(said):
        raise ValueError(
            f"expected probabilities of {len(said)} layers and {len(answers)} answers, "
            f"got {probabilities.shape}"
        )
    figure = go.Figure()
    for place, answer in enumerate(answers):
        known = place < _LINES
        figure.add_trace(
            go.Scatter(
                x=list(range(layers)),
                y=probabilities[:, place],
                name=answer,
                mode="lines+markers",
                line={
                    "color": SERIES[place % len(SERIES)] if known else PLAIN,
                    "width": 3 if place == 0 else 1.8,
                },
                marker={"size": 7 if place == 0 else 5},
                showlegend=known,
                hovertemplate="%{y:.1%}<extra>" + answer + "</extra>",
            )
        )
    for layer, answer in enumerate(said):
        figure.add_annotation(
            x=layer,
            y=1.0,
            yref="paper",
            text=f"<b>{answer}</b>" if answer == said[-1] else answer,
            showarrow=False,
            yanchor="bottom",
            textangle=-35 if layers > 9 or max(map(len, said)) > 9 else 0,
            font={"size": 12, "color": SOFT},
        )
    quiet(figure, height=400)
    figure.update_layout(
        hovermode="x unified", margin={"t": 66, "b": 100}, legend={"y": -0.22, "yanchor": "top"}
    )
    names = ["embedding", *(str(layer) for layer in range(1, layers))]
    figure.update_xaxes(
        tickvals=list(range(layers)),
        ticktext=names,
        range=[-0.4, layers - 0.6],
        title={"text": "after layer", "standoff": 4},
    )
    figure.update_yaxes(range=[0, 1.03], title="P(answer)", tickformat=".0%")
    return figure
