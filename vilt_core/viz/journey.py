"""What passes between a picture, a sentence and an answer: vectors, matrices, layers."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from vilt_core.viz.layout import INK, SOFT, quiet
from vilt_core.viz.palette import BOTH, IMAGE, PLAIN, TEXT

# Below zero blue, above it orange, zero like the page.
SIGNED = [(0.0, TEXT), (0.5, "rgba(123,132,148,0.07)"), (1.0, IMAGE)]
_STRIP, _LABEL = 36, 26  # pixels of a vector, and of the line above it
_FEW = 20  # points that are marked one by one
_LARGEST = 98  # percentile of the sizes drawn in full colour: a few large ones would pale the rest


def strips(vectors: Mapping[str, Float[np.ndarray, " d"]]) -> go.Figure:
    """Vectors one above the other, a coloured stroke a number, each with its length.

    Every vector has a scale of its own: a short one would be blank on that of a long one.

    Args:
        vectors: of one length, by what they are.

    Raises:
        ValueError: none, or of several lengths.
    """
    if len({len(vector) for vector in vectors.values()}) != 1:
        raise ValueError(
            f"expected vectors of one length, got {[len(vector) for vector in vectors.values()]}"
        )
    values = np.stack(list(vectors.values()))
    count, width = values.shape
    trace = _signed(values / np.array([[_top(row)] for row in values]), ygap=_LABEL)
    trace.update(zmin=-1, zmax=1, customdata=values)
    trace.update(hovertemplate="number %{x}: %{customdata:.3f}<extra></extra>")
    figure = go.Figure(trace)
    quiet(figure, height=64 + (_STRIP + _LABEL) * count)
    figure.update_layout(margin={"l": 8, "r": 8, "t": 24, "b": 30}, showlegend=False)
    figure.update_yaxes(visible=False, autorange="reversed")
    figure.update_xaxes(showgrid=False, ticks="", nticks=6, range=[-0.5, width - 0.5])
    for row, (name, vector) in enumerate(vectors.items()):
        figure.add_annotation(
            text=f"{name}; length {np.linalg.norm(vector):.3g}",
            x=0,
            xref="paper",
            y=row - 0.5 * _STRIP / (_STRIP + _LABEL),
            xanchor="left",
            yanchor="bottom",
            showarrow=False,
            font={"size": 12, "color": INK},
        )
    return figure


def joined_matrix(
    rows: Float[np.ndarray, "s d"], *, text_tokens: int, names: Sequence[str], chosen: int
) -> go.Figure:
    """The joint sequence as a matrix, a row a token: text above, image below.

    Args:
        rows: the tokens.
        text_tokens: how many of them are the text's.
        names: of the rows.
        chosen: the row with a mark.

    Raises:
        ValueError: names that do not fit, or no such row.
    """
    if len(names) != len(rows) or not 0 <= chosen < len(rows):
        raise ValueError(
            f"expected {len(rows)} names and a row among them, got {len(names)} and row {chosen}"
        )
    labels = [f"{place + 1}. {name}" for place, name in enumerate(names)]
    trace = _signed(rows, ygap=0)
    trace.update(y=labels, hovertemplate="row %{y}, number %{x}: %{z:.2f}<extra></extra>")
    figure = go.Figure(trace)
    quiet(figure, height=400)
    figure.update_layout(margin={"l": 12, "r": 12, "t": 12, "b": 42})
    figure.update_xaxes(showgrid=False, title_text=f"{rows.shape[1]} numbers a row", nticks=6)
    _small_titles(figure)
    middle = [(text_tokens - 1) / 2, text_tokens + (len(rows) - text_tokens - 1) / 2]
    figure.update_yaxes(
        type="category",  # whose numbers, of ticks and shapes, are those of the rows
        autorange="reversed",
        showgrid=False,
        tickvals=middle,
        ticktext=["words", "patches"],
        tickangle=-90,
    )
    for first, last, color in ((0, text_tokens, TEXT), (text_tokens, len(rows), IMAGE)):
        edge = {"color": color, "width": 5}
        figure.add_shape(
            type="line", xref="paper", x0=0, x1=0, y0=first - 0.5, y1=last - 0.5, line=edge
        )
    figure.add_shape(
        type="rect",
        xref="paper",
        x0=0,
        x1=1,
        y0=chosen - 0.5,
        y1=chosen + 0.5,
        line={"color": BOTH, "width": 2},
    )
    return figure


def layer_curves(
    curves: Mapping[str, Sequence[float] | Float[np.ndarray, " points"]],
    *,
    at: int,
    x: str,
    y: str,
    first: int = 0,
    colors: Sequence[str] = (BOTH, TEXT, IMAGE, PLAIN),
    percent: bool = False,
) -> go.Figure:
    """One value a layer (or an iteration), and a mark where the reader stands.

    Args:
        curves: of one length, by what they are.
        at: where the reader stands.
        x: what is counted.
        y: what is measured.
        first: the number of the first point.
        colors: of the curves.
        percent: whether values are shares.
    """
    figure = go.Figure()
    few = max(map(len, curves.values())) < _FEW
    for (name, values), color in zip(curves.items(), colors, strict=False):
        places = list(range(first, first + len(values)))
        figure.add_trace(
            go.Scatter(
                x=places,
                y=list(values),
                name=name,
                mode="lines+markers" if few else "lines",
                line={"color": color, "width": 2.5},
                hovertemplate=f"{x} %{{x}}: %{{y:{'.1%' if percent else '.3f'}}}<extra></extra>",
            )
        )
    figure.add_vline(x=at, line={"color": SOFT, "width": 1.5, "dash": "dot"})
    quiet(figure, height=270)
    figure.update_layout(
        showlegend=len(curves) > 1, margin={"l": 10, "r": 12, "t": 44 if len(curves) > 1 else 16}
    )
    _small_titles(figure)
    figure.update_xaxes(title_text=x, dtick=1 if few else None)
    figure.update_yaxes(title_text=y)
    if percent:
        figure.update_yaxes(tickformat=".0%", range=[-0.02, 1.04])
    return figure


def added_bars(
    looked: Float[np.ndarray, " depth"], thought: Float[np.ndarray, " depth"]
) -> go.Figure:
    """How long the vectors are that attention and the MLP add, layer by layer.

    Args:
        looked: mean length of what attention adds.
        thought: mean length of what the MLP adds.
    """
    figure = go.Figure()
    for name, values, color in (("attention", looked, BOTH), ("MLP", thought, PLAIN)):
        figure.add_trace(
            go.Bar(
                x=list(range(1, len(values) + 1)),
                y=values,
                name=f"{name} adds",
                marker_color=color,
                hovertemplate=f"layer %{{x}}: {name} adds %{{y:.2f}}<extra></extra>",
            )
        )
    quiet(figure, height=260)
    figure.update_layout(barmode="group", margin={"l": 10, "r": 12, "t": 48})
    figure.update_xaxes(title_text="layer", dtick=1)
    figure.update_yaxes(title_text="mean length")
    _small_titles(figure)
    return figure


def _small_titles(figure: go.Figure) -> None:
    figure.update_xaxes(title_font_size=13)
    figure.update_yaxes(title_font_size=13)


def _top(values: Float[np.ndarray, "..."]) -> float:
    return float(np.percentile(np.abs(values), _LARGEST)) or 1.0


def _signed(values: Float[np.ndarray, "rows d"], *, ygap: int) -> go.Heatmap:
    top = _top(values)
    return go.Heatmap(
        z=values.astype(np.float32),
        zmin=-top,
        zmax=top,
        colorscale=SIGNED,
        showscale=False,
        ygap=ygap,
    )
