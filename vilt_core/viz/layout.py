"""The paper that plotly's figures are drawn on: none, so that a page shows through."""

import plotly.graph_objects as go

INK = "#1d2433"
FAINT = "#e3e6ec"
SOFT = "#5f6878"


def quiet(figure: go.Figure, *, height: int) -> go.Figure:
    """No frame, no ground of its own, one letter, the legend above."""
    figure.update_layout(
        template="plotly_white",
        height=height,
        autosize=True,
        margin={"l": 10, "r": 16, "t": 64, "b": 40},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "Arial, sans-serif", "size": 13, "color": INK},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1.0, "yanchor": "bottom"},
        hoverlabel={"align": "left"},
        dragmode=False,
    )
    figure.update_xaxes(gridcolor=FAINT, zeroline=False, automargin=True, fixedrange=True)
    figure.update_yaxes(gridcolor=FAINT, zeroline=False, automargin=True, fixedrange=True)
    return figure
