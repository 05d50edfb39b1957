"""Tour: one picture and one sentence through the whole model, in eight stops."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from html import escape
from typing import Any

import gradio as gr

from app import journey, links, services
from app.components import chips, picker, plain, progress, touch
from app.components.events import Event
from app.components.linking import Place
from app.components.polite import sentence as one_sentence
from app.journey import Trip
from app.links import NOTHING, Fields
from app.services import Key
from app.stops import STOPS, Choice, Stop, begun
from app.theme import static

_LATEX: list[dict[str, str | bool]] = [
    {"left": "$$", "right": "$$", "display": True},
    {"left": "$", "right": "$", "display": False},
]
_RESIZE = "() => requestAnimationFrame(() => window.dispatchEvent(new Event('resize')))"
_LEAD = """() => {
  const steps = document.getElementById("tour-stops");
  if (steps.getBoundingClientRect().top < 0) steps.scrollIntoView();
  return {"__type__": "update", "selected": %d};
}"""
_GENERAL = {
    "stickers": ("A cat next to a red heart", "A picture of two dogs"),
    "photographs": ("A person in front of a building", "A table with a plate and a glass"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    """The components of one stop."""

    says: gr.HTML
    picture: gr.HTML
    tells: gr.HTML
    plots: list[gr.Plot]
    at: gr.Slider
    word: gr.Dropdown
    texts: list[gr.Textbox]
    formula: gr.Markdown
    quiz: gr.HTML
    options: gr.Radio
    verdict: gr.HTML
    proof: gr.Plot

    @property
    def drawing(self) -> list[Any]:
        """What a choice changes."""
        return [self.says, self.picture, self.tells, *self.plots]

    @property
    def everything(self) -> list[Any]:
        """What another picture or sentence changes."""
        asked = [self.formula, self.quiz, self.options, self.verdict, self.proof]
        return [*self.drawing, self.at, self.word, *self.texts, *asked]

    @property
    def chosen(self) -> list[Any]:
        """What the visitor chose."""
        return [self.at, self.word, *self.texts]


Input = tuple[
    str | None, str, Key | None, str
]  # a picture of one's own, a sentence, a key, a model


def drawn(stop: Stop, given: Input, choice: Choice) -> tuple[Any, ...]:
    """A stop at a choice: the values of ``_Stage.drawing``.

    Raises:
        ValueError: one sentence on what is wrong with what was given.
    """
    trip = journey.travelled(*given)
    found = stop.draw(trip, fitted(stop, trip, choice))
    return found.says, found.picture, found.tells, *found.plots


def fitted(stop: Stop, trip: Trip, choice: Choice) -> Choice:
    """The choice where the stop has such a place and such a word, else the nearest and the first.

    What was chosen beside one sentence may come with the next.
    """
    words = [value for _, value in stop.choices(trip)]
    word = choice.word if choice.word in words or not words else stop.opening(trip)
    return replace(choice, at=_within(stop, trip, choice.at), word=word)


def reached(stop: Stop, given: Input, part: int) -> int:
    """The value of the slider for a part of the picture that was clicked.

    Raises:
        ValueError: one sentence on what is wrong with what was given.
    """
    trip = journey.travelled(*given)
    return _within(stop, trip, stop.place(trip, part))


def _within(stop: Stop, trip: Trip, at: int) -> int:
    first, last, _ = stop.span(trip)
    return min(max(at, first), last)


def linked_to(stop: Stop, trip: Trip, link: Fields) -> Choice:
    """What a stop opens with: what the link says, and beyond that what it opens with anyway."""
    own = begun(stop, trip)
    texts = tuple(
        link.get(name, text) for name, text in zip(links.WRITTEN, own.texts, strict=False)
    )
    choice = Choice(at=link.get("at", own.at), word=link.get("choice", own.word), texts=texts)
    return fitted(stop, trip, choice)


def carried(stop: Stop, at: float, word: int | None, *texts: str | None) -> Fields:
    """What a link carries of a stop: its slider, what is chosen there, and what was written."""
    return {
        "at": None if stop.at is None else int(at),
        "choice": None if stop.word is None else word,
        **dict(zip(links.WRITTEN, texts, strict=False)),
    }


def entered(stop: Stop, given: Input, link: Fields = NOTHING) -> tuple[Any, ...]:
    """A stop as it opens: the values of ``_Stage.everything``.

    Args:
        stop: the one that is entered.
        given: what travels.
        link: what an address said of the stop.

    Raises:
        ValueError: one sentence on what is wrong with what was given.
    """
    trip = journey.travelled(*given)
    choice, quiz = linked_to(stop, trip, link), stop.quiz(trip)
    first, last, _ = stop.span(trip)
    formula = f"$$ {stop.equation} $$\n\n{stop.shapes(trip)}"
    return (
        *drawn(stop, given, choice),
        gr.Slider(
            minimum=first,
            maximum=max(last, first + 1),
            value=choice.at,
            interactive=first < last,
        ),
        gr.Dropdown(choices=stop.choices(trip), value=choice.word) if stop.word else gr.skip(),
        *choice.texts,
        formula,
        f"{quiz.picture}<p><b>Predict</b> <span>{escape(quiz.question)}</span></p>",
        gr.Radio(choices=list(quiz.options), value=None),
        "",
        gr.Plot(visible=False),
    )


def judged(stop: Stop, given: Input, answer: str | None) -> tuple[Any, ...]:
    """What a prediction was worth, and the proof of it, where there is a figure.

    Raises:
        ValueError: one sentence on what is wrong with what was given.
    """
    if answer is None:
        return "", gr.Plot(visible=False)
    quiz = stop.quiz(journey.travelled(*given))
    right = answer == quiz.right
    kept = ' translate="no"' if stop.verbatim else ""
    badge = "✓ right" if right else f"✗ it is: <span{kept}>{escape(quiz.right)}</span>"
    verdict = (
        f'<div class="lab-because" role="status"><span class="lab-badge '
        f'{"right" if right else "wrong"}">{badge}</span><p>{escape(quiz.because)}</p></div>'
    )
    figure = quiz.figure
    return verdict, gr.Plot(visible=figure is not None, value=figure)


def jumped(event: Event) -> gr.Walkthrough:
    """The step that was clicked put on show, which enters its stop."""
    return gr.Walkthrough(selected=event.among(range(len(STOPS))))


def _suggestions(key: Key | None, model: str) -> tuple[str, ...]:
    if key is not None:
        return services.captions_of(key)
    return _GENERAL["photographs" if services.knows_photographs(model) else "stickers"]


def opened(keys: tuple[Key, ...], key: Key, text: str | None = None) -> tuple[Any, ...]:
    """A picture of ours put on show with a sentence, its first caption unless given."""
    captions = services.captions_of(key)
    text = text or captions[0]
    return *picker.shown(keys, key), text, chips.value(captions, text)


def introduced(
    model: str, image: str | None, text: str, key: Key | None, link: Fields = NOTHING
) -> tuple[Any, ...]:
    """Another model speaks: it opens with a picture of its world, or travels with the user's."""
    keys = services.examples(model)
    if image is None or key is not None:
        return opened(keys, link.get("picture", keys[0]), link.get("sentence"))
    suggestions = chips.value(_suggestions(None, model), text)
    return picker.strip_value(keys, None), gr.skip(), None, keys, text, suggestions


def brought(keys: tuple[Key, ...], text: str, model: str) -> tuple[Any, ...]:
    """The user's own picture, or none."""
    suggestions = chips.value(_suggestions(None, model), text)
    return picker.strip_value(keys, None), None, suggestions


def build(speaker: gr.State, tab: gr.Tab, place: Place) -> None:
    """Lay out the tab.

    Args:
        speaker: the model that travels, by its name; the tab opens when it is first given one.
        tab: on being selected it fits its figures to the page.
        place: its side of links.
    """
    with gr.Row(elem_classes="lab-columns"):
        with gr.Column(min_width=280, elem_classes="lab-side"):
            chosen = picker.build(label="Picture", height=230)
            text = gr.Textbox(
                label="Sentence",
                placeholder="Describe the picture, in English",
                max_lines=4,
                elem_id="tour-sentence",
                elem_classes="lab-field",
            )
            suggestions = chips.build(label="Suggested sentences")
            button = gr.Button("Follow them", variant="primary", elem_id="tour-go")
        with gr.Column(min_width=320):
            told = touch.html(elem_id="tour-told")
            ahead = gr.HTML(
                "",
                js_on_load=static("stops.js"),
                apply_default_css=False,
                elem_classes="lab-unseen",
            )
            with gr.Walkthrough(selected=0, elem_id="tour-stops", elem_classes="lab-walk") as walk:
                steps, stages, turns = [], [], []
                for at, stop in enumerate(STOPS):
                    with gr.Step(stop.name, id=at) as step:
                        stages.append(_stage(stop, at))
                        turns.append(_turns(at))
                    steps.append(step)
    current = gr.State(0)
    followed = gr.State(None)  # what the stops show, whatever is typed meanwhile
    linked = gr.State({})  # what an address said of one stop, for one picture and one sentence
    given = [chosen.image, text, chosen.key, speaker]
    every = [component for stage in stages for component in stage.everything]
    quiet = progress.waiting(told)
    unseen = progress.unseen(told)
    counted = quiet | progress.in_order()

    def enter(place: int, linked: Fields, *given: Any) -> tuple[Any, ...]:
        if given[3] is None:  # no model was chosen yet
            return "", *(gr.skip() for _ in (followed, *every))
        try:
            _, text, key, _ = given
            here = (place, text, key) == tuple(map(linked.get, ("place", "sentence", "picture")))
            link = linked if here else NOTHING
            found = entered(STOPS[place], given, link)  # pyright: ignore[reportArgumentType]
        except ValueError as error:
            note = progress.note(one_sentence(error), trouble=True)
            return note, *(gr.skip() for _ in (followed, *every))
        before = sum(len(stage.everything) for stage in stages[:place])
        after = len(every) - before - len(found)
        return (
            "",
            given,
            *(gr.skip() for _ in range(before)),
            *found,
            *(gr.skip() for _ in range(after)),
        )

    def entering(event: Any) -> None:
        event.then(enter, [current, linked, *given], [told, followed, *every], **counted)

    def reach(place: int, linked: Fields, *given: Any) -> tuple[Any, ...]:
        return place, *enter(place, linked, *given)

    def pick(keys: tuple[Key, ...], event: Event) -> tuple[Any, ...]:
        return opened(keys, event.among(keys))

    def suggest(key: Key | None, model: str, event: Event) -> tuple[Any, ...]:
        return event.text, chips.value(_suggestions(key, model), event.text)

    shown = [*chosen.outputs, text, suggestions]

    def introduce(model, image, text, key, current, link: Fields = NOTHING) -> tuple[Any, ...]:
        stop = link.get("stop", current + 1) - 1
        walked = gr.Walkthrough(selected=stop) if stop != current else gr.skip()
        found = introduced(model, image, text, key, link)
        _, _, key, _, text, _ = found
        linked = {**link, "place": stop, "sentence": text, "picture": key}
        return *found, stop, linked, walked

    entering(
        place.opens(
            speaker.change,
            introduce,
            [speaker, chosen.image, text, chosen.key, current],
            [*shown, current, linked, walk],
            **quiet,
        )
    )

    def carry(key, image, text, current, *chosen: Any) -> Fields:
        before = sum(len(stage.chosen) for stage in stages[:current])
        own = chosen[before : before + len(stages[current].chosen)]
        return {
            "picture": links.shown(key, image),
            "sentence": text,
            "stop": current + 1,
            **carried(STOPS[current], *own),
        }

    place.carries(
        [
            chosen.key,
            chosen.image,
            text,
            current,
            *(one for stage in stages for one in stage.chosen),
        ],
        carry,
    )
    entering(chosen.strip.pick(pick, chosen.keys, shown, **counted))
    entering(
        chosen.strip.fresh(
            lambda keys: opened(keys, services.another()), chosen.keys, shown, **counted
        )
    )
    entering(
        chosen.image.input(
            brought,
            [chosen.keys, text, speaker],
            [chosen.strip, chosen.key, suggestions],
            **counted,
        )
    )
    entering(suggestions.pick(suggest, [chosen.key, speaker], [text, suggestions], **counted))
    gr.on(
        [button.click, text.submit],
        enter,
        [current, linked, *given],
        [told, followed, *every],
        **counted,
    )
    # What was drawn while another tab was on show took no notice of the room that there is.
    tab.select(None, None, None, js=_RESIZE, api_visibility="private")
    ahead.pick(jumped, None, walk, **unseen, **progress.in_order())
    for at, (stop, step, stage) in enumerate(zip(STOPS, steps, stages, strict=True)):
        _wire(stop, stage, followed, told, quiet)
        # One line for all steps: whoever walks on quickly stands where they clicked last.
        step.select(
            partial(reach, at),
            [linked, *given],
            [current, told, followed, *every],
            concurrency_id="steps",
            **counted,
        )
        for leads in turns:
            if at in leads:  # by the page itself: the step that it selects is entered by the above
                leads[at].click(None, None, walk, js=_LEAD % at, **unseen)


def _stage(stop: Stop, place: int) -> _Stage:
    """The components of a stop, laid out."""
    kept = ["notranslate"] if stop.verbatim else []
    touch.html(f'<div class="lab-stop"><h3>{stop.title}</h3></div>')
    says = touch.html(elem_id=f"stop-{place}-says")
    with gr.Row(elem_classes="lab-stage"):
        with gr.Column(min_width=280, scale=4):
            picture = touch.build(elem_id=f"stop-{place}-picture", elem_classes="lab-see")
            with nullcontext() if stop.plots else gr.Row(elem_classes="lab-asked"):
                at, word, texts = _controls(stop, place)
        with gr.Column(min_width=280, scale=5, visible=stop.plots > 0):
            tells = touch.html(elem_id=f"stop-{place}-tells")
            plots = [
                plain.plot(f"stop-{place}-plot-{number}", "lab-fit") for number in range(stop.plots)
            ]
    touch.html(f'<p class="lab-try"><b>Try</b> {stop.hint}</p>')
    with gr.Row(elem_classes="lab-stage"):
        with gr.Column(min_width=280, elem_classes="lab-paper"):
            formula = gr.Markdown(latex_delimiters=_LATEX, elem_id=f"stop-{place}-formula")
        with gr.Column(min_width=280, elem_classes="lab-paper"):
            quiz = touch.html(elem_id=f"stop-{place}-quiz", elem_classes="lab-quiz")
            options = gr.Radio(
                [],
                show_label=False,
                container=False,
                elem_id=f"stop-{place}-options",
                elem_classes=["lab-switch", *kept],
            )
            verdict = touch.html(elem_id=f"stop-{place}-verdict")
            proof = plain.plot(f"stop-{place}-proof", "lab-fit", visible=False)
    return _Stage(
        says=says,
        picture=picture,
        tells=tells,
        plots=plots,
        at=at,
        word=word,
        texts=texts,
        formula=formula,
        quiz=quiz,
        options=options,
        verdict=verdict,
        proof=proof,
    )


def _controls(stop: Stop, place: int) -> tuple[gr.Slider, gr.Dropdown, list[gr.Textbox]]:
    at = gr.Slider(
        0,
        1,
        0,
        step=1,
        label=stop.at or "",
        visible=stop.at is not None,
        elem_id=f"stop-{place}-at",
        elem_classes="lab-field",
    )
    word = gr.Dropdown(
        label=stop.word or "",
        visible=stop.word is not None,
        elem_id=f"stop-{place}-word",
        elem_classes="lab-field",
    )
    texts = [
        gr.Textbox(
            label=label,
            max_lines=2,
            elem_id=f"stop-{place}-text-{number}",
            elem_classes="lab-field",
        )
        for number, label in enumerate(stop.texts)
    ]
    return at, word, texts


def _turns(place: int) -> dict[int, gr.Button]:
    """Buttons to the stops before and after, by where they lead."""
    found = {}
    with gr.Row(elem_classes="lab-turns"):
        if place > 0:
            found[place - 1] = gr.Button(f"← {STOPS[place - 1].name}")
        if place + 1 < len(STOPS):
            found[place + 1] = gr.Button(f"{STOPS[place + 1].name} →", variant="primary")
    return found


def _wire(
    stop: Stop,
    stage: _Stage,
    followed: gr.State,
    told: gr.HTML,
    quiet: dict[str, Any],
) -> None:
    """What happens when something is chosen at a stop: it is about what was followed."""

    def answered(found: Callable[[], tuple[Any, ...]], outputs: int) -> tuple[Any, ...]:
        try:
            return "", *found()
        except ValueError as error:
            note = progress.note(one_sentence(error), trouble=True)
            return note, *(gr.skip() for _ in range(outputs))

    def draw(given: Input | None, at: float, word: Any, *texts: str | None) -> tuple[Any, ...]:
        if given is None:
            return "", *(gr.skip() for _ in stage.drawing)
        written = tuple(text or "" for text in texts)
        return answered(
            lambda: drawn(stop, given, Choice(at=int(at), word=word or 0, texts=written)),
            len(stage.drawing),
        )

    def judge(given: Input | None, answer: str | None) -> tuple[Any, ...]:
        if given is None:
            return "", gr.skip(), gr.skip()
        return answered(lambda: judged(stop, given, answer), 2)

    def pick(given: Input | None, event: Event) -> tuple[Any, ...]:
        if given is None:
            return "", gr.skip()
        return answered(lambda: (reached(stop, given, event.place),), 1)

    redraw: dict[str, Any] = {
        "fn": draw,
        "inputs": [followed, *stage.chosen],
        "outputs": [told, *stage.drawing],
        "trigger_mode": "always_last",
        **quiet,
    }
    if stop.at is not None:
        stage.at.input(**redraw)
    if stop.word is not None:
        stage.word.input(**redraw)
    for box in stage.texts:
        box.submit(**redraw)
    if stop.touched:
        stage.picture.pick(pick, followed, [told, stage.at], **quiet, **progress.in_order()).then(
            **redraw
        )
    stage.options.input(
        judge, [followed, stage.options], [told, stage.verdict, stage.proof], **quiet
    )
