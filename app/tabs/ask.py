"""Ask: a picture, a question, and the five likeliest answers beside the true one."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from app import services
from app.components import chips, picker, reply
from app.components.polite import sentence
from app.services import SceneKey

GENERAL = (
    "What is this?",
    "How many stickers are there?",
    "Is there an animal?",
    "What color is the background?",
)


def answered(image: str | None, question: str, key: SceneKey | None) -> str:
    """The reply to a question, as HTML; or why there is none, in one sentence."""
    try:
        return reply.card(services.ask(image, question, key=key))
    except ValueError as error:
        return reply.trouble(sentence(error))


def asked(image: str | None, question: str, key: SceneKey | None) -> tuple[Any, ...]:
    """A question of the user's own words, perhaps one of the suggestions, answered."""
    return answered(image, question, key), chips.value(_suggestions(key), question)


def suggested(image: str | None, question: str, key: SceneKey | None) -> tuple[Any, ...]:
    """A suggestion taken: into the question box, and answered."""
    return question, *asked(image, question, key)


def opened(scenes: tuple[SceneKey, ...], key: SceneKey) -> tuple[Any, ...]:
    """A scene put on show: the picture, its suggestions, and the first of them answered."""
    question, *_ = _suggestions(key)
    card, suggestions = asked(None, question, key)
    return *picker.shown(scenes, key), question, card, suggestions


def brought(scenes: tuple[SceneKey, ...]) -> tuple[Any, ...]:
    """The user's own picture, or none: no scene is on show, and nothing is known to be true."""
    return picker.strip_value(scenes, None), None, reply.WAITING, chips.value(GENERAL)


def _suggestions(key: SceneKey | None) -> tuple[str, ...]:
    return GENERAL if key is None else tuple(services.questions_about(key))


def build() -> Callable[[Callable[..., Any]], Any]:
    """Lay out the tab; the function handed back shows the first scene at an event."""
    with gr.Row(elem_classes="lab-columns"):
        with gr.Column(min_width=320, elem_classes="lab-left"):
            chosen = picker.build(label="Picture", height=510)
        with gr.Column(min_width=320):
            with gr.Row(elem_classes="lab-ask"):
                question = gr.Textbox(
                    label="Question",
                    placeholder="Ask about the picture, in English",
                    max_lines=2,
                    scale=5,
                    elem_id="question",
                    elem_classes="lab-field",
                )
                button = gr.Button("Ask", variant="primary", scale=1, min_width=88)
            suggestions = chips.build(label="Suggested questions")
            card = gr.HTML(reply.WAITING, apply_default_css=False, elem_id="reply")

    replied = [card, suggestions]
    everything = [*chosen.outputs, question, *replied]

    def pick(scenes: tuple[SceneKey, ...], event: gr.EventData) -> tuple[Any, ...]:
        return opened(scenes, scenes[event.place])

    def fresh(scenes: tuple[SceneKey, ...]) -> tuple[Any, ...]:
        return opened(scenes, services.another())

    def suggest(image: str | None, key: SceneKey | None, event: gr.EventData) -> tuple[Any, ...]:
        return suggested(image, event.text, key)

    quiet: dict[str, Any] = {"show_progress_on": card, "api_visibility": "private"}
    chosen.strip.pick(pick, chosen.scenes, everything, **quiet)
    chosen.strip.fresh(fresh, chosen.scenes, everything, **quiet)
    chosen.image.input(brought, chosen.scenes, [chosen.strip, chosen.scene, *replied], **quiet)
    suggestions.pick(suggest, [chosen.image, chosen.scene], [question, *replied], **quiet)
    gr.on(
        [button.click, question.submit],
        asked,
        [chosen.image, question, chosen.scene],
        replied,
        **quiet,
    )

    def start(event: Callable[..., Any]) -> Any:
        return event(
            lambda: opened(services.EXAMPLES, services.EXAMPLES[0]), None, everything, **quiet
        )

    return start
