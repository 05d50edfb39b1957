"""Choosing a picture: a strip of scenes, a new one at a click, or the user's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.data_classes import ImageData

from app import services
from app.services import SceneKey
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
    """The components. ``scene`` holds the key of the scene on show, None for an own picture."""

    strip: gr.HTML
    image: gr.Image
    scene: gr.State
    scenes: gr.State

    @property
    def outputs(self) -> list[Any]:
        """What ``shown`` fills."""
        return [self.strip, self.image, self.scene, self.scenes]


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
    strip = gr.HTML(
        value={"scenes": [], "chosen": None},
        html_template='<div class="lab-strip" role="group" aria-label="Scenes">'
        '<button type="button" class="lab-fresh" title="A scene that nobody has seen">New scene'
        "</button></div>",
        js_on_load=static("strip.js"),
        apply_default_css=False,
    )
    scenes = gr.State(services.EXAMPLES)
    return Picker(strip=strip, image=image, scene=gr.State(None), scenes=scenes)


def shown(scenes: Sequence[SceneKey], key: SceneKey) -> tuple[Any, ...]:
    """Values for ``Picker.outputs`` that show a scene of the strip, or a new one in front of it."""
    if key not in scenes:
        scenes = (key, *scenes)[:_MOST]
    return strip_value(scenes, key), services.picture(key), key, tuple(scenes)


def strip_value(scenes: Sequence[SceneKey], key: SceneKey | None) -> dict[str, Any]:
    """What the strip shows."""
    tiles = [{"picture": services.thumbnail(k), "says": services.description(k)} for k in scenes]
    return {"scenes": tiles, "chosen": scenes.index(key) if key in scenes else None}
