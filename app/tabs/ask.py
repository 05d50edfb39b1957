"""Ask: a picture, a question, and the five likeliest answers beside the true one."""

from functools import partial
from typing import Any

import gradio as gr

from app import links, services
from app.components import chips, picker, progress, reply
from app.components.events import Event
from app.components.line import Line, Row
from app.components.linking import Place
from app.components.polite import sentence
from app.links import NOTHING, Fields
from app.services import Key
from app.theme import static

GENERAL = {
    "stickers": (
        "What is this?",
        "How many stickers are there?",
        "Is there an animal?",
        "What color is the background?",
    ),
    "photographs": (
        "What is this?",
        "What is in the foreground?",
        "How many people are there?",
        "Was this taken indoors?",
    ),
}


def answered(image: str | None, question: str, key: Key | None, model: str) -> str:
    """The reply to a question, as HTML; or why there is none, in one sentence."""
    try:
        return reply.card(services.ask(image, question, key=key, model=model))
    except ValueError as error:
        return reply.trouble(sentence(error))


def asked(image: str | None, question: str, key: Key | None, model: str) -> tuple[Any, ...]:
    """A question of the user's own words, perhaps one of the suggestions, answered."""
    suggestions = chips.value(_suggestions(key, model), question)
    return answered(image, question, key, model), suggestions


def asked_here(
    image: str | None, question: str, key: Key | None, model: str, *, late: Row | None = None
) -> tuple[Any, ...]:
    """What stands in the box, answered; it goes there again where something else came meanwhile."""
    return question if late else gr.skip(), *asked(image, question, key, model)


def suggested(image: str | None, question: str, key: Key | None, model: str) -> tuple[Any, ...]:
    """A suggestion taken: into the question box, and answered."""
    return question, *asked(image, question, key, model)


def opened(
    keys: tuple[Key, ...], key: Key, model: str, question: str | None = None
) -> tuple[Any, ...]:
    """A picture of ours put on show, and a question answered: the first suggestion unless given."""
    question = question or _suggestions(key, model)[0]
    card, suggestions = asked(None, question, key, model)
    return *picker.shown(keys, key), question, card, suggestions


def brought(keys: tuple[Key, ...], model: str) -> tuple[Any, ...]:
    """The user's own picture, or none: nothing is known to be true."""
    suggestions = chips.value(_suggestions(None, model))
    return picker.strip_value(keys, None), None, reply.WAITING, suggestions


def introduced(
    model: str, image: str | None, question: str, key: Key | None, link: Fields = NOTHING
) -> tuple[Any, ...]:
    """Another model speaks: it opens with a picture of its world, or looks at the user's own."""
    keys = services.examples(model)
    if image is None or key is not None:
        return opened(keys, link.get("picture", keys[0]), model, link.get("question"))
    card, suggestions = asked(image, question, None, model)
    return picker.strip_value(keys, None), gr.skip(), None, keys, question, card, suggestions


def _suggestions(key: Key | None, model: str) -> tuple[str, ...]:
    if key is not None:
        return services.suggestions(key)
    return GENERAL["photographs" if services.knows_photographs(model) else "stickers"]


def build(speaker: gr.State, place: Place) -> gr.HTML:
    """Lay out the tab.

    Args:
        speaker: the model to ask, by its name; the tab opens when it is first given one.
        place: its side of links.

    Returns:
        The reply; its event ``offer`` carries the ``name`` of a model.
    """
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
            card = gr.HTML(
                reply.WAITING,
                js_on_load=static("reply.js"),
                apply_default_css=False,
                elem_id="reply",
            )

    replied = [card, suggestions]
    everything = [*chosen.outputs, question, *replied]

    def pick(keys: tuple[Key, ...], model: str, event: Event) -> tuple[Any, ...]:
        return opened(keys, event.among(keys), model)

    def fresh(keys: tuple[Key, ...], model: str) -> tuple[Any, ...]:
        return opened(keys, services.another(), model)

    def suggest(image: str | None, key: Key | None, model: str, event: Event) -> tuple[Any, ...]:
        return suggested(image, event.text, key, model)

    line = Line(name="ask", seen=suggestions)
    quiet: dict[str, Any] = {"show_progress_on": card, "api_visibility": "private"}
    counted = progress.answering(card)
    place.opens(
        partial(line.on, speaker.change),
        introduced,
        [speaker, chosen.image, question, chosen.key],
        everything,
        **quiet,
    )
    place.carries(
        [chosen.key, chosen.image, question],
        lambda key, image, text: {"picture": links.shown(key, image), "question": text},
    )
    line.on(chosen.strip.pick, pick, [chosen.keys, speaker], everything, **counted)
    line.on(chosen.strip.fresh, fresh, [chosen.keys, speaker], everything, **counted)
    line.on(
        chosen.image.input,
        brought,
        [chosen.keys, speaker],
        [chosen.strip, chosen.key, *replied],
        **quiet,
    )
    line.on(
        suggestions.pick,
        suggest,
        [chosen.image, chosen.key, speaker],
        [question, *replied],
        **counted,
    )
    line.on(
        partial(gr.on, [button.click, question.submit]),
        asked_here,
        [chosen.image, question, chosen.key, speaker],
        [question, *replied],
        **counted,
    )
    return card
