"""Masks: words hidden by a click, and how much the picture helps to find them."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import gradio as gr

from app import links, masks, services
from app.components import chips, cloze, picker, plain, progress, reply, stoppable
from app.components.events import Event
from app.components.line import Line, Row
from app.components.linking import Place
from app.components.polite import sentence
from app.links import NOTHING, Fields
from app.services import Key

WORDS, PIECES = "whole words", "single pieces"
UNITS: dict[str, masks.Unit] = {WORDS: "word", PIECES: "piece"}
_WAITING = (
    '<div class="lab-reply lab-waiting"><p>Write a sentence about the picture and click on a word '
    "to hide it.</p></div>"
)
_NO_ROW: tuple[Any, ...] = "", cloze.value(()), ()
GENERAL = {
    "stickers": ("A cat next to a red heart", "Two dogs above an apple"),
    "photographs": ("A person in front of a building", "A dog on green grass"),
}


def hidden_from(
    image: str | None, text: str, hidden: tuple[int, ...], unit: str, key: Key | None, model: str
) -> tuple[Any, ...]:
    """A sentence as a row, which words of it are hidden, and what the model says of them.

    Returns:
        The sentence of the row, empty without one; the row; what is hidden; the answer.
    """
    try:
        words = masks.words_of(text, model)
    except ValueError as error:
        return *_NO_ROW, reply.trouble(sentence(error))
    shown = text, cloze.value(words, hidden, unit=UNITS[unit])
    if not hidden:
        return *shown, (), _WAITING
    try:
        note = reply.strange() if services.stranger(key, model) else ""
        return *shown, hidden, note + masks.look(image, text, hidden, key=key, model=model)
    except ValueError as error:
        return *shown, hidden, reply.trouble(sentence(error))


def written(
    image: str | None, text: str, unit: str, key: Key | None, model: str
) -> tuple[Any, ...]:
    """A new sentence, with a word of it hidden."""
    try:
        hidden = masks.first_hidden(key, text, model, unit=UNITS[unit])
    except ValueError as error:
        return _suggested(key, model, text), *_NO_ROW, reply.trouble(sentence(error))
    return _suggested(key, model, text), *hidden_from(image, text, hidden, unit, key, model)


def written_here(
    image: str | None,
    text: str,
    unit: str,
    key: Key | None,
    model: str,
    *,
    late: Row | None = None,
) -> tuple[Any, ...]:
    """What stands in the box, used; it goes there again where something else came meanwhile."""
    return text if late else gr.skip(), *written(image, text, unit, key, model)


def counted_in(
    image: str | None,
    read: str,
    hidden: tuple[int, ...],
    unit: str,
    key: Key | None,
    model: str,
) -> tuple[Any, ...]:
    """Words or pieces to hide from now on, of the sentence of the row if there is one."""
    if not read:
        return tuple(gr.skip() for _ in range(4))
    return hidden_from(image, read, hidden, unit, key, model)


def clicked(
    image: str | None,
    read: str,
    hidden: tuple[int, ...],
    unit: str,
    key: Key | None,
    model: str,
    at: int,
    *,
    late: Row | None = None,
) -> tuple[Any, ...]:
    """A word or a piece of the row hidden, or shown again, unless its sentence is gone."""
    if late:
        return tuple(gr.skip() for _ in range(4))
    try:
        hidden = masks.toggled(read, hidden, at, unit=UNITS[unit], model=model)
    except ValueError as error:
        return *(gr.skip() for _ in range(3)), reply.trouble(sentence(error))
    return hidden_from(image, read, hidden, unit, key, model)


def opened(
    keys: tuple[Key, ...], key: Key, unit: str, model: str, link: Fields = NOTHING
) -> tuple[Any, ...]:
    """A picture of ours put on show with its first caption, a word of it hidden."""
    text = link.get("sentence", services.captions_of(key)[0])
    shown = *picker.shown(keys, key), text
    if "hidden" in link:
        found = hidden_from(None, text, link["hidden"], unit, key, model)
        return *shown, _suggested(key, model, text), *found
    return *shown, *written(None, text, unit, key, model)


def brought(keys: tuple[Key, ...], model: str) -> tuple[Any, ...]:
    """The user's own picture, or none."""
    return picker.strip_value(keys, None), None, _suggested(None, model), *_NO_ROW, _WAITING


def introduced(
    model: str,
    image: str | None,
    text: str,
    unit: str,
    key: Key | None,
    link: Fields = NOTHING,
) -> tuple[Any, ...]:
    """Another model speaks: it opens with a picture of its world, or looks at the user's own."""
    keys = services.examples(model)
    if image is None or key is not None:
        found = opened(keys, link.get("picture", keys[0]), unit, model, link)
        return *found, *taught(model, link.get("lesson"))
    rest = written(image, text, unit, None, model)
    return picker.strip_value(keys, None), gr.skip(), None, keys, text, *rest, *taught(model)


def taught(model: str, word: str | None = None) -> tuple[Any, ...]:
    """The giraffe of the paper, or another word in pieces; or why there is none to show."""
    words: tuple[str, ...] = ()
    try:
        words = masks.broken_words(model)
        word = word or words[0]
        return chips.value(words, word), masks.lesson(word, model)
    except ValueError as error:
        return chips.value(words), progress.note(sentence(error))


def measured(captions: float, model: str) -> Iterator[tuple[Any, ...]]:
    """How much the picture helps, drawn after every batch."""
    try:
        yield progress.bar("Hiding words of captions", 0, 1), gr.skip()
        for step in masks.steps(int(captions), model=model):
            done = step.done == step.total
            bar = "" if done else progress.bar("Guessing hidden words", step.done, step.total)
            figure = gr.Plot(masks.help_figure(step.found), visible=True)
            yield bar or progress.note(_summary(step.found, step.total, model)), figure
    except ValueError as error:
        yield progress.note(sentence(error), trouble=True), gr.skip()


def _summary(found: dict[str, Any], words: int, model: str) -> str:
    share = found["accuracy"]
    stranger = (
        " These are scenes of stickers: no picture that it was trained on."
        if services.knows_photographs(model)
        else ""
    )
    return (
        f"{model} finds {100 * share['with']:.0f} % of {words:,} hidden words with the picture, "
        f"{100 * share['blurred']:.0f} % when it is out of focus and {100 * share['without']:.0f} "
        f"% without it.{stranger}"
    )


def carried(
    key: Key | None,
    image: str | None,
    text: str,
    read: str,
    hidden: tuple[int, ...],
    unit: str,
    lesson: str | None,
) -> Fields:
    """What a link carries: the sentence of the row, whatever else was typed since."""
    return {
        "picture": links.shown(key, image),
        "sentence": read or text,
        "hidden": tuple(hidden),
        "unit": UNITS[unit],
        "lesson": lesson,
    }


def _suggested(key: Key | None, model: str, chosen: str | None = None) -> dict[str, Any]:
    known = "photographs" if services.knows_photographs(model) else "stickers"
    return chips.value(GENERAL[known] if key is None else services.captions_of(key), chosen)


def build(speaker: gr.State, place: Place) -> None:
    """Lay out the tab.

    Args:
        speaker: the model that fills, by its name; the tab opens when it is first given one.
        place: its side of links.
    """
    with gr.Row(elem_classes="lab-columns"):
        with gr.Column(min_width=280, elem_classes="lab-side"):
            chosen = picker.build(label="Picture", height=230)
            text = gr.Textbox(
                label="Sentence",
                placeholder="Describe the picture, in English",
                max_lines=4,
                elem_id="mask-sentence",
                elem_classes="lab-field",
            )
            suggestions = chips.build(label="Suggested sentences")
            unit = gr.Radio(
                [WORDS, PIECES],
                value=WORDS,
                label="A click hides",
                elem_id="mask-unit",
                elem_classes=["lab-field", "lab-switch"],
            )
            use = gr.Button("Use this sentence", variant="primary", elem_id="mask-use")
        with gr.Column(min_width=320, elem_classes="lab-bare"):
            row = cloze.build()
            view = plain.html(_WAITING, elem_id="guesses")
            plain.heading(
                "Why whole words?",
                "The paper's giraffe is gi, ##raf, ##fe: hide ##raf alone, and its neighbours give "
                "it away. Here with words that this model reads in pieces.",
            )
            broken = chips.build(label="Words in pieces")
            giraffe = plain.html(elem_id="giraffe")
    plain.heading(
        "How much does the picture help?",
        "One noun, number, colour and relation of each caption is hidden, one at a time.",
    )
    with gr.Row(elem_classes="lab-controls"):
        captions = gr.Slider(
            16,
            masks.MOST_CAPTIONS,
            64,
            step=16,
            label="Captions of the sticker world",
            elem_id="mask-captions",
            elem_classes="lab-field",
        )
        button = gr.Button("Measure", variant="primary", elem_id="mask-measure")
        stop = gr.Button("Stop", visible=False, elem_id="mask-stop")
    told = plain.html(elem_id="mask-told")
    bars = gr.Plot(
        show_label=False,
        container=False,
        visible=False,
        elem_id="mask-help",
        elem_classes="lab-plot",
    )

    read, hidden = gr.State(""), gr.State(())  # the sentence of the row, whatever is typed since
    lesson = gr.State(None)  # the word of it
    looked = [read, row, hidden, view]
    everything = [*chosen.outputs, text, suggestions, *looked]
    asked = [chosen.image, text, unit, chosen.key, speaker]

    def pick(keys, unit, model, event: Event) -> tuple[Any, ...]:
        return opened(keys, event.among(keys), unit, model)

    def fresh(keys, unit, model) -> tuple[Any, ...]:
        return opened(keys, services.another(), unit, model)

    def suggest(image, unit, key, model, event: Event) -> tuple[Any, ...]:
        return event.text, *written(image, event.text, unit, key, model)

    def click(
        image, read, hidden, unit, key, model, event: Event, *, late: Row | None = None
    ) -> tuple[Any, ...]:
        return clicked(image, read, hidden, unit, key, model, event.at, late=late)

    def teach(model, event: Event) -> tuple[Any, ...]:
        row, told = taught(model, event.text)
        return row, told, row["chosen"]

    quiet: dict[str, Any] = {"show_progress_on": view, "api_visibility": "private"}
    counted = progress.answering(view)
    line = Line(name="masks", seen=suggestions)

    def introduce(model, image, text, unit, key, link: Fields = NOTHING) -> tuple[Any, ...]:
        if "unit" in link:
            unit = next(label for label, one in UNITS.items() if one == link["unit"])
        *found, row, told = introduced(model, image, text, unit, key, link)
        return *found, row, told, row["chosen"], unit

    place.opens(
        partial(line.on, speaker.change),
        introduce,
        [speaker, chosen.image, text, unit, chosen.key],
        [*everything, broken, giraffe, lesson, unit],
        **quiet,
    )
    place.carries([chosen.key, chosen.image, text, read, hidden, unit, lesson], carried)
    broken.pick(teach, speaker, [broken, giraffe, lesson], **progress.answering(giraffe))
    line.on(chosen.strip.pick, pick, [chosen.keys, unit, speaker], everything, **counted)
    line.on(chosen.strip.fresh, fresh, [chosen.keys, unit, speaker], everything, **counted)
    line.on(
        chosen.image.input,
        brought,
        [chosen.keys, speaker],
        [chosen.strip, chosen.key, suggestions, *looked],
        **quiet,
    )
    line.on(
        suggestions.pick,
        suggest,
        [chosen.image, unit, chosen.key, speaker],
        [text, suggestions, *looked],
        **counted,
    )
    line.on(
        partial(gr.on, [use.click, text.submit]),
        written_here,
        asked,
        [text, suggestions, *looked],
        **counted,
    )
    shown = [chosen.image, read, hidden, unit, chosen.key, speaker]
    line.on(row.pick, click, shown, looked, **counted)
    line.on(unit.input, counted_in, shown, looked, **quiet)
    stoppable.wire(
        button, stop, measured, [captions, speaker], [told, bars], told=told, one_at_a_time="masks"
    )
