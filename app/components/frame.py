"""Above and below the tabs: what this is, where it comes from, and which model is speaking."""

import os
from contextlib import suppress
from html import escape

import gradio as gr

from app import languages, services
from app.models import Task
from app.theme import static

_TRAINED = {
    "stickers": ", trained on scenes of stickers alone",
    "photographs": ", trained on photographs and what people wrote about them",
}


_HERE = "Everything runs on this machine; no picture and no word leaves it."
_SPACE = (
    "Pictures and words are sent to this Space, which keeps pictures for a day at most; they go "
    "nowhere else."
)


def header() -> gr.HTML:
    """The name, one line of what this is, links, and the switches of language and colours.

    Its event ``link`` asks for the address of what is on show: of which ``tab``, and which ``word``
    of it is chosen. Its value is a ``linking.value``.
    """
    options = "".join(
        f'<option value="{code}" lang="{code}">{escape(name)}</option>'
        for code, name in languages.names().items()
    )
    return gr.HTML(
        value={},
        html_template=static("header.html").replace("<!--LANGUAGES-->", options),
        js_on_load=static("header.js"),
        apply_default_css=False,
        elem_id="header",
    )


def footer() -> gr.HTML:
    """Which model speaks, and where it runs."""
    return gr.HTML("", js_on_load=None, apply_default_css=False, elem_id="footer")


def speaks(model: str, task: Task) -> str:
    """What the footer says while a model does a task."""
    checkpoint = services.LIBRARY.model(model).checkpoints[task].name
    exact = "" if checkpoint == model else f" ({escape(checkpoint)})"
    trained = ""
    with suppress(ValueError):  # whoever asks the model is told what is wrong with it
        trained = _TRAINED.get(services.domain(model), "")
    stays = _SPACE if os.environ.get("SPACE_ID") else _HERE
    return (
        '<footer class="lab-footer">'
        f'<span>Model <b translate="no">{escape(model)}</b>{exact}{trained}.</span>'
        f"<span>{stays}</span></footer>"
    )
