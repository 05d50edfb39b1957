"""Choosing a picture: a strip of scenes or photographs, a new scene, or the user's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.data_classes import ImageData

from app import services
from app.photographs import Photograph
from app.services import Key, SceneKey
from app.theme import static

_MOST = 8  # scenes in the strip; the newest push out the oldest


def own_picture(**settings: Any) -> gr.Image:
    """An image box whose file reaches the handlers untouched: the library judges it."""
    box = gr.Image(type="filepath", format="png", **settings)

    def path(payload: ImageData | None) -> str | None:
        return None if payload is None else payload.path

    box.preprocess = path
    return box


@dataclass(frozen=True, slots=True, kw_only=True)
class Picker:
    """The components.

    Attributes:
        strip: the pictures to choose from.
        image: the picture on show.
        key: which of ours it is, None for the user's own.
        keys: those in the strip.
    """

    strip: gr.HTML
    image: gr.Image
    key: gr.State
    keys: gr.State

    @property
    def outputs(self) -> list[Any]:
        """What ``shown`` fills."""
        return [self.strip, self.image, self.key, self.keys]


def build(*, label: str, height: int) -> Picker:
    """The strip under the picture."""
    image = own_picture(
        label=label,
        sources=["upload", "clipboard", "webcam"],
        height=height,
        buttons=["fullscreen"],
        show_label=False,
        alt_text="The picture on show",
        placeholder="Drop, paste or take a picture",
        elem_classes="lab-picture",
    )
    strip = build_strip()
    return Picker(strip=strip, image=image, key=gr.State(None), keys=gr.State(()))


def build_strip() -> gr.HTML:
    """An empty strip; its events are ``pick``, with the ``place`` of a picture, and ``fresh``."""
    return gr.HTML(
        value=strip_value((), None),
        html_template='<div class="lab-strip" role="group" aria-label="Pictures">'
        '<button type="button" class="lab-fresh" title="A scene that nobody has seen">New scene'
        '</button></div><p class="lab-credit"></p>',
        js_on_load=static("strip.js"),
        apply_default_css=False,
    )


def shown(keys: Sequence[Key], key: Key) -> tuple[Any, ...]:
    """Values for ``Picker.outputs``: one picture of the strip, or a new one in front of it."""
    if key not in keys:
        keys = (key, *keys)[:_MOST]
    return strip_value(keys, key), services.picture(key), key, tuple(keys)


def strip_value(keys: Sequence[Key], key: Key | None) -> dict[str, Any]:
    """What the strip shows; new pictures can be had of scenes alone."""
    return {
        "pictures": [
            {
                "picture": services.thumbnail(one),
                "says": services.description(one),
                "credit": _credit(one),
            }
            for one in keys
        ],
        "chosen": keys.index(key) if key in keys else None,
        "fresh": all(isinstance(one, SceneKey) for one in keys),
        "credit": _credit(key),
    }


def _credit(key: Key | None) -> str:
    return key.credit if isinstance(key, Photograph) else ""
