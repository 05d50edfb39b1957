"""A drawing of HTML whose parts can be touched: patches of a picture, pieces of a sentence."""

from typing import Any

import gradio as gr

from app.theme import static


def build(**settings: Any) -> gr.HTML:
    """The drawing, empty; its event ``pick`` carries the ``place`` of a part."""
    return gr.HTML("", js_on_load=static("touch.js"), apply_default_css=False, **settings)


def html(value: str = "", **settings: Any) -> gr.HTML:
    """HTML that only shows."""
    return gr.HTML(value, js_on_load=None, apply_default_css=False, **settings)
