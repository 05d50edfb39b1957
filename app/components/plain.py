"""What tabs are laid out with: HTML that runs no script, headings, places for figures."""

from typing import Any

import gradio as gr


def html(value: str = "", **settings: Any) -> gr.HTML:
    """HTML as it is written."""
    return gr.HTML(value, js_on_load=None, apply_default_css=False, **settings)


def sentences(*said: str) -> str:
    """Sentences of HTML, one after the other; each by itself, so that each is translated as one."""
    return " ".join(f"<span>{one}</span>" for one in said if one)


def heading(title: str, says: str) -> None:
    """What comes below, and a line about it."""
    html(f'<div class="lab-heading"><h3>{title}</h3><p>{says}</p></div>')


def plot(name: str, *classes: str, **settings: Any) -> gr.Plot:
    """A place for a figure.

    Args:
        name: its element's.
        classes: of style, beside the one that all figures have.
        settings: further ones of the component.
    """
    return gr.Plot(
        show_label=False,
        container=False,
        elem_id=name,
        elem_classes=["lab-plot", *classes],
        **settings,
    )
