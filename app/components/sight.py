"""A sentence beside a scene: its score, its truth, and the heat of one of its words."""

from typing import Any

import gradio as gr

from app.composing import Sight
from app.theme import static


def value(sight: Sight) -> dict[str, Any]:
    """What the card shows."""
    return {
        "chance": sight.probability,
        "truth": sight.truth,
        "words": list(sight.words),
        "layers": list(sight.layers),
        "picture": sight.picture,
        "first": sight.first,
        "took": f"{sight.model} took {sight.milliseconds:.0f} ms on this server.",
        "trouble": "",
    }


def nothing(trouble: str = "") -> dict[str, Any]:
    """Before anything was said, or why there is nothing to see."""
    return {"words": [], "trouble": trouble}


def build() -> gr.HTML:
    """The card, empty."""
    return gr.HTML(
        value=nothing(),
        html_template='<div class="lab-sight"></div>',
        js_on_load=static("sight.js"),
        apply_default_css=False,
        elem_id="sight",
    )
