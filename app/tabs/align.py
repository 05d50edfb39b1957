"""Align: which patches belong to which word, and how IPOT finds it out step by step."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from app import alignments, services
from app.components import chips, picker
from app.components.polite import sentence
from app.services import SceneKey
from vilt_core.viz import stepper

GENERAL = ("A cat next to a red heart", "A picture of two dogs", "There is an apple on the left")

_SHOW = """
const view = alignmentView(element.firstElementChild, { page: props.page });
view.show(props.value);
watch("value", () => view.show(props.value));
"""


def aligned(
    image: str | None, text: str, beta: float, iterations: float, key: SceneKey | None
) -> dict[str, Any]:
    """The interactive view's message; or why there is nothing new to see, in one sentence."""
    try:
        return alignments.align(image, text, beta=beta, iterations=int(iterations), key=key)
    except ValueError as error:
        return {"trouble": sentence(error)}


def opened(
    scenes: tuple[SceneKey, ...], key: SceneKey, beta: float, iterations: float
) -> tuple[Any, ...]:
    """A scene put on show with its first caption, aligned."""
    caption = services.captions_of(key)[0]
    suggestions = chips.value(services.captions_of(key), caption)
    message = aligned(None, caption, beta, iterations, key)
    return *picker.shown(scenes, key), caption, suggestions, message


def brought(scenes: tuple[SceneKey, ...]) -> tuple[Any, ...]:
    """The user's own picture, or none."""
    return picker.strip_value(scenes, None), None, chips.value(GENERAL), {}


def build() -> Callable[[Callable[..., Any]], Any]:
    """Lay out the tab; the function handed back shows the first scene at an event."""
    with gr.Row(elem_classes="lab-columns"):
        with gr.Column(min_width=280, elem_classes="lab-side"):
            chosen = picker.build(label="Picture", height=230)
            text = gr.Textbox(
                label="Sentence",
                placeholder="Describe the picture, in English",
                max_lines=4,
                elem_id="sentence",
                elem_classes="lab-field",
            )
            suggestions = chips.build(label="True captions of the scene")
            beta = gr.Slider(
                0.05,
                2,
                0.5,
                step=0.05,
                label="β",
                info="Smaller: bolder steps to the optimum",
                elem_classes="lab-field",
            )
            iterations = gr.Slider(
                1,
                alignments.MAX_ITERATIONS,
                50,
                step=1,
                label="Iterations",
                info="ViLT trains with 50",
                elem_id="iterations",
                elem_classes="lab-field",
            )
            button = gr.Button("Align", variant="primary")
        with gr.Column(min_width=320):
            view = gr.HTML(
                value={},
                html_template='<div class="va"></div>',
                js_on_load=stepper.script() + _SHOW,
                apply_default_css=False,
                page=stepper.page({}),
                elem_id="alignment",
            )

    settings = [beta, iterations]
    everything = [*chosen.outputs, text, suggestions, view]
    asked = [chosen.image, text, *settings, chosen.scene]

    def pick(scenes, beta, iterations, event: gr.EventData) -> tuple[Any, ...]:
        return opened(scenes, scenes[event.place], beta, iterations)

    def fresh(scenes, beta, iterations) -> tuple[Any, ...]:
        return opened(scenes, services.another(), beta, iterations)

    def suggest(image, beta, iterations, key, event: gr.EventData) -> tuple[Any, ...]:
        texts = GENERAL if key is None else services.captions_of(key)
        message = aligned(image, event.text, beta, iterations, key)
        return event.text, chips.value(texts, event.text), message

    quiet: dict[str, Any] = {"show_progress_on": view, "api_visibility": "private"}
    chosen.strip.pick(pick, [chosen.scenes, *settings], everything, **quiet)
    chosen.strip.fresh(fresh, [chosen.scenes, *settings], everything, **quiet)
    chosen.image.input(
        brought, chosen.scenes, [chosen.strip, chosen.scene, suggestions, view], **quiet
    )
    suggestions.pick(
        suggest,
        [chosen.image, *settings, chosen.scene],
        [text, suggestions, view],
        **quiet,
    )
    gr.on(
        [button.click, text.submit, beta.release, iterations.release],
        aligned,
        asked,
        view,
        **quiet,
    )

    def start(event: Callable[..., Any]) -> Any:
        def first(image: str | None, beta: float, iterations: float) -> Any:
            if image is not None:  # back on the tab: leave it as it was
                return gr.skip()
            return opened(services.EXAMPLES, services.EXAMPLES[0], beta, iterations)

        return event(first, [chosen.image, *settings], everything, **quiet)

    return start
