"""Align: which patches belong to which word, and how IPOT finds it out step by step."""

from functools import partial
from typing import Any

import gradio as gr

from app import alignments, links, services
from app.components import chips, picker, plan, progress
from app.components.events import Event
from app.components.line import Line, Row, standing
from app.components.linking import Place
from app.components.polite import sentence
from app.links import NOTHING, Fields
from app.services import Key

GENERAL = {
    "stickers": (
        "A cat next to a red heart",
        "A picture of two dogs",
        "There is an apple on the left",
    ),
    "photographs": (
        "A person in front of a building",
        "A photo of a dog on the grass",
        "A table with a plate and a glass",
    ),
}


def aligned(
    image: str | None, text: str, beta: float, iterations: float, key: Key | None, model: str
) -> dict[str, Any]:
    """The interactive view's message; or why there is nothing new to see, in one sentence."""
    try:
        return alignments.align(
            image, text, beta=beta, iterations=int(iterations), key=key, model=model
        )
    except ValueError as error:
        return {"trouble": sentence(error)}


def asked_here(
    image: str | None,
    text: str,
    beta: float,
    iterations: float,
    key: Key | None,
    model: str,
    *,
    late: Row | None = None,
) -> tuple[Any, ...]:
    """What stands in the box, aligned; it goes there again where something else came meanwhile."""
    message = aligned(image, text, beta, iterations, key, model)
    return text if late else gr.skip(), chips.value(_suggestions(key, model), text), message


def slid(
    image: str | None,
    text: str,
    beta: float,
    iterations: float,
    key: Key | None,
    model: str,
    *,
    late: Row | None = None,
) -> tuple[Any, ...]:
    """Other settings, for the sentence that is in the box by now."""
    text = standing(text, late)
    return (aligned(image, text, beta, iterations, key, model),)


def opened(
    keys: tuple[Key, ...],
    key: Key,
    beta: float,
    iterations: float,
    model: str,
    caption: str | None = None,
) -> tuple[Any, ...]:
    """A picture of ours put on show with a sentence, its first caption unless given, aligned."""
    caption = caption or services.captions_of(key)[0]
    suggestions = chips.value(services.captions_of(key), caption)
    message = aligned(None, caption, beta, iterations, key, model)
    return *picker.shown(keys, key), caption, suggestions, message


def brought(keys: tuple[Key, ...], model: str) -> tuple[Any, ...]:
    """The user's own picture, or none."""
    return picker.strip_value(keys, None), None, chips.value(_suggestions(None, model)), {}


def introduced(
    model: str,
    image: str | None,
    text: str,
    beta: float,
    iterations: float,
    key: Key | None,
    link: Fields = NOTHING,
) -> tuple[Any, ...]:
    """Another model speaks: it opens with a picture of its world, or looks at the user's own."""
    keys = services.examples(model)
    if image is None or key is not None:
        shown = link.get("picture", keys[0])
        *rest, message = opened(keys, shown, beta, iterations, model, link.get("sentence"))
        return *rest, message | ({"word": link["word"] - 1} if "word" in link else {})
    suggestions = chips.value(_suggestions(None, model), text)
    message = aligned(image, text, beta, iterations, None, model)
    return picker.strip_value(keys, None), gr.skip(), None, keys, text, suggestions, message


def _suggestions(key: Key | None, model: str) -> tuple[str, ...]:
    if key is not None:
        return services.captions_of(key)
    return GENERAL["photographs" if services.knows_photographs(model) else "stickers"]


def build(speaker: gr.State, place: Place) -> None:
    """Lay out the tab.

    Args:
        speaker: the model that aligns, by its name; the tab opens when it is first given one.
        place: its side of links.
    """
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
            suggestions = chips.build(label="Suggested sentences")
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
            view = plan.build(elem_id="alignment")

    settings = [beta, iterations]
    everything = [*chosen.outputs, text, suggestions, view]
    asked = [chosen.image, text, *settings, chosen.key, speaker]

    def pick(keys, beta, iterations, model, event: Event) -> tuple[Any, ...]:
        return opened(keys, event.among(keys), beta, iterations, model)

    def fresh(keys, beta, iterations, model) -> tuple[Any, ...]:
        return opened(keys, services.another(), beta, iterations, model)

    def suggest(image, beta, iterations, key, model, event: Event) -> tuple[Any, ...]:
        message = aligned(image, event.text, beta, iterations, key, model)
        return event.text, chips.value(_suggestions(key, model), event.text), message

    line = Line(name="align", seen=suggestions)
    quiet: dict[str, Any] = {"show_progress_on": view, "api_visibility": "private"}
    counted = progress.answering(view)

    def introduce(
        model, image, text, beta, iterations, key, link: Fields = NOTHING
    ) -> tuple[Any, ...]:
        beta, iterations = link.get("beta", beta), link.get("iterations", iterations)
        shown = introduced(model, image, text, beta, iterations, key, link)
        return *shown, beta, iterations

    place.opens(
        partial(line.on, speaker.change),
        introduce,
        [speaker, chosen.image, text, *settings, chosen.key],
        [*everything, *settings],
        **quiet,
    )
    place.carries(
        [chosen.key, chosen.image, text, *settings],
        lambda key, image, text, beta, iterations: {
            "picture": links.shown(key, image),
            "sentence": text,
            "beta": beta,
            "iterations": int(iterations),
        },
    )
    line.on(chosen.strip.pick, pick, [chosen.keys, *settings, speaker], everything, **counted)
    line.on(chosen.strip.fresh, fresh, [chosen.keys, *settings, speaker], everything, **counted)
    line.on(
        chosen.image.input,
        brought,
        [chosen.keys, speaker],
        [chosen.strip, chosen.key, suggestions, view],
        **quiet,
    )
    line.on(
        suggestions.pick,
        suggest,
        [chosen.image, *settings, chosen.key, speaker],
        [text, suggestions, view],
        **counted,
    )
    line.on(
        partial(gr.on, [button.click, text.submit]),
        asked_here,
        asked,
        [text, suggestions, view],
        **counted,
    )
    line.on(partial(gr.on, [beta.release, iterations.release]), slid, asked, [view], **counted)
