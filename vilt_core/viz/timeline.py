"""When the models came, how they see a picture, and how long the paper says that they take."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import plotly.graph_objects as go

from vilt_core.viz.layout import quiet
from vilt_core.viz.palette import IMAGE, PLAIN

LANES = ("regions", "grid", "patches")  # from top to bottom, which is the way they went


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """One model's paper."""

    title: str
    date: str  # "2021-02-01"
    sees: str  # one of ``LANES``
    milliseconds: float | None  # as the paper times it
    here: bool  # whether it can be built and measured here
    says: str  # of authors and venue


def timeline(papers: Sequence[Paper]) -> go.Figure:
    """A mark a paper, as large as its model is slow, in the lane of what the model sees.

    Raises:
        ValueError: a paper that sees in no known way.
    """
    if strange := [paper.title for paper in papers if paper.sees not in LANES]:
        raise ValueError(f"models see one of {', '.join(LANES)}, {strange} do not")
    figure = go.Figure()
    levels = _levels(papers)
    for here, name, color in ((True, "in this lab", IMAGE), (False, "in the paper alone", PLAIN)):
        some = [paper for paper in papers if paper.here == here]
        figure.add_trace(
            go.Scatter(
                x=[paper.date for paper in some],
                y=[levels[paper.title] for paper in some],
                name=name,
                mode="markers",
                marker={
                    "size": [_size(paper) for paper in some],
                    "color": color,
                    "line": {"color": "white", "width": 1},
                    "opacity": 1,
                },
                customdata=[[paper.title, paper.says, _time(paper)] for paper in some],
                hovertemplate="<b>%{customdata[0]}</b><br>%{customdata[1]}<br>%{customdata[2]}"
                "<extra></extra>",
                cliponaxis=False,
            )
        )
    for paper in papers:
        figure.add_annotation(
            x=paper.date,
            y=levels[paper.title],
            text=f"{paper.title}{_seconds(paper)}",
            xanchor="left",
            xshift=_size(paper) / 2 + 3,
            showarrow=False,
            font={"size": 12},
        )
    quiet(figure, height=190 + 21 * len(papers))
    figure.update_xaxes(
        type="date", range=["2017-04-01", "2022-01-01"], dtick="M12", tickformat="%Y"
    )
    bounds = _bounds(levels, papers)
    figure.update_yaxes(
        tickvals=[(low + high) / 2 for low, high in bounds.values()],
        ticktext=[f"<b>{lane}</b> " for lane in bounds],
        range=[max(high for _, high in bounds.values()), 0],
        showgrid=False,
    )
    for low, _ in list(bounds.values())[1:]:
        figure.add_hline(y=low, line={"color": PLAIN, "width": 1, "dash": "dot"})
    return figure


def _levels(papers: Sequence[Paper]) -> dict[str, float]:
    """A line of its own for each paper, lane after lane, those of a lane by date."""
    found, level = {}, 0.0
    for lane in LANES:
        for paper in sorted((p for p in papers if p.sees == lane), key=lambda p: (p.date, p.title)):
            level += 1
            found[paper.title] = level
        level += 1
    return found


def _bounds(levels: dict[str, float], papers: Sequence[Paper]) -> dict[str, tuple[float, float]]:
    """Where each lane begins and ends."""
    found, low = {}, 0.0
    for lane in LANES:
        mine = [levels[paper.title] for paper in papers if paper.sees == lane]
        if mine:
            found[lane] = (low, max(mine) + 0.75)
            low = max(mine) + 0.75
    return found


def _size(paper: Paper) -> float:
    """By area; a small mark where nobody timed it."""
    return 8.0 if paper.milliseconds is None else 6 + 0.55 * sqrt(paper.milliseconds)


def _time(paper: Paper) -> str:
    if paper.milliseconds is None:
        return "not in the paper's Table 6"
    return f"~{paper.milliseconds:.0f} ms in the paper's Table 6"


def _seconds(paper: Paper) -> str:
    return "" if paper.milliseconds is None else f"  ~{paper.milliseconds:.0f} ms"
