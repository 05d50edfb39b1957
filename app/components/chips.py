"""Suggestions to click: a row of chips that hands back the text chosen."""

import itertools
from collections.abc import Sequence
from typing import Any

import gradio as gr

from app.theme import static

EMPTY: dict[str, Any] = {"texts": [], "chosen": None, "number": 0}
_NUMBERS = itertools.count(1)


def value(texts: Sequence[str], chosen: str | None = None) -> dict[str, Any]:
    """What the row shows; ``number`` tells it from those before it, see line.py."""
    return {"texts": list(texts), "chosen": chosen, "number": next(_NUMBERS)}


def build(*, label: str, ours: bool = False) -> gr.HTML:
    """An empty row; its event ``pick`` carries ``text``.

    Args:
        label: what the suggestions are.
        ours: whether they are words of the page, which are translated, and not for the model.
    """
    kind = " data-ours" if ours else ""
    return gr.HTML(
        value=EMPTY,
        html_template=f'<div class="lab-chips" role="group" aria-label="{label}"{kind}></div>',
        js_on_load=static("chips.js"),
        apply_default_css=False,
    )
