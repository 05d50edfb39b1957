"""Pictures on a page: to hover or to turn while a kernel runs, and still ones without it."""

import base64
import io
import json
import sys
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import ipywidgets
import plotly.graph_objects as go
from IPython.display import display
from matplotlib.figure import Figure
from PIL import Image

from vilt_core.viz.still import still

WIDGET = "application/vnd.jupyter.widget-view+json"
PLOTLY = "application/vnd.plotly.v1+json"
_DPI = 90


def show(figure: Figure | go.Figure, alt: str) -> None:
    """Put a figure on the page.

    One of plotly can be hovered; a still picture of it stays in the saved notebook.

    Args:
        figure: Of matplotlib or plotly.
        alt: What is seen, for those who do not see it.
    """
    if isinstance(figure, Figure):
        _publish({}, picture=_png(figure), alt=alt)
    elif "google.colab" in sys.modules:  # which knows plotly's own way alone
        figure.show(renderer="colab")
    else:
        drawn = json.loads(str(figure.to_json()))
        drawn["config"] = {"displayModeBar": False, "responsive": True}
        _publish({PLOTLY: drawn}, picture=_png(still(figure)), alt=alt)


def canvas(
    width: float, height: float, columns: int = 1, *, rows: int = 1, **shared: Any
) -> tuple[Figure, Any]:
    """A figure and its axes, in rows and columns where there are several; sizes are inches.

    Args:
        width: Of the figure.
        height: Of the figure.
        columns: How many axes beside each other; of one alone the axes come without a list.
        rows: How many above each other.
        shared: What matplotlib's ``subplots`` takes besides, such as ``sharey=True``.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, **shared)


def turn(draw: Callable[..., Figure], alt: str, **controls: Any) -> None:
    """Put a picture on the page that is drawn anew whenever a value is turned.

    The saved notebook keeps the picture at the values that the controls begin with.

    Args:
        draw: Takes the controls' values by name, gives the figure.
        alt: What is seen, for those who do not see it.
        controls: Begin, least and greatest value, and where it is not 1 the step, for a slider;
            where to begin and the choices (a list, or labels with their values) for a list to
            choose from; or any widget that has a value.

    Raises:
        ValueError: Something else.
    """
    controls = {name: _control(name, given) for name, given in controls.items()}
    picture = ipywidgets.HTML()

    def redraw(_: Any = None) -> str:
        drawn = _png(draw(**{name: control.value for name, control in controls.items()}))
        picture.value = f'<img alt="{escape(alt)}" src="data:image/png;base64,{drawn}">'
        return drawn

    for control in controls.values():
        control.observe(redraw, names="value")
    first = redraw()
    box = ipywidgets.VBox([*controls.values(), picture])
    view = {"version_major": 2, "version_minor": 0, "model_id": box.model_id}
    _publish({WIDGET: view}, picture=first, alt=alt)


def _control(name: str, given: Any) -> Any:
    """A slider or a list to choose from, as ``turn`` is told; a widget is one already."""
    match given:
        case (start, list() | Mapping() as choices):
            options = list(choices.items()) if isinstance(choices, Mapping) else choices
            return ipywidgets.Dropdown(options=options, value=start, description=name)
        case (start, low, high, *step) if len(step) <= 1:
            kind = ipywidgets.IntSlider if isinstance(start, int) else ipywidgets.FloatSlider
            size = {"step": step[0]} if step else {"step": 1}
            return kind(start, min=low, max=high, description=name, **size)
    if not hasattr(given, "value"):
        raise ValueError(
            f"{name} is to be a widget, (start, low, high), (start, low, high, step) or "
            f"(start, choices), got {given!r}"
        )
    return given


def _publish(rich: dict[str, Any], *, picture: str, alt: str) -> None:
    bundle = {"text/plain": alt, "image/png": picture, **rich}
    display(bundle, raw=True, metadata={"image/png": {"alt": alt}})


def _png(figure: Figure) -> str:
    """256 colours, a third of the bytes; the same ones for the same figure, without a date."""
    held = io.BytesIO()
    figure.savefig(held, format="png", dpi=_DPI)
    drawn, small = Image.open(held).convert("RGB"), io.BytesIO()
    drawn.quantize(256, dither=Image.Dither.NONE).save(small, format="PNG", optimize=True)
    return base64.b64encode(small.getvalue()).decode("ascii")
