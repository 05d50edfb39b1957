"""Figures 1 and 2 of the paper: where models spend what they cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from vilt_core.viz.layout import SOFT, quiet
from vilt_core.viz.palette import BOTH, IMAGE_DEEP, PLAIN, TEXT

# The parts of a model, in the order in which a pair passes them, by their colours.
PARTS = {"visual": IMAGE_DEEP, "text": TEXT, "interaction": BOTH}
NAMES = {"visual": "visual embedding", "text": "text embedding", "interaction": "interaction"}
_SHORT = {"visual": "VE", "text": "TE", "interaction": "MI"}
_ROOM = 0.11  # share of a box's height below which its label stands beside it
_GAP, _LABEL = 0.03, 0.085  # under what is built on the embeddings: bare, and with a label in it


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the parts of one model cost, in one unit."""

    name: str
    kind: str  # of figure 2: "a" to "d"
    visual: float
    text: float
    interaction: float
    paper: float | None = None  # what the paper gives for all of it, in the same unit

    @property
    def total(self) -> float:
        """All parts together."""
        return self.visual + self.text + self.interaction

    def share(self, part: str) -> float:
        """Of the total, in [0, 1]."""
        return getattr(self, part) / self.total if self.total else 0.0


def stacked_costs(models: Sequence[Parts], *, unit: str, here: str, paper: str) -> go.Figure:
    """Figure 1: a bar a model, what was measured to the left and the paper's numbers to the right.

    The two panels have scales of their own: they are not of one machine.

    Args:
        models: the first on top.
        unit: of every number.
        here: title of the left panel, such as the machine.
        paper: title of the right one.

    Raises:
        ValueError: no model to draw.
    """
    _check(models)
    figure = make_subplots(
        rows=1, cols=2, shared_yaxes=True, column_widths=[0.62, 0.38], horizontal_spacing=0.04
    )
    rows = [_label(model) for model in models]
    for part, color in PARTS.items():
        bars = go.Bar(
            y=rows,
            x=[getattr(model, part) for model in models],
            name=NAMES[part],
            orientation="h",
            marker={"color": color, "line": {"width": 0}},
            customdata=[[_number(getattr(m, part)), f"{m.share(part):.1%}"] for m in models],
            hovertemplate=f"{NAMES[part]}: %{{customdata[0]}} {unit}, %{{customdata[1]}}"
            "<extra>%{y}</extra>",
        )
        figure.add_trace(bars, row=1, col=1)
    figure.add_trace(_ends([m.total for m in models], rows, unit=unit, about=""), row=1, col=1)
    known = [model.paper or 0.0 for model in models]
    figure.add_trace(
        go.Bar(
            y=rows,
            x=known,
            name="the paper, all of it",
            orientation="h",
            marker={"color": PLAIN, "line": {"width": 0}},
            hovertemplate=f"%{{x:,}} {unit} in the paper<extra>%{{y}}</extra>",
        ),
        row=1,
        col=2,
    )
    about = "~" if unit == "ms" else ""
    figure.add_trace(_ends(known, rows, unit=unit, about=about), row=1, col=2)
    quiet(figure, height=150 + 42 * len(models))
    figure.update_layout(barmode="stack", bargap=0.38, margin={"t": 88, "b": 52})
    figure.update_layout(
        legend={"y": 1.0, "yref": "container", "yanchor": "top", "traceorder": "normal"}
    )
    figure.update_yaxes(autorange="reversed", showgrid=False)
    for column, (title, values) in enumerate(
        ((here, [model.total for model in models]), (paper, known)), start=1
    ):
        figure.update_xaxes(
            range=[0, 1.3 * max(values) or 1],
            nticks=6,
            title={"text": unit, "standoff": 6},
            visible=max(values) > 0,
            row=1,
            col=column,
        )
        figure.add_annotation(
            text=f"<b>{title}</b>",
            x=0,
            y=1.0,
            xref=f"x{'' if column == 1 else column} domain",
            yref="paper",
            xanchor="left",
            yanchor="bottom",
            showarrow=False,
        )
    return figure


def proportions(models: Sequence[Parts], *, kinds: Mapping[str, str], unit: str) -> go.Figure:
    """Figure 2: each model as three boxes as high as their shares of its cost.

    The two embeddings stand side by side, and on the larger of them the interaction.

    Args:
        models: from left to right, those of one kind together.
        kinds: what the paper says of each kind, such as "VE > TE > MI".
        unit: of the numbers that the pointer finds.

    Raises:
        ValueError: no model to draw.
    """
    _check(models)
    figure = go.Figure()
    for part, color in PARTS.items():
        figure.add_trace(
            go.Bar(
                x=[place + _offset(part) for place in range(len(models))],
                y=[model.share(part) for model in models],
                base=[_base(model, part) for model in models],
                width=[_width(part)] * len(models),
                name=f"{_SHORT[part]}: {NAMES[part]}",
                marker={"color": color, "cornerradius": 4, "line": {"width": 0}},
                customdata=[[m.name, _number(getattr(m, part)), m.share(part)] for m in models],
                hovertemplate="%{customdata[1]} " + unit + ", %{customdata[2]:.1%} of all"
                f"<extra>{NAMES[part]}<br>%{{customdata[0]}}</extra>",
            )
        )
    for place, model in enumerate(models):
        for part in PARTS:
            _name_box(figure, place, model, part)
    _head_kinds(figure, models, kinds)
    quiet(figure, height=440)
    figure.update_layout(barmode="overlay", margin={"t": 96, "b": 52})
    figure.update_layout(legend={"y": 1.0, "yref": "container", "yanchor": "top"})
    names = [model.name.replace(" ", "<br>", 1) for model in models]
    figure.update_xaxes(
        tickvals=list(range(len(models))),
        ticktext=names,
        range=[-0.55, len(models) - 0.45],
        showgrid=False,
    )
    figure.update_yaxes(visible=False, range=[0, 1 + 2 * _LABEL])
    return figure


def _check(models: Sequence[Parts]) -> None:
    if not models:
        raise ValueError("expected at least one model to draw, got none")


def _label(model: Parts) -> str:
    return f"({model.kind})  {model.name} "


def _number(value: float) -> str:
    """Three digits, never a power of ten."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if value >= 0.01 else "< 0.01"


def _ends(values: Sequence[float], rows: Sequence[str], *, unit: str, about: str) -> go.Scatter:
    """The number at the end of a bar; where there is none, that it is not there."""
    short = unit.split()[0]
    return go.Scatter(
        x=values,
        y=rows,
        mode="text",
        text=[f"  {about}{_number(v)} {short}" if v else "  not in it" for v in values],
        textposition="middle right",
        textfont={"color": SOFT, "size": 12},
        hoverinfo="skip",
        showlegend=False,
        cliponaxis=False,
    )


def _offset(part: str) -> float:
    return {"visual": -0.2, "text": 0.2, "interaction": 0.0}[part]


def _width(part: str) -> float:
    return 0.78 if part == "interaction" else 0.37


def _base(model: Parts, part: str) -> float:
    if part != "interaction":
        return 0.0
    top = max(model.share("visual"), model.share("text"))
    return top + (_GAP if top >= _ROOM else _LABEL)


def _name_box(figure: go.Figure, place: int, model: Parts, part: str) -> None:
    """VE 93 %: in the box where there is room, else above it."""
    share, base = model.share(part), _base(model, part)
    inside = share >= _ROOM
    says = f"{_SHORT[part]}<br>{share:.0%}" if share >= 0.01 else f"{_SHORT[part]}<br>< 1%"
    if not inside:
        says = says.replace("<br>", " ")
    figure.add_annotation(
        x=place + _offset(part),
        y=base + (share / 2 if inside else share),
        text=says,
        yanchor="middle" if inside else "bottom",
        showarrow=False,
        font={"color": "white" if inside else PARTS[part], "size": 12},
    )


def _head_kinds(figure: go.Figure, models: Sequence[Parts], kinds: Mapping[str, str]) -> None:
    """Over the models of a kind: its letter, what the paper says, and a line."""
    for kind, says in kinds.items():
        places = [place for place, model in enumerate(models) if model.kind == kind]
        if not places:
            continue
        first, last = places[0] - 0.42, places[-1] + 0.42
        figure.add_shape(
            type="line", x0=first, x1=last, y0=1.005, y1=1.005, yref="paper",
            line={"color": PLAIN, "width": 1.5},
        )  # fmt: skip
        figure.add_annotation(
            x=(first + last) / 2,
            y=1.015,
            yref="paper",
            yanchor="bottom",
            showarrow=False,
            text=f"<b>({kind})</b><br>{says.replace('>', '&gt;')}",
            font={"size": 12},
        )
