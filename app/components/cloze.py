"""A sentence with words to hide: a click hands back which piece was meant."""

from collections.abc import Collection, Sequence
from typing import Any

import gradio as gr

from app.theme import static


def value(
    words: Sequence[tuple[str, Sequence[tuple[int, str]]]],
    hidden: Collection[int] = (),
    *,
    unit: str = "word",
) -> dict[str, Any]:
    """What the row shows.

    Args:
        words: each with its pieces and their places.
        hidden: places.
        unit: "word", a button a word; or "piece", a button a piece.
    """
    return {
        "unit": unit,
        "words": [
            {
                "text": text,
                "pieces": [{"at": at, "text": piece, "hidden": at in hidden} for at, piece in own],
            }
            for text, own in words
        ],
    }


def build() -> gr.HTML:
    """An empty row; its event ``pick`` carries the place ``at`` of a piece."""
    return gr.HTML(
        value=value(()),
        html_template='<div class="lab-clozed" hidden><div class="lab-heading"><h3>Words</h3>'
        "<p>Choose a word to hide it, and again to show it.</p></div>"
        '<div class="lab-cloze" role="group" aria-label="Words to hide"></div></div>',
        js_on_load=static("cloze.js"),
        apply_default_css=False,
        elem_id="cloze",
    )
