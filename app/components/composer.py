"""The scene editor: stickers to place by hand, and a scene's way to the server and into a link.

The browser keeps the scene and its history; after every change it sends the list of the stickers,
never pixels. What is drawn there is cut from the same atlases as the renderer's pictures.
"""

import json
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

import gradio as gr

from app import composing
from app.components.polite import sentence
from app.theme import static


def value(
    *,
    serial: int = -1,
    scene: dict[str, Any] | None = None,
    put: int | None = None,
    glide: bool = False,
    link: str = "",
    says: str = "",
    beyond: list[str] | None = None,
    trouble: str = "",
) -> dict[str, Any]:
    """A message to the editor.

    Args:
        serial: of the edit that this answers; with a new scene none.
        scene: put in place of the one that is there; the history keeps both.
        put: the number of that scene; ``edit`` brings it back.
        glide: whether stickers are seen to move there.
        link: of the scene, behind the question mark.
        says: what is on the picture, for those who cannot see it.
        beyond: in which ways the scene leaves what models were trained on.
        trouble: one sentence on what could not be done.
    """
    return {
        "told": time.monotonic_ns(),  # or the page would not hear the same words twice
        "serial": serial,
        "scene": scene,
        "put": put,
        "glide": glide,
        "link": link,
        "says": says,
        "beyond": beyond or [],
        "trouble": trouble,
    }


def build() -> gr.HTML:
    """The editor, empty.

    Its events: ``arrive`` with the ``search`` of the address, once it is first seen; ``edit`` with
    the ``scene``, its ``serial`` and the number of what it began with, ``put``; ``open`` with the
    ``text`` of a file.
    """
    return gr.HTML(
        value=value(),
        html_template=static("compose.html"),
        # Not as a prop: Gradio loses those of a tab that is opened a while after the page.
        js_on_load=f"const kit = {json.dumps(composing.kit())};\n{static('compose.js')}",
        apply_default_css=False,
        server_functions=[_served(one) for one in (sticker, sheet, paper, png)],
        elem_id="composer",
    )


def _served(function: Callable[[Any], str]) -> Callable[[Any], dict[str, str]]:
    """What the browser may call: a picture, or one sentence on why there is none."""

    @wraps(function)
    def served(given: Any) -> dict[str, str]:
        try:
            return {"url": function(given), "trouble": ""}
        except ValueError as error:
            return {"url": "", "trouble": sentence(error)}

    return served


def sticker(given: Any) -> str:
    """The picture of a sticker, by its style and name."""
    style, name = _texts(given, 2)
    return composing.sticker(style, name)


def sheet(given: Any) -> str:
    """All stickers of a style on one small picture."""
    (style,) = _texts(given, 1)
    return composing.sheet(style)


def paper(given: Any) -> str:
    """A background, by its colour, texture and seed."""
    if not isinstance(given, list) or len(given) != 3 or not isinstance(given[2], int | float):
        raise ValueError(f"expected two words and a number, got {given!r:.60}")
    background, texture = _texts(given[:2], 2)
    return composing.paper(background, texture, given[2])


def png(given: Any) -> str:
    """The renderer's own picture of a scene."""
    from vilt_core.world.composing import from_json

    return composing.png(from_json(given))


def _texts(given: Any, count: int) -> list[str]:
    given = [given] if isinstance(given, str) else given
    if (
        not isinstance(given, list)
        or len(given) != count
        or not all(isinstance(text, str) for text in given)
    ):
        raise ValueError(f"expected {count} words, got {given!r:.60}")
    return given
