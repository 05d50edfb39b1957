"""Pairs: two pictures, a statement, and how a model joins what it reads of either (NLVR2)."""

from functools import partial
from typing import Any

import gradio as gr

from app import links, pairs
from app.components import chips, picker, progress, reply
from app.components.events import Event
from app.components.line import Line, Row, standing
from app.components.linking import Place
from app.components.polite import sentence
from app.links import NOTHING, Fields
from app.pairs import Ours, Pair
from app.theme import static

_MOST = 8  # pairs in the strip; the newest push out the oldest
_WAITING = (
    '<div class="lab-reply lab-waiting"><p>Choose two pictures and say something about both.</p>'
    "</div>"
)


def compared(
    left_image: str | None,
    right_image: str | None,
    statement: str,
    left: Ours | None,
    right: Ours | None,
    model: str,
) -> str:
    """The judgement, as HTML; or why there is none, in one sentence."""
    try:
        note = reply.strange() if pairs.stranger((left, right), model) else ""
        return note + pairs.compare(
            (left_image, right_image), statement, keys=(left, right), model=model
        )
    except ValueError as error:
        return reply.trouble(sentence(error))


def asked(
    left_image: str | None,
    right_image: str | None,
    statement: str,
    left: Ours | None,
    right: Ours | None,
    model: str,
) -> tuple[Any, ...]:
    """A statement of the user's own words, perhaps one of the suggestions, judged."""
    suggestions = chips.value(pairs.suggested(left, right, model), statement)
    return suggestions, compared(left_image, right_image, statement, left, right, model)


def asked_here(
    left_image: str | None,
    right_image: str | None,
    statement: str,
    left: Ours | None,
    right: Ours | None,
    model: str,
    *,
    late: Row | None = None,
) -> tuple[Any, ...]:
    """What stands in the box, judged; it goes there again where something else came meanwhile."""
    kept = statement if late else gr.skip()
    return kept, *asked(left_image, right_image, statement, left, right, model)


def opened(
    strip: tuple[Pair, ...], both: Pair, model: str, statement: str | None = None
) -> tuple[Any, ...]:
    """A pair of ours put on show with a statement, its first unless given, judged."""
    if both not in strip:
        strip = (both, *strip)[:_MOST]
    left, right = both
    statement = statement or pairs.suggested(left, right, model)[0]
    return (
        strip_value(strip, both),
        strip,
        pairs.picture(left),
        pairs.picture(right),
        left,
        right,
        statement,
        *asked(None, None, statement, left, right, model),
    )


def swapped(
    left_own: str | None,
    right_own: str | None,
    statement: str,
    left: Ours | None,
    right: Ours | None,
    model: str,
    *,
    late: Row | None = None,
) -> tuple[Any, ...]:
    """The two pictures exchanged, and judged again.

    Which they are the session knows, and not the click: the one before it may still be at work.
    """
    statement = standing(statement, late)
    return (
        right_own if right is None else pairs.picture(right),
        left_own if left is None else pairs.picture(left),
        right_own,
        left_own,
        right,
        left,
        compared(right_own, left_own, statement, right, left, model),
    )


def brought(
    image: str | None, strip: tuple[Pair, ...], other: Ours | None, model: str
) -> tuple[Any, ...]:
    """A picture of the user's own on one side, or none: nothing is known to be true."""
    suggestions = chips.value(pairs.suggested(None, other, model))
    return strip_value(strip, None), image, None, suggestions, _WAITING


def introduced(
    model: str,
    left_image: str | None,
    right_image: str | None,
    statement: str,
    left: Ours | None,
    right: Ours | None,
    link: Fields = NOTHING,
) -> tuple[Any, ...]:
    """Another model speaks: it opens with pictures of its world, or looks at the user's own."""
    strip = pairs.examples(model)
    own = (left_image and left is None) or (right_image and right is None)
    if not own:
        first, second = strip[0]
        both = link.get("left", first), link.get("right", second)
        return opened(strip, both, model, link.get("statement"))
    rest = asked(left_image, right_image, statement, left, right, model)
    return strip_value(strip, None), strip, *(gr.skip(),) * 4, statement, *rest


def strip_value(strip: tuple[Pair, ...], shown: Pair | None) -> dict[str, Any]:
    """What the strip shows; new pairs can be had of scenes alone."""
    return {
        "pictures": [
            {"picture": pairs.thumbnail(both), "says": pairs.description(both), "credit": ""}
            for both in strip
        ],
        "chosen": strip.index(shown) if shown in strip else None,
        "fresh": all(isinstance(both[0], pairs.SceneOfPair) for both in strip),
        "credit": pairs.credit(shown),
    }


def build(speaker: gr.State, place: Place) -> None:
    """Lay out the tab.

    Args:
        speaker: the model that compares, by its name; the tab opens when it is first given one.
        place: its side of links.
    """
    with gr.Row(elem_classes="lab-columns"):
        with gr.Column(min_width=320, elem_classes="lab-left"):
            with gr.Row(elem_classes="lab-twins"):
                left_image = _picture("The left picture", "pair-left")
                swap = gr.Button("⇄ Swap", elem_id="pair-swap", elem_classes="lab-plain")
                right_image = _picture("The right picture", "pair-right")
            strip = gr.HTML(
                value={"pictures": [], "chosen": None, "fresh": False, "credit": ""},
                html_template='<div class="lab-strip lab-pairs" role="group" aria-label="Pairs">'
                '<button type="button" class="lab-fresh" title="Two scenes that nobody has seen">'
                'New pair</button></div><p class="lab-credit"></p>',
                js_on_load=static("strip.js"),
                apply_default_css=False,
                elem_id="pair-strip",
            )
        with gr.Column(min_width=320):
            with gr.Row(elem_classes="lab-ask"):
                statement = gr.Textbox(
                    label="Statement",
                    placeholder="Say something about both pictures, in English",
                    max_lines=2,
                    scale=5,
                    elem_id="statement",
                    elem_classes="lab-field",
                )
                button = gr.Button(
                    "Judge", variant="primary", scale=1, min_width=88, elem_id="pair-judge"
                )
            suggestions = chips.build(label="Suggested statements")
    view = gr.HTML(_WAITING, js_on_load=None, apply_default_css=False, elem_id="pair")

    left, right, shown = gr.State(None), gr.State(None), gr.State(())
    left_own, right_own = gr.State(None), gr.State(None)  # of no meaning beside a picture of ours
    everything = [
        strip, shown, left_image, right_image, left, right, statement, suggestions, view,
    ]  # fmt: skip
    inputs = [left_image, right_image, statement, left, right, speaker]

    def pick(shown, model, event: Event) -> tuple[Any, ...]:
        return opened(shown, event.among(shown), model)

    def fresh(shown, model) -> tuple[Any, ...]:
        return opened(shown, pairs.another(), model)

    def suggest(one, other, left, right, model, event: Event) -> tuple[Any, ...]:
        return event.text, *asked(one, other, event.text, left, right, model)

    quiet: dict[str, Any] = {"show_progress_on": view, "api_visibility": "private"}
    line = Line(name="pairs", seen=suggestions)
    counted = progress.answering(view)
    place.opens(
        partial(line.on, speaker.change),
        introduced,
        [speaker, *inputs[:-1]],
        everything,
        **quiet,
    )
    place.carries(
        inputs[:-1],
        lambda one, other, text, left, right: {
            "left": links.shown(left, one),
            "right": links.shown(right, other),
            "statement": text,
        },
    )
    line.on(strip.pick, pick, [shown, speaker], everything, **counted)
    line.on(strip.fresh, fresh, [shown, speaker], everything, **counted)
    for image, own, key, other in (
        (left_image, left_own, left, right),
        (right_image, right_own, right, left),
    ):
        line.on(
            image.input,
            brought,
            [image, shown, other, speaker],
            [strip, own, key, suggestions, view],
            **quiet,
        )
    line.on(
        suggestions.pick,
        suggest,
        [left_image, right_image, left, right, speaker],
        [statement, suggestions, view],
        **counted,
    )
    line.on(
        partial(gr.on, [button.click, statement.submit]),
        asked_here,
        inputs,
        [statement, suggestions, view],
        **counted,
    )
    line.on(
        swap.click,
        swapped,
        [left_own, right_own, statement, left, right, speaker],
        [left_image, right_image, left_own, right_own, left, right, view],
        **counted,
    )


def _picture(label: str, name: str) -> gr.Image:
    return picker.own_picture(
        label=label,
        sources=["upload", "clipboard", "webcam"],
        height=230,
        buttons=["fullscreen"],
        show_label=False,
        alt_text=label,
        placeholder="Drop, paste or take a picture",
        elem_id=name,
        elem_classes="lab-picture",
    )
