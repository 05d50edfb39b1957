"""Compose: a scene made by hand, and what the model makes of every change."""

import itertools
import json
from dataclasses import dataclass, replace
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from app import composing, services
from app.components import chips, composer, picker, plain, progress, reply, sight, whatif
from app.components.events import Event
from app.components.line import Line, Row
from app.components.linking import Place
from app.components.polite import sentence
from app.services import EXAMPLES

if TYPE_CHECKING:
    from vilt_core.world.scenes import Scene


_PUT = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What lies before a visitor: no more than this is kept of a visit.

    Attributes:
        scene: as it is now.
        before: as it was, to compare with.
        question: what was asked last.
        text: the sentence that was matched last.
        at: which of the ideas is on the card.
        put: the number of the scene that was put there last: later changes by hand are of that.
    """

    scene: "Scene"
    before: "Scene"
    question: str = ""
    text: str = ""
    at: int = 0
    put: int = 0


def opened(scene: "Scene", model: str, question: str = "", text: str = "") -> tuple[Any, ...]:
    """A scene put on the desk, with a question and a sentence of its own unless given."""
    ideas = composing.ideas(scene)
    if not question.strip():
        said = [services.capital(idea.question) for idea in ideas]
        question = (said or composing.questions_about(scene))[0]
    text = text if text.strip() else composing.sentences_about(scene)[0]
    return _placed(Desk(scene=scene, before=scene), question, text, model)


def arrived(search: str, model: str) -> tuple[Any, ...]:
    """The tab first seen: with the scene of the address, or an example."""
    try:
        found = composing.shared(search)
    except ValueError as error:
        example = opened(composing.opening(), model)
        return _with_trouble(example, sentence(error) + " Here is an example instead.")
    if found is None:
        return opened(composing.opening(), model)
    return opened(found.scene, model, found.question, found.sentence)


def read(written: str, model: str) -> tuple[Any, ...]:
    """A scene from a file of the visitor's."""
    from vilt_core.world.composing import from_json

    try:
        if len(written) > composing.LONGEST_FILE:
            raise ValueError("this file is too large for a scene")
        return opened(from_json(json.loads(written)), model)
    except (json.JSONDecodeError, RecursionError):
        return _only_trouble("This file is no JSON.")
    except ValueError as error:
        return _only_trouble(sentence(error))


def edited(
    given: Any,
    serial: Any,
    desk: Desk | None,
    question: str,
    text: str,
    model: str,
    put: Any = None,
) -> tuple[Any, ...]:
    """A scene changed by hand: everything is asked again.

    One that had given way to another scene before the page knew of it is gone, and its change too.
    """
    from vilt_core.world.composing import from_json

    if desk is not None and isinstance(put, int) and put != desk.put:
        return _skipped(_OUTPUTS)
    try:
        scene = from_json(given)
    except ValueError as error:
        return _only_trouble(sentence(error))
    before, last = (scene, 0) if desk is None else (desk.before, desk.put)
    desk = Desk(scene=scene, before=before, question=question, text=text, put=last)
    number = serial if isinstance(serial, int) else -1
    message = _message(desk, question, text, model, serial=number)
    return desk, message, *_shown(desk, question, text, model)


def asked(desk: Desk | None, question: str, text: str, model: str) -> tuple[Any, ...]:
    """Another question or another sentence about the same scenes."""
    if desk is None:  # nothing was put there yet
        return _skipped(_OUTPUTS)
    desk = replace(desk, question=question, text=text)
    return desk, _message(desk, question, text, model), *_shown(desk, question, text, model)


def asked_here(
    desk: Desk | None, question: str, text: str, model: str, *, late: Row | None = None
) -> tuple[Any, ...]:
    """What stands in the boxes; it goes there again where something else came meanwhile."""
    *shown, _, _ = asked(desk, question, text, model)
    return *shown, *((question, text) if late else _skipped(2))


def standing(desk: Desk | None, question: str, text: str, late: Row | None) -> tuple[str, str]:
    """What stands in the boxes by now: as the page says, unless it had not heard all."""
    return (question, text) if desk is None or not late else (desk.question, desk.text)


def done(desk: Desk | None, text: str, model: str) -> tuple[Any, ...]:
    """The idea on the card carried out: its question, before and after."""
    if desk is None:
        return _skipped(_OUTPUTS)
    ideas = composing.ideas(desk.scene)
    if not ideas:
        return _skipped(_OUTPUTS)
    idea = ideas[desk.at % len(ideas)]
    changed = Desk(scene=idea.scene, before=desk.scene)
    return _placed(changed, services.capital(idea.question), text, model, glide=True)


def thought(desk: Desk | None, question: str, text: str, model: str) -> tuple[Any, ...]:
    """Another idea on the card."""
    return asked(desk and replace(desk, at=desk.at + 1), question, text, model)


def kept(desk: Desk | None, question: str, text: str, model: str) -> tuple[Any, ...]:
    """The present scene is what the next ones are compared with."""
    return asked(desk and replace(desk, before=desk.scene), question, text, model)


# Outputs: the desk, the editor, then what is shown, then the two texts.


_OUTPUTS = 9


def _placed(
    desk: Desk, question: str, text: str, model: str, *, glide: bool = False
) -> tuple[Any, ...]:
    from vilt_core.world.composing import to_json

    desk = replace(desk, question=question, text=text, put=next(_PUT))
    message = _message(
        desk, question, text, model, scene=to_json(desk.scene), put=desk.put, glide=glide
    )
    *shown, _, _ = _shown(desk, question, text, model)
    return desk, message, *shown, question, text


def _message(desk: Desk, question: str, text: str, model: str, **more: Any) -> dict[str, Any]:
    from vilt_core.world.composing import beyond_training

    return composer.value(
        link=composing.link(desk.scene, question, text, model),
        says=composing.description(desk.scene),
        beyond=beyond_training(desk.scene),
        **more,
    )


def _shown(desk: Desk, question: str, text: str, model: str) -> tuple[Any, ...]:
    questions = composing.questions_about(desk.scene)
    sentences = composing.sentences_about(desk.scene)
    return (
        *_replies(desk, question, model),
        _sight(desk.scene, text, model),
        chips.value(questions, question),
        chips.value(sentences, text),
        gr.skip(),
        gr.skip(),
    )


def _replies(desk: Desk, question: str, model: str) -> tuple[str, str]:
    """The answer, and the card that holds it against the one before."""
    try:
        now = composing.ask(desk.scene, question, model)
        same = desk.before == desk.scene
        before = now if same else composing.ask(desk.before, question, model)
    except ValueError as error:
        return reply.trouble(sentence(error)), ""
    ideas = composing.ideas(desk.scene)
    card = whatif.card(
        ideas[desk.at % len(ideas)] if ideas else None,
        _side(desk.before, before),
        None if same else _side(desk.scene, now),
        question=question,
        others=len(ideas) > 1,
    )
    note = UNDECIDED if composing.is_undecided(desk.scene, question) else ""
    return reply.card(now) + note, card


UNDECIDED = (
    '<p class="lab-aside">This scene has no single true answer to that: it is too close to tell, '
    "or the question speaks of what is not there, or there more than once.</p>"
)


def _side(scene: "Scene", answer: services.Reply) -> whatif.Side:
    says = composing.description(scene)
    return whatif.Side(picture=composing.thumbnail(scene), says=says, reply=answer)


def _sight(scene: "Scene", text: str, model: str) -> dict[str, Any]:
    try:
        return sight.value(composing.look(scene, text, model))
    except ValueError as error:
        return sight.nothing(sentence(error))


def _with_trouble(outputs: tuple[Any, ...], trouble: str) -> tuple[Any, ...]:
    desk, message, *rest = outputs
    return desk, message | {"trouble": trouble}, *rest


def _only_trouble(trouble: str) -> tuple[Any, ...]:
    return gr.skip(), composer.value(trouble=trouble), *_skipped(_OUTPUTS - 2)


def _skipped(count: int) -> tuple[Any, ...]:
    return tuple(gr.skip() for _ in range(count))


def carried(desk: Desk | None, question: str, text: str, model: str | None) -> dict[str, str]:
    """The link to what lies there."""
    if desk is None:
        return {}
    return {"link": composing.link(desk.scene, question, text, composing.speaker(model))}


def speaks(model: str | None) -> str:
    """Which model answers here, as HTML, where that is not the one chosen."""
    here = composing.speaker(model)
    if model is None or model == here:
        return ""
    return (
        f'<p class="lab-aside"><b translate="no">{escape(here)}</b> answers here, not '
        f'<b translate="no">{escape(model)}</b>: scenes of stickers are what it knows, and every '
        "change is answered at once.</p>"
    )


def build(speaker: gr.State, place: Place) -> None:
    """Lay out the tab.

    Args:
        speaker: the model chosen, by its name; where that is not small, the lab's own speaks here.
        place: its side of links.
    """
    with gr.Row(elem_classes="lab-columns"):
        with gr.Column(min_width=320, elem_classes="lab-left"):
            strip = picker.build_strip()
            editor = composer.build()
        with gr.Column(min_width=320):
            question, ask = _field("Question", "Ask about the scene, in English", "Ask")
            questions = chips.build(label="Suggested questions")
            stand_in = plain.html(elem_id="compose-speaker")
            card = _html("compose-reply")
            turned = whatif.build()
            text, match = _field("Sentence", "Say something about the scene, in English", "Match")
            sentences = chips.build(label="Suggested sentences")
            seen = sight.build()

    desk = gr.State(None)
    outputs = [desk, editor, card, turned, seen, questions, sentences, question, text]
    quiet = progress.waiting(card)
    counted = quiet | progress.in_order()
    said = [question, text, speaker]

    def arrive(model: str | None, event: Event) -> tuple[Any, ...]:
        strip_value = picker.strip_value(EXAMPLES, None)
        return strip_value, *arrived(event.search, composing.speaker(model))

    def show(model: str | None, event: Event) -> tuple[Any, ...]:
        key = event.among(EXAMPLES)
        scene = composing.example(key)
        return picker.strip_value(EXAMPLES, key), *opened(scene, composing.speaker(model))

    def fresh(model: str | None) -> tuple[Any, ...]:
        scene = composing.example(services.another())
        return picker.strip_value(EXAMPLES, None), *opened(scene, composing.speaker(model))

    def open_file(model: str | None, event: Event) -> tuple[Any, ...]:
        return read(event.text, composing.speaker(model))

    def edit(desk, question, text, model, event: Event, *, late=None) -> tuple[Any, ...]:
        now = standing(desk, question, text, late)
        return edited(event.scene, event.serial, desk, *now, composing.speaker(model), event.put)

    def ask_again(desk, question, text, model, *, late=None) -> tuple[Any, ...]:
        return asked_here(desk, question, text, composing.speaker(model), late=late)

    def introduce(desk, question, text, model, *, late=None) -> tuple[Any, ...]:
        # The page's first model is named while the first scene is still on its way.
        if not question and not text:
            return _skipped(_OUTPUTS)
        return asked(desk, *standing(desk, question, text, late), composing.speaker(model))

    def suggest(desk, question, text, model, event: Event, *, late=None) -> tuple[Any, ...]:
        _, text = standing(desk, question, text, late)
        *shown, _, kept = asked(desk, event.text, text, composing.speaker(model))
        return *shown, event.text, kept

    def propose(desk, question, text, model, event: Event, *, late=None) -> tuple[Any, ...]:
        question, _ = standing(desk, question, text, late)
        *shown, kept, _ = asked(desk, question, event.text, composing.speaker(model))
        return *shown, kept, event.text

    def do(desk, question, text, model, *, late=None) -> tuple[Any, ...]:
        _, text = standing(desk, question, text, late)
        return done(desk, text, composing.speaker(model))

    def other(desk, question, text, model, *, late=None) -> tuple[Any, ...]:
        return thought(desk, *standing(desk, question, text, late), composing.speaker(model))

    def keep(desk, question, text, model, *, late=None) -> tuple[Any, ...]:
        return kept(desk, *standing(desk, question, text, late), composing.speaker(model))

    line = Line(name="compose", seen=questions)
    given = [desk, *said]
    place.carries(given, carried)
    speaker.change(speaks, speaker, stand_in, **progress.unseen(stand_in))
    line.on(editor.arrive, arrive, [speaker], [strip, *outputs], **quiet)
    line.on(strip.pick, show, [speaker], [strip, *outputs], **counted)
    line.on(strip.fresh, fresh, [speaker], [strip, *outputs], **counted)
    line.on(editor.open, open_file, [speaker], outputs, **counted)
    line.on(editor.edit, edit, given, outputs, **counted)
    line.on(
        partial(gr.on, [ask.click, question.submit, match.click, text.submit]),
        ask_again,
        given,
        outputs,
        **counted,
    )
    line.on(speaker.change, introduce, given, outputs, **quiet)
    line.on(questions.pick, suggest, given, outputs, **counted)
    line.on(sentences.pick, propose, given, outputs, **counted)
    line.on(turned.do, do, given, outputs, **counted)
    line.on(turned.other, other, given, outputs, **counted)
    line.on(turned.keep, keep, given, outputs, **counted)


def _field(label: str, placeholder: str, verb: str) -> tuple[gr.Textbox, gr.Button]:
    """A line to write in, and its button."""
    with gr.Row(elem_classes="lab-ask"):
        box = gr.Textbox(
            label=label,
            placeholder=placeholder,
            max_lines=3,
            scale=5,
            elem_id=f"compose-{label.lower()}",
            elem_classes="lab-field",
        )
        button = gr.Button(verb, variant="primary", scale=1, min_width=88)
    return box, button


def _html(elem_id: str) -> gr.HTML:
    return gr.HTML(reply.WAITING, js_on_load=None, apply_default_css=False, elem_id=elem_id)
