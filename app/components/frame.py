"""Above and below the tabs: what this is, where it comes from, and which model is speaking."""

from html import escape

import gradio as gr

from app import services
from app.theme import static


def header() -> None:
    """The name, one line of what this is, links, and the switch between light and dark."""
    gr.HTML(
        html_template=static("header.html"),
        js_on_load=static("header.js"),
        apply_default_css=False,
    )


def footer() -> None:
    """Which model speaks, and where it runs."""
    gr.HTML(
        '<footer class="lab-footer">'
        f"<span>Model <b>{escape(services.MODEL)}</b>, trained on scenes of stickers alone.</span>"
        "<span>Everything runs on this machine; nothing is sent anywhere.</span></footer>",
        js_on_load=None,
        apply_default_css=False,
    )
