"""Explain: one answer, six explanations and what they are worth, heads, layers and knock-outs."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import gradio as gr

from app import explanations, links, services
from app.components import chips, picker, plain, progress, reply
from app.components.events import Event
from app.components.line import Line, Row
from app.components.linking import Place
from app.components.polite import sentence
from app.explanations import Subject
from app.links import NOTHING, Fields
from app.services import Key, SceneKey
from app.theme import static

GENERAL = {
    "stickers": ("What is this?", "How many stickers are there?", "Is there an animal?"),
    "photographs": ("What is this?", "How many people are there?", "Was this taken indoors?"),
}
_WAITING = (
    '<div class="lab-reply lab-waiting"><p>Ask something: the answer is then explained six ways, '
    "each judged; its layers and heads can be looked into, and parts knocked out.</p></div>"
)
_KNOCK = "Click on a word, a type, a layer, a head or a patch: the answers without it stand here."
_RESULTS = 8  # components that the work fills


@dataclass(slots=True, eq=False)
class Work:
    """What is under way for one visitor, shared with the thread that does it."""

    over: bool = False  # it has ended, or shall before its next step
    stopped: bool = False  # because the visitor said so
    known: tuple[Any, ...] | None = None  # what it has shown
    next: "Work | None" = None  # what took its place
    alive: set["Work"] = field(default_factory=set)  # a visitor's works that have not ended

    @property
    def last(self) -> "Work":
        """What is in its place by now."""
        return self if self.next is None else self.next.last


def explained(subject: Subject | None, work: Work) -> Iterator[tuple[Any, ...]]:
    """Everything about an answer, as it becomes known; or why nothing, in one sentence.

    What is known is handed out again with every step: a generator's outputs go to the page as
    differences, and one between a value and nothing new would take the value apart.

    Args:
        subject: what to explain.
        work: tells when to end, and is told.
    """
    if subject is None:
        return
    known = _skipped(_RESULTS)
    try:
        for step in explanations.steps(subject):
            if work.over:
                break
            known = tuple(
                old if new is None else new
                for old, new in zip(known, _shown(subject, step), strict=True)
            )
            work.known = known
            yield known
        # With the end, what was handed out last is shown once more.
        shown = work.last.known
        if shown is not None and shown is not work.known:
            yield shown
        elif work.stopped:
            yield (*known[:2], progress.note("Stopped."), *known[3:])
    except ValueError as error:
        yield (reply.trouble(sentence(error)), *_nothing()[1:])
    finally:
        work.over = True
        work.alive.discard(work)
        if not work.alive:  # nobody is left who would show it once more
            work.last.known = None


def knocked(subject: Subject | None, parts: list[list[str]]) -> str:
    """The answers before and after a knock-out, as HTML; or why not, in one sentence."""
    if subject is None or not parts:
        return _note(_KNOCK)
    try:
        before, after = explanations.knocked_out(subject, [(kind, at) for kind, at in parts])
    except ValueError as error:
        return reply.trouble(sentence(error))
    return reply.before_and_after(before, after)


def suggestions_of(key: Key | None, model: str) -> tuple[str, ...]:
    """Questions that fit; those that ask about something that can be pointed at come first."""
    if key is None:
        return GENERAL["photographs" if services.knows_photographs(model) else "stickers"]
    found = services.suggestions(key)
    if not isinstance(key, SceneKey):
        return found

    def plain(text: str) -> tuple[bool, bool]:
        known = services.questions_with_truth(key)[text]
        return not services.asked_about(key, text), known.answer in ("yes", "no")

    return tuple(sorted(found, key=plain))


def opened(keys: tuple[Key, ...], key: Key, model: str, link: Fields = NOTHING) -> tuple[Any, ...]:
    """A picture of ours put on show with a question about it; what is explained comes last."""
    found = suggestions_of(key, model)
    question = link.get("question", found[0])
    subject = replace(_wish(None, question, key, model), answer=link.get("answer"))
    return *picker.shown(keys, key), question, chips.value(found, question), subject


def brought(keys: tuple[Key, ...], model: str) -> tuple[Any, ...]:
    """The user's own picture, or none: nothing is known to be true, nothing is explained yet."""
    return (
        picker.strip_value(keys, None),
        None,
        chips.value(suggestions_of(None, model)),
        None,
        *_nothing(),
    )


def asked(image: str | None, question: str, key: Key | None, model: str) -> tuple[Any, ...]:
    """A question taken up: the chips know it, and it is what is explained."""
    subject = _wish(image, question, key, model)
    return chips.value(suggestions_of(key, model), question), subject


def asked_here(
    image: str | None, question: str, key: Key | None, model: str, *, late: Row | None = None
) -> tuple[Any, ...]:
    """What stands in the box, taken up; it goes there again where something else came meanwhile."""
    return question if late else gr.skip(), *asked(image, question, key, model)


def other_answer(subject: Subject | None, wish: Subject | None, text: str) -> Subject | Any:
    """Another answer to explain; nothing new where it is not the question's that is taken up."""
    if subject is None or subject != wish:
        return gr.skip()
    return replace(subject, answer=text, turn=time.monotonic_ns())


def introduced(
    model: str,
    image: str | None,
    question: str,
    key: Key | None,
    link: Fields = NOTHING,
) -> tuple[Any, ...]:
    """A model speaks: it opens with a picture of its world, or looks at the user's own."""
    keys = services.examples(model)
    if image is None or key is not None:
        return opened(keys, link.get("picture", keys[3 % len(keys)]), model, link)
    rest = asked(image, question, None, model)
    return picker.strip_value(keys, None), gr.skip(), None, keys, question, *rest


def _wish(image: str | None, question: str, key: Key | None, model: str) -> Subject:
    return Subject(image=image, question=question, key=key, model=model, turn=time.monotonic_ns())


def _shown(subject: Subject, step: explanations.Step) -> tuple[Any, ...]:
    """What a step brings for each component; None for nothing new."""
    if step.seconds is None:
        told = progress.bar(step.says, step.done, step.total)
    else:
        told = progress.note(f"Done in {step.seconds:.1f} s on this server.")
    card = answers = None
    if step.reply is not None:
        card = reply.card(step.reply)
        answers = chips.value(step.answers, subject.answer or step.answers[0])
    return card, answers, told, step.gallery, step.curves, step.heads, step.lens, step.board


def _nothing() -> tuple[Any, ...]:
    return _WAITING, chips.value(()), "", "", None, {}, None, ""


def _skipped(count: int) -> tuple[Any, ...]:
    return tuple(gr.skip() for _ in range(count))


def _note(says: str) -> str:
    return f'<div class="lab-reply lab-waiting"><p>{says}</p></div>'


def build(speaker: gr.State, place: Place) -> None:
    """Lay out the tab.

    Args:
        speaker: the model that answers, by its name; the tab opens when it is first given one.
        place: its side of links.
    """
    with gr.Row(elem_classes="lab-columns"):
        with gr.Column(min_width=280, elem_classes="lab-side"):
            chosen = picker.build(label="Picture", height=260)
            question = gr.Textbox(
                label="Question",
                placeholder="Ask about the picture, in English",
                max_lines=3,
                elem_id="explain-question",
                elem_classes="lab-field",
            )
            suggestions = chips.build(label="Suggested questions")
            button = gr.Button("Explain", variant="primary", elem_id="explain")
            stop = gr.Button("Stop", visible=False, elem_id="stop-explaining")
        with gr.Column(min_width=320):
            card = plain.html(_WAITING, elem_id="explained-answer")
            plain.heading("Why this answer? Or why not another?", "")
            answers = chips.build(label="Answers to explain")
            told = plain.html(elem_id="explaining")
            shown = plain.html(elem_id="gallery")
    plain.heading(
        "Which explanation can be trusted?",
        "Patches go, the heaviest first, or come into an empty picture; a good explanation makes "
        "the answer fall, or rise, soon.",
    )
    curves = plain.plot("faithfulness")
    plain.heading(
        "Every head of every layer",
        "Rows are layers, columns heads; each map by its own largest weight. A click opens one.",
    )
    heads = _heads_view()
    plain.heading(
        "Early answers", "What the model would say if it stopped after a layer (the logit lens)."
    )
    lens = plain.plot("lens", "lab-verbatim")
    plain.heading(
        "Knock-outs", "Take parts out, one or several; nothing of the model itself is changed."
    )
    with gr.Row(elem_classes="lab-columns lab-knocks"):
        with gr.Column(min_width=320, scale=3):
            board = gr.HTML(
                "", js_on_load=static("knockouts.js"), apply_default_css=False, elem_id="board"
            )
        with gr.Column(min_width=280, elem_classes="lab-side"):
            compared = plain.html(_note(_KNOCK), elem_id="knocked")

    subject = gr.State(None)  # what is explained
    wish = gr.State(None)  # what shall be
    running = gr.State(None)  # the work under way
    results = [card, answers, told, shown, curves, heads, lens, board]
    picture = [*chosen.outputs, question, suggestions, wish]
    quiet = progress.unseen(told)

    def pick(keys: tuple[Key, ...], model: str, event: Event) -> tuple[Any, ...]:
        return opened(keys, event.among(keys), model)

    def fresh(keys: tuple[Key, ...], model: str) -> tuple[Any, ...]:
        return opened(keys, services.another(), model)

    def suggest(image: str | None, key: Key | None, model: str, event: Event):
        return event.text, *asked(image, event.text, key, model)

    def other(subject: Subject | None, wish: Subject | None, event: Event):
        return (other_answer(subject, wish, event.text),)

    def bring(keys: tuple[Key, ...], model: str) -> tuple[Any, ...]:
        return *brought(keys, model), None

    def knock(subject: Subject | None, event: Event) -> str:
        return knocked(subject, event.parts)

    line = Line(name="explain", seen=suggestions)
    place.opens(
        partial(line.on, speaker.change),
        introduced,
        [speaker, chosen.image, question, chosen.key],
        picture,
        **quiet,
    )
    place.carries(
        [chosen.key, chosen.image, question, subject],
        lambda key, image, text, subject: {
            "picture": links.shown(key, image),
            "question": text,
            "answer": subject.answer if subject and subject.question == text else None,
        },
    )
    counted = quiet | progress.in_order()
    line.on(chosen.strip.pick, pick, [chosen.keys, speaker], picture, **counted)
    line.on(chosen.strip.fresh, fresh, [chosen.keys, speaker], picture, **counted)
    line.on(
        suggestions.pick,
        suggest,
        [chosen.image, chosen.key, speaker],
        [question, suggestions, wish],
        **counted,
    )
    line.on(
        partial(gr.on, [button.click, question.submit]),
        asked_here,
        [chosen.image, question, chosen.key, speaker],
        [question, suggestions, wish],
        **counted,
    )
    line.on(answers.pick, other, [subject, wish], [wish], **counted)
    buttons = [button, stop]
    taken = wish.change(_taken, [wish, running], [subject, running, *buttons, compared], **quiet)
    # "multiple": work that was superseded may still be at its last step.
    work = taken.then(
        explained, [wish, running], results, trigger_mode="multiple", **progress.waiting(told)
    )
    work.then(_freed, running, buttons, **quiet)
    line.on(
        chosen.image.input,
        bring,
        [chosen.keys, speaker],
        [chosen.strip, chosen.key, suggestions, subject, *results, wish],
        **quiet,
    )
    chosen.image.input(_gone, running, buttons, **quiet)
    stop.click(_halted, running, buttons, **quiet)
    board.knock(knock, subject, compared, **progress.answering(compared))


def _taken(wish: Subject | None, running: Work | None) -> tuple[Any, ...]:
    """Work begins, and what was under way ends: it can be stopped, old knock-outs are gone."""
    if wish is None:  # the picture that it was about is gone
        return None, *_skipped(4)
    work = Work() if running is None else Work(alive=running.alive)
    work.alive.add(work)
    if running is not None:
        running.over, running.next = True, work
    return wish, work, *_turned(working=True), _note(_KNOCK)


def _gone(running: Work | None) -> tuple[Any, ...]:
    """The work under way ends, and what it has shown is shown no more."""
    if running is not None:
        running.over, running.next = True, Work(over=True, known=_nothing())
    return _turned(working=False)


def _halted(running: Work | None) -> tuple[Any, ...]:
    """The work under way, if there is any, ends before its next step."""
    if running is not None and not running.over:
        running.over = running.stopped = True
    return _turned(working=False)


def _freed(running: Work | None) -> tuple[Any, ...]:
    """Unless other work began meanwhile, there is nothing more to stop."""
    if running is None or running.over:
        return _turned(working=False)
    return _skipped(2)


def _turned(*, working: bool) -> tuple[Any, ...]:
    return gr.Button(visible=not working), gr.Button(visible=working)


def _heads_view() -> gr.HTML:
    from vilt_core.viz import heads

    return gr.HTML(
        value={},
        html_template='<div class="vx-heads"></div>',
        js_on_load=heads.script() + static("heads.js"),
        apply_default_css=False,
        elem_id="heads",
    )
