"""A plotly figure as a printed page shows it: the same numbers drawn by matplotlib, no browser.

What is worth hovering lives in plotly; a saved notebook, a mail or a document needs a picture.
"""

import re
from html import unescape
from itertools import chain
from typing import Any

import numpy as np
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import PercentFormatter, StrMethodFormatter

from vilt_core.viz.palette import PLAIN

_PIXELS = 100  # of plotly's height to an inch
_DASHES = {"dash": "--", "dot": ":"}
_TAG = re.compile(r"<[^>]*>")


def still(figure: go.Figure, *, width: float = 8.0) -> Figure:
    """The figure as matplotlib draws it: heatmaps, lines, points and bars on plain axes.

    Args:
        figure: built by hand or by a function of this package.
        width: inches; the height is the figure's own, at 100 pixels an inch.

    Raises:
        ValueError: a trace of another kind.
    """
    traces: list[Any] = list(figure.data)
    for trace in traces:
        if trace.type not in ("heatmap", "scatter", "bar"):
            raise ValueError(f"expected a heatmap, a scatter or a bar, got a {trace.type}")
    said = figure.to_dict()
    layout = said["layout"]
    drawn = Figure(figsize=(width, layout.get("height", 320) / _PIXELS), layout="constrained")
    names = list(dict.fromkeys(_axis(trace, "xaxis") for trace in traces))
    outside = layout.get("legend", {}).get("yref") == "container"
    shares = [np.ptp(layout.get(name, {}).get("domain") or (0, 1)) for name in names]
    panels = drawn.add_gridspec(1, len(names), width_ratios=shares)
    for column, name in enumerate(names):
        axes = drawn.add_subplot(panels[column])
        own = [trace for trace in traces if _axis(trace, "xaxis") == name]
        square = layout.get(_axis(own[0], "yaxis"), {}).get("scaleanchor") is not None
        for trace in own:
            if trace.type == "heatmap":
                _heatmap(drawn, axes, trace, square=square)
        bars = [trace for trace in own if trace.type == "bar"]
        _bars(axes, bars, mode=layout.get("barmode", "group"))
        for trace in own:
            if trace.type == "scatter" and trace.mode == "text":
                _texts(axes, trace)
            elif trace.type == "scatter":
                _lines(axes, trace)
                if "text" in (trace.mode or ""):
                    _texts(axes, trace)
        across, up = layout.get(name, {}), layout.get(_axis(own[0], "yaxis"), {})
        _dress(axes, across, up)
        for shape in layout.get("shapes", ()):
            if _belongs(shape, across=name, up=_axis(own[0], "yaxis")):
                _shape(axes, shape)
        named = any(trace.name and trace.showlegend is not False for trace in own)
        if len(own) > 1 and named and not outside:
            axes.legend(fontsize=8, frameon=False)
    if title := _words(layout.get("title", {})):
        drawn.suptitle(title, fontsize=11)
    if outside:
        drawn.legend(loc="outside upper center", ncols=4, fontsize=8, frameon=False)
    notes = layout.get("annotations", ())
    titles = [note for note in notes if note.get("xref", "x").endswith(("domain", "paper"))]
    for note, axes in zip(titles, drawn.axes, strict=False):
        axes.set_title(_text(note["text"]), fontsize=10)
    for note in notes:
        if note not in titles:
            _note(drawn.axes[names.index(_axis_name(note.get("xref", "x")))], note)
    return drawn


def _bars(axes: Axes, traces: list[Any], *, mode: str) -> None:
    """Bars at numbers or at named places, in a group, stacked or over one another as plotly has."""
    if not traces:
        return
    lie = traces[0].orientation == "h"
    draw = axes.barh if lie else axes.bar
    named = [list(trace.y if lie else trace.x) for trace in traces]
    if not isinstance(named[0][0], str):
        for trace, at in zip(traces, named, strict=True):
            ends, thick, base = list(trace.x if lie else trace.y), trace.width, trace.base
            thick, base = 0.8 if thick is None else thick, 0.0 if base is None else base
            draw(at, ends, thick, base, color=trace.marker.color or PLAIN, label=trace.name)
        return
    places = {name: at for at, name in enumerate(dict.fromkeys(chain(*named)))}
    thick = 0.8 / len(traces) if mode == "group" else 0.8
    base = np.zeros(len(places))
    for rank, (trace, names) in enumerate(zip(traces, named, strict=True)):
        shift = (rank - (len(traces) - 1) / 2) * thick if mode == "group" else 0.0
        own = [places[name] for name in names]
        ends = np.asarray(trace.x if lie else trace.y, dtype=float)
        draw(
            np.add(own, shift),
            ends,
            thick,
            base[own],
            color=trace.marker.color or PLAIN,
            label=trace.name,
        )
        if mode == "stack":
            base[own] += ends
    (axes.set_yticks if lie else axes.set_xticks)(
        range(len(places)), [str(name) for name in places]
    )


def _texts(axes: Axes, trace: Any) -> None:
    """Words beside points; the named places are those of the bars there."""
    side = "right" if "left" in (trace.textposition or "") else "left"
    named = zip(axes.get_yticklabels(), axes.get_yticks(), strict=True)
    rows = {label.get_text(): at for label, at in named}
    for x, y, text in zip(trace.x, trace.y, trace.text, strict=True):
        place = rows[y] if isinstance(y, str) else y
        axes.text(x, place, text, va="center", ha=side, fontsize=8, color=trace.textfont.color)


def _note(axes: Axes, note: Any) -> None:
    """Words at a point of the axes, or above a place on them."""
    high = note.get("yref") == "paper"
    axes.text(
        note["x"],
        note["y"],
        _text(note["text"]),
        transform=axes.get_xaxis_transform() if high else axes.transData,
        ha="center",
        va={"middle": "center"}.get(note.get("yanchor", "middle"), note.get("yanchor")),
        fontsize=7,
        color=note.get("font", {}).get("color"),
    )


def _belongs(shape: dict, *, across: str, up: str) -> bool:
    """Whether a shape lies on the axes of these names, or on one of them and the whole paper."""
    named = {
        _axis_name(shape.get(ref, ref[0]).removesuffix(" domain"))
        for ref in ("xref", "yref")
        if shape.get(ref) != "paper"
    }
    return bool(named) and named <= {across, up}


def _shape(axes: Axes, shape: dict) -> None:
    """A line or a frame, in numbers of an axis or in shares of the whole."""
    shares = [
        shape.get(ref, "").endswith(("paper", "domain")) for ref in ("xref", "yref")
    ]  # of the width, of the height
    place = {
        (False, False): axes.transData,
        (False, True): axes.get_xaxis_transform(),
        (True, False): axes.get_yaxis_transform(),
        (True, True): axes.transAxes,
    }[shares[0], shares[1]]
    (x0, x1), (y0, y1) = (shape["x0"], shape["x1"]), (shape["y0"], shape["y1"])
    line = shape.get("line", {})
    color, width = _color(line.get("color", PLAIN)), 0.6 * line.get("width", 2)
    if shape["type"] == "rect":
        fill = shape.get("fillcolor")
        frame = Rectangle((x0, y0), x1 - x0, y1 - y0, transform=place, fill=fill is not None)
        frame.set(facecolor=_color(fill or "none"), edgecolor=color, linewidth=width)
        frame.set_alpha(shape.get("opacity"))
        axes.add_patch(frame)
        return
    dashes = _DASHES.get(line.get("dash"), "-")
    style = {"color": color, "linestyle": dashes, "linewidth": width}
    axes.plot([x0, x1], [y0, y1], transform=place, clip_on=False, **style)


def _heatmap(figure: Figure, axes: Axes, trace: Any, *, square: bool) -> None:
    """Colours with their bar. Of square cells the map may be narrow: its bar goes with it."""
    stops = [(at, _color(color)) for at, color in trace.colorscale]
    colors = LinearSegmentedColormap.from_list("own", stops)
    values = np.asarray(trace.z, dtype=float)
    mesh = axes.imshow(values, cmap=colors, aspect="auto", vmin=trace.zmin, vmax=trace.zmax)
    for set_ticks, names in ((axes.set_xticks, trace.x), (axes.set_yticks, trace.y)):
        if names is not None:
            step = max(1, len(names) // 12)
            set_ticks(range(0, len(names), step), list(names)[::step], fontsize=8)
    if trace.showscale is not False:
        label = _words(trace.colorbar.to_plotly_json().get("title", {}))
        if square:
            figure.colorbar(mesh, cax=axes.inset_axes((1.03, 0, 0.04, 1)), label=label)
        else:
            figure.colorbar(mesh, ax=axes, label=label, fraction=0.04, pad=0.01)


def _lines(axes: Axes, trace: Any) -> None:
    mode = trace.mode or "lines"
    at = range(len(trace.y)) if trace.x is None else list(trace.x)
    if trace.x is not None and isinstance(trace.x[0], str):
        at = range(len(trace.x))
        axes.set_xticks(at, list(trace.x))
    axes.plot(
        at,
        list(trace.y),
        color=trace.line.color or trace.marker.color,
        linestyle=_DASHES.get(trace.line.dash, "-") if "lines" in mode else "none",
        marker="o" if "markers" in mode else None,
        markersize=4,
        label=trace.name,
    )


def _dress(axes: Axes, across: dict, up: dict) -> None:
    """The axes' titles, scales and direction."""
    axes.set_xlabel(_words(across.get("title", {})), fontsize=9)
    axes.set_ylabel(_words(up.get("title", {})), fontsize=9)
    if across.get("type") == "log":
        axes.set_xscale("log")
    if up.get("type") == "log":
        axes.set_yscale("log")
    for side, axis, bounds, ticks in (
        (across, axes.xaxis, axes.set_xlim, axes.set_xticks),
        (up, axes.yaxis, axes.set_ylim, axes.set_yticks),
    ):
        if side.get("range"):
            bounds(
                *(10.0 ** np.array(side["range"]) if side.get("type") == "log" else side["range"])
            )
        at = list(side.get("tickvals") or [])
        if at and not isinstance(at[0], str):  # named places have their ticks already
            ticks(at, [_text(str(words)) for words in side.get("ticktext") or at])
            ticks([], minor=True)
        elif side.get("tickformat") == ".0%":
            axis.set_major_formatter(PercentFormatter(1, decimals=0))
        elif side.get("ticksuffix"):
            axis.set_major_formatter(StrMethodFormatter("{x:g}" + side["ticksuffix"]))
    if up.get("scaleanchor"):
        axes.set_aspect("equal")
    axes.xaxis.set_visible(across.get("visible") is not False)
    axes.yaxis.set_visible(up.get("visible") is not False)
    if up.get("autorange") == "reversed" and not axes.yaxis_inverted():
        axes.invert_yaxis()
    axes.tick_params(labelsize=8, labelleft=up.get("showticklabels") is not False)
    axes.spines[["top", "right"]].set_visible(False)


def _color(said: str) -> Any:
    """A colour as matplotlib knows it: plotly also says "rgb(127,39,4)", "rgba(127,39,4,0.5)"."""
    numbers = re.fullmatch(r"rgba?\((\d+), ?(\d+), ?(\d+)(?:, ?([\d.]+))?\)", said)
    if numbers is None:
        return said
    *parts, opacity = numbers.groups()
    return (*(int(part) / 255 for part in parts), float(opacity or 1))


def _axis(trace: Any, side: str) -> str:
    """The key of a trace's axis in the layout: "xaxis", "xaxis2"."""
    return _axis_name(getattr(trace, side) or side[0])


def _axis_name(short: str) -> str:
    return f"{short[0]}axis{short[1:]}"


def _words(title: Any) -> str:
    text = title if isinstance(title, str) else (title or {}).get("text", "")
    return _text(text or "")


def _text(marked: str) -> str:
    """Without tags and entities; a break is a line's end."""
    return unescape(_TAG.sub("", marked.replace("<br>", "\n")))
