"""Compare: the four kinds of models of the paper's figure 2, what they cost, and two at work."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from html import escape
from typing import Any

import gradio as gr

from app import comparison, learned, links, services
from app.comparison import Found, Measure
from app.components import picker, plain, progress, stoppable
from app.components.events import Event
from app.components.linking import Place
from app.components.polite import sentence
from app.learned import View
from app.links import NOTHING, Fields
from app.services import Key
from vilt_core.viz import meeting

INTRODUCTION = """
<div class="lab-intro"><h2>Where do models spend their time, FLOPs and parameters?</h2><p>A model of
pictures and sentences embeds the picture (<b class="lab-ve">VE</b>), embeds the text (<b
class="lab-te">TE</b>) and lets the two interact (<b class="lab-mi">MI</b>). The paper sorts models
by which of the three is the largest, and ViLT is the first that spends nearly all on the
interaction.</p></div>
"""
_WAITING = (
    '<div class="lab-reply lab-waiting"><p>Press Watch: the same picture and sentence go through '
    "both models, at the paper's sizes. Weights are random there: what each model sees and how "
    "long each part takes do not depend on them. How words and picture meet, and the answer to the "
    "question, come from its small sister, where one was trained on stickers.</p></div>"
)


def shown(found: Found | None, measure: Measure) -> tuple[Any, ...]:
    """Everything that is drawn of what was measured: before, unless here."""
    found = found or comparison.shipped()
    if not found["families"]:
        return tuple(gr.skip() for _ in range(6))
    boxes, bars = comparison.figures(found, measure)
    return (
        boxes,
        bars,
        comparison.growth(found),
        comparison.table(found),
        notes(found),
        where(found),
    )


def switched(found: Found | None, measure: Measure) -> tuple[Any, ...]:
    """The same costs in another unit."""
    return comparison.figures(found or comparison.shipped(), measure)


def small(view: View) -> gr.Dataframe:
    """The table of the small models, with the columns of a view."""
    value = {"headers": learned.headers(view), "data": learned.table(view)}
    return gr.Dataframe(value, datatype=learned.types(view))  # pyright: ignore[reportArgumentType]


def where(found: Found) -> str:
    """On which machine, as HTML."""
    return f'<p class="lab-where">{escape(comparison.where(found))}</p>'


def notes(found: Found) -> str:
    """Why numbers differ from the paper's, as HTML."""
    told = "".join(
        f"<li><b>{escape(title)}</b> {escape(says)}</li>"
        for title, says in comparison.differences(found)
    )
    return f'<ul class="lab-notes">{told}</ul>'


def measured(measure: Measure) -> Iterator[tuple[Any, ...]]:
    """Measure on this machine, and draw each model as soon as it is known."""
    drawn: tuple[Any, ...] = None, "", *(gr.skip(),) * 6
    with closing(comparison.steps()) as steps:
        for step in steps:
            if step is not None:  # else one may stop here, and is shown what was there
                known = step.found if step.done else None
                says = f"Measuring {step.then}" if step.then else ""
                told = progress.bar(says, step.done, step.total) if says else ""
                drawn = known, told, *(shown(known, measure) if known else (gr.skip(),) * 6)
            yield drawn


def watched(
    image: str | None, text: str, question: str, key: Key | None, first: str, second: str
) -> Iterator[tuple[str, Any]]:
    """What became of a picture and a sentence in two models; or why nothing, in one sentence."""
    passings, meetings, answers = [], [], []
    try:
        names = [name for name in (first, second) if name]
        if not names:
            raise ValueError("choose a model, or two to compare")
        comparison.check_question(question, names)  # before minutes of work, and not after them
        for done, name in enumerate(names):
            says = f"Building {comparison.title_of(name)} with random weights"
            bar = progress.bar(says, done, len(names))
            yield bar, gr.skip()
            with closing(comparison.attended(image, text, key, name)) as looks:
                for passing in looks:
                    if passing is None:  # not yet: one may stop here
                        yield bar, gr.skip()
                    else:
                        passings.append(passing)
            meetings.append(comparison.met(image, text, key, name))
            answers.append(comparison.answered(image, question, key, name))
        regions = any(one.facts.sees == "regions" for one in passings)
        stages = comparison.detected(image, key) if regions else ()
        yield "", comparison.drawn(passings, text, answers, stages, meetings)
    except ValueError as error:
        yield progress.note(sentence(error), trouble=True), gr.skip()


def opened(
    found: Found | None,
    measure: Measure,
    keys: tuple[Key, ...],
    key: Key | None,
    image: str | None,
    view: View = learned.VIEWS[0],
    link: Fields = NOTHING,
) -> tuple[Any, ...]:
    """The tab put on show: with a picture of ours, unless one is there."""
    drawn = *shown(found, measure), comparison.history(), small(view)
    if key is not None or image is not None:
        return *drawn, *(gr.skip() for _ in range(8))
    keys = keys or services.EXAMPLES
    choices = comparison.choices()
    first = gr.Dropdown(choices, value=link.get("one", "clip"))
    second = gr.Dropdown(choices, value=link.get("other", "vilt"))
    shown_first = link.get("picture", keys[0])
    text, question = said(shown_first)
    words = link.get("sentence", text), link.get("question", question)
    return *drawn, first, second, *words, *picker.shown(keys, shown_first)


def said(key: Key) -> tuple[str, str]:
    """A sentence and a question for a picture of ours."""
    return services.captions_of(key)[0], next(iter(services.suggestions(key)), "")


def build(tab: gr.Tab, place: Place) -> None:
    """Lay out the tab.

    Args:
        tab: it opens when this is selected.
        place: its side of links.
    """
    gr.HTML(INTRODUCTION, js_on_load=None, apply_default_css=False)
    with gr.Row(elem_classes="lab-controls"):
        measure = _switch(comparison.MEASURES, elem_id="measure")
        button = gr.Button("Measure on this machine", variant="primary", elem_id="measure-here")
        stop = gr.Button("Stop", visible=False, elem_id="stop-measuring")
    told = plain.html(elem_id="measuring")
    machine = plain.html(elem_id="measured-where")
    plain.heading(
        "Which part is the largest?",
        "The paper's figure 2: boxes are as high as shares of the cost.",
    )
    boxes = plain.plot("figure-2")
    plain.heading("How much in all?", "The paper's figure 1; its numbers are of another machine.")
    bars = plain.plot("figure-1")
    plain.heading(
        "Two models at work", "The sentence is cut as vilt-mini cuts it; weights are random."
    )
    with gr.Row(elem_classes="lab-columns"):
        with gr.Column(min_width=280, elem_classes="lab-side"):
            chosen = picker.build(label="Picture", height=230)
            text = gr.Textbox(
                label="Sentence", max_lines=4, elem_id="pair-sentence", elem_classes="lab-field"
            )
            question = gr.Textbox(
                label="Question", max_lines=2, elem_id="pair-question", elem_classes="lab-field"
            )
            first = gr.Dropdown(label="First model", elem_id="one", elem_classes="lab-field")
            second = gr.Dropdown(label="Second model", elem_id="other", elem_classes="lab-field")
            watch = gr.Button("Watch", variant="primary", elem_id="watch")
            halt = gr.Button("Stop", visible=False, elem_id="stop-watching")
        with gr.Column(min_width=320):
            status = plain.html(elem_id="watching")
            passage = gr.HTML(
                _WAITING,
                js_on_load=f"{meeting.script()}meetingView(element);",
                apply_default_css=False,
                elem_id="passage",
            )
    plain.heading(
        "What the small ones learned",
        "The same scenes, words and steps for all but vilt-mini, which learned longer and by more. "
        "None of these scenes was shown in a training; one run each.",
    )
    with gr.Row(elem_classes="lab-controls"):
        view = _switch(learned.VIEWS, elem_id="learned-columns")
    first_view = learned.VIEWS[0]
    pupils = _table(learned.headers(first_view), learned.types(first_view), elem_id="learned")
    plain.heading(
        "Table 6, again",
        "A click on a heading sorts. FLOPs here are two a multiplication and addition; the paper "
        "does not say how it counts.",
    )
    rows = _table(comparison.HEADERS, comparison.TYPES, elem_id="table-6")
    notes_shown = plain.html(elem_id="differences")
    plain.heading("A longer text, a larger picture", "A transformer of the base size alone.")
    growing = plain.plot("growth")
    plain.heading("From regions to patches", "Marks are as large as the paper's times.")
    history = plain.plot("history")

    state = gr.State(None)
    figures = [boxes, bars, growing, rows, notes_shown, machine]
    quiet = progress.unseen(told)

    def begin(found, measure, keys, key, image, view, link: Fields = NOTHING) -> tuple[Any, ...]:
        measure, view = link.get("measure", measure), link.get("columns", view)
        return measure, view, *opened(found, measure, keys, key, image, view, link)

    place.opens(
        tab.select,
        begin,
        [state, measure, chosen.keys, chosen.key, chosen.image, view],
        [measure, view, *figures, history, pupils, first, second, text, question, *chosen.outputs],
        **progress.waiting(told),
    )
    place.carries(
        [chosen.key, chosen.image, measure, view, text, question, first, second],
        lambda key, image, measure, view, text, question, first, second: {
            "measure": measure,
            "columns": view,
            "picture": links.shown(key, image),
            "sentence": text,
            "question": question,
            "one": first,
            "other": second,
        },
    )
    measure.change(switched, [state, measure], [boxes, bars], **quiet)
    view.change(small, view, pupils, **quiet)
    stoppable.wire(
        button, stop, measured, [measure], [state, told, *figures], told=told,
        one_at_a_time="measuring",
    )  # fmt: skip
    looked = [chosen.image, text, question, chosen.key, first, second]
    stoppable.wire(
        watch, halt, watched, looked, [status, passage], told=status, one_at_a_time="measuring"
    )
    _wire_pictures(chosen, [text, question], quiet)


def _switch(choices: Sequence[str], *, elem_id: str) -> gr.Radio:
    return gr.Radio(
        choices,
        value=choices[0],
        show_label=False,
        container=False,
        elem_id=elem_id,
        elem_classes="lab-switch",
    )


def _table(headers: Iterable[str], types: Sequence[str], *, elem_id: str) -> gr.Dataframe:
    return gr.Dataframe(
        headers=list(headers),
        datatype=list(types),  # pyright: ignore[reportArgumentType]
        interactive=False,
        show_label=False,
        max_height=760,
        elem_id=elem_id,
        elem_classes="lab-table",
    )


def _wire_pictures(chosen: picker.Picker, words: list[gr.Textbox], quiet: dict[str, Any]) -> None:
    def put(keys: tuple[Key, ...], key: Key) -> tuple[Any, ...]:
        return *said(key), *picker.shown(keys, key)

    def pick(keys: tuple[Key, ...], event: Event) -> tuple[Any, ...]:
        return put(keys, event.among(keys))

    def fresh(keys: tuple[Key, ...]) -> tuple[Any, ...]:
        return put(keys, services.another())

    def brought(keys: tuple[Key, ...]) -> tuple[Any, ...]:
        return picker.strip_value(keys, None), None

    counted = quiet | progress.in_order()
    chosen.strip.pick(pick, [chosen.keys], [*words, *chosen.outputs], **counted)
    chosen.strip.fresh(fresh, [chosen.keys], [*words, *chosen.outputs], **counted)
    chosen.image.input(brought, [chosen.keys], [chosen.strip, chosen.key], **quiet)
