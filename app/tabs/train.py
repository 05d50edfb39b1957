"""Train: a small ViLT learns while one watches, and its words find their stickers."""

import time
from collections.abc import Iterator
from html import escape
from typing import Any

import gradio as gr

from app import training
from app.components import emergence, plain, progress
from app.components.events import Event
from app.components.linking import Place
from app.components.polite import sentence
from app.links import NOTHING, Fields
from app.training import Run, Told

INTRODUCTION = """
<div class="lab-intro"><h2>Watch an alignment come into being</h2><p>A ViLT of 300,000 parameters
starts from nothing in a corner of the sticker world: a few kinds of stickers, two in a picture, and
sentences about them. Nobody tells it where anything is. Masked words, matching and word-patch
alignment are all that it learns by, and within some hundred steps most words find their
stickers.</p></div>
"""
OBJECTIVES = [
    ("Masked words (MLM)", "mlm"),
    ("Matching (ITM)", "itm"),
    ("Alignment (WPA)", "wpa"),
]
WHOLE, PIECES = "whole words", "single pieces"
UNITS = {"word": WHOLE, "piece": PIECES}  # by what a link calls them
FIELDS = ("steps", "objectives", "unit", "kinds", "rate", "batch", "weight", "seed")
_REDRAWN = 2.0  # seconds between two drawings of the losses, between snapshots
_OTHERS = 8  # visitors whose wait in the queue is told


def started(
    steps: float,
    objectives: list[str],
    unit: str,
    kinds: int,
    rate: float,
    batch: float,
    weight: float,
    seed: float | None,
) -> Iterator[tuple[Any, ...]]:
    """A new training, until its end; or why there is none, in one sentence."""
    try:
        run = Run(
            training.chosen(
                steps=steps,
                objectives=objectives,
                pieces=unit == PIECES,
                rate=rate,
                batch=batch,
                kinds=kinds,
                weight=weight,
                seed=seed,
            )
        )
    except ValueError as error:
        yield gr.skip(), _wrong(error), *(gr.skip(),) * 9
        return
    yield from followed(run, int(steps))


def continued(run: Run | None, steps: float) -> Iterator[tuple[Any, ...]]:
    """The training that was stopped or has ended, for longer."""
    try:
        if run is None:
            raise ValueError("there is nothing to go on from: start a training")
        training.further(run, int(steps))
    except ValueError as error:
        yield gr.skip(), _wrong(error), *(gr.skip(),) * 9
        return
    yield from followed(run, int(steps))


def followed(run: Run, steps: int) -> Iterator[tuple[Any, ...]]:
    """What the page shows of a run, again and again until it ends; ``steps`` might come then."""
    drawn = 0.0
    begun = progress.bar("Starting", run.reached, run.choices.steps)
    curves = gr.skip(), gr.skip()  # they take longer to draw
    yield run, begun, *curves, training.view(run), *_turned(True), gr.Column(visible=True)
    for told in training.trained(run):
        losses, scores, view = gr.skip(), gr.skip(), gr.skip()
        if told.fresh or not drawn:
            losses, scores, view = training.losses(run), training.scores(run), training.view(run)
            drawn = time.monotonic()
        elif run.steps and time.monotonic() - drawn > _REDRAWN:
            losses, drawn = training.losses(run), time.monotonic()
        buttons = _turned(not told.ended, run, steps)
        yield run, _status(told), losses, scores, view, *buttons, gr.skip()


def _status(told: Told) -> str:
    if told.ended:
        return progress.note(told.says, trouble=told.trouble)
    return progress.bar(told.says, told.done, told.total)


def _wrong(error: ValueError) -> str:
    return progress.note(sentence(error), trouble=True)


def onward(run: Run, steps: float) -> str:
    """What the button to go on says: to the end of what was stopped, else for how much longer."""
    if run.reached < run.choices.steps:
        return f"Go on to step {run.choices.steps}"
    return f"Train {int(steps)} steps more"


def _turned(working: bool, run: Run | None = None, steps: int = 0) -> tuple[Any, ...]:
    """The buttons: to start or to stop, and to go on where there is something to go on from."""
    further = None if working or run is None or not run.reached else run
    return (
        gr.Button(visible=not working),
        gr.Button(visible=working, interactive=True),
        gr.Button(onward(further, steps), visible=True) if further else gr.Button(visible=False),
        gr.DownloadButton(visible=False),
        "",
    )


def renamed(run: Run | None, steps: float) -> Any:
    """The button to go on, where another number of steps is chosen."""
    return gr.skip() if run is None else gr.Button(onward(run, steps))


def stopped(run: Run | None) -> dict[str, Any] | Any:
    """Ask a training to keep what it has and to end."""
    if run is not None:
        run.stop()
    return gr.Button(interactive=False)


def kept(run: Run | None, step: int) -> tuple[Any, str]:
    """A snapshot as a file, and how it is opened."""
    try:
        if run is None:
            raise ValueError("there is nothing to keep: start a training")
        file = training.packed(run, step)
    except ValueError as error:
        return gr.DownloadButton(visible=False), _wrong(error)
    size = file.stat().st_size / 1e6
    button = gr.DownloadButton(f"Download {file.name}", value=str(file), visible=True)
    return button, (
        f'<p class="lab-told">{escape(file.name)} has {size:.1f} MB: weights (safetensors), words '
        "and settings. Unpack it beside your script or notebook, and "
        f'<code>model = vilt_core.load("{escape(file.stem)}")</code> opens it. It stays on this '
        "server until others have trained; the file is yours.</p>"
    )


def introduced(*, link: Fields = NOTHING) -> tuple[Any, ...]:
    """The tab put on show: with the settings of a link, else as they are."""
    found = {**link}
    if "objectives" in found:
        found["objectives"] = list(found["objectives"])
    if "unit" in found:
        found["unit"] = UNITS[found["unit"]]
    return tuple(found.get(name, gr.skip()) for name in FIELDS)


def carried(
    steps: float,
    objectives: list[str],
    unit: str,
    kinds: int,
    rate: float,
    batch: float,
    weight: float,
    seed: float | None,
) -> Fields:
    """What a link to these settings carries.

    Raises:
        ValueError: a training would not take them.
    """
    choices = training.chosen(
        steps=steps,
        objectives=objectives,
        pieces=unit == PIECES,
        rate=rate,
        batch=batch,
        kinds=kinds,
        weight=weight,
        seed=seed,
    )
    return {
        "steps": choices.steps,
        "objectives": tuple(name for name in training.OBJECTIVES if name in objectives),
        "unit": choices.mask_unit,
        "kinds": kinds,
        "rate": rate,
        "batch": choices.batch_size,
        "weight": float(weight),
        "seed": choices.seed,
    }


def build(tab: gr.Tab, place: Place) -> None:
    """Lay out the tab.

    Args:
        tab: it opens when this is selected.
        place: its side of links.
    """
    plain.html(INTRODUCTION)
    with gr.Row(elem_classes="lab-columns"):
        with gr.Column(min_width=280, elem_classes="lab-side"):
            choices = _choices()
        with gr.Column(min_width=320, elem_classes="lab-bare"):
            with gr.Row(elem_classes="lab-controls"):
                start = gr.Button("Start training", variant="primary", elem_id="train-start")
                stop = gr.Button(
                    "Stop and keep", visible=False, elem_id="train-stop", elem_classes="lab-plain"
                )
                on = gr.Button("Go on", visible=False, elem_id="train-on", elem_classes="lab-plain")
            told = plain.html(elem_id="train-told")
            view = emergence.build(elem_id="emergence")
            with gr.Row(elem_classes="lab-controls"):
                file = gr.DownloadButton("Download", visible=False, elem_id="train-file")
            opens = plain.html(elem_id="train-opens")
    with gr.Column(visible=False) as curves:
        plain.heading(
            "On scenes that it never saw",
            "Dotted: by guessing. Dashed: nouns found without the picture, and words that lie on "
            "any sticker: what is above it was learned by looking.",
        )
        scores = plain.plot("train-scores", "lab-fit")
        plain.heading(
            "Losses", "Dotted: a model that knows nothing. Alignment may fall below zero."
        )
        losses = plain.plot("train-losses", "lab-fit")

    quiet = progress.unseen(told)
    place.opens(
        tab.select,
        introduced,
        [],
        choices,
        **quiet,
    )
    place.carries(choices, carried)

    run = gr.State(None, time_to_live=24 * 3600, delete_callback=_left)
    shown = [run, told, losses, scores, view, start, stop, on, file, opens, curves]
    waiting: dict[str, Any] = {"concurrency_limit": _OTHERS, "concurrency_id": "training"}
    placed = progress.waiting(told)
    for begun in (
        start.click(started, choices, shown, **waiting, **placed),
        on.click(continued, [run, choices[0]], shown, **waiting, **placed),
    ):
        turned = [start, stop, on, file, opens]
        begun.failure(
            lambda run, steps: _turned(False, run, steps), [run, choices[0]], turned, **quiet
        )
    choices[0].change(renamed, [run, choices[0]], on, **quiet)
    stop.click(stopped, run, stop, queue=False, **quiet)

    def keep(run: Run | None, event: Event) -> tuple[Any, str]:
        return kept(run, event.step)

    view.keep(keep, run, [file, opens], **quiet)


def _left(run: Run | None) -> None:
    """A page is gone, and what it kept with it."""
    if run is not None:
        run.forget()


def _choices() -> list[Any]:
    """What a visitor chooses, in the order of ``started``."""
    field = "lab-field"
    steps = gr.Slider(
        *training.STEPS, 400, step=50, label="Steps", elem_id="train-steps", elem_classes=field
    )
    objectives = gr.CheckboxGroup(
        OBJECTIVES,
        value=[name for _, name in OBJECTIVES],
        label="Objectives",
        elem_id="train-objectives",
        elem_classes=[field, "lab-switch"],
    )
    unit = gr.Radio(
        [WHOLE, PIECES],
        value=WHOLE,
        label="Masks hide",
        elem_id="train-unit",
        elem_classes=[field, "lab-switch"],
    )
    kinds = gr.Radio(
        [(f"{kinds} kinds", kinds) for kinds in training.KINDS],
        value=6,
        label="Stickers of the world",
        elem_id="train-kinds",
        elem_classes=[field, "lab-switch"],
    )
    with gr.Accordion("More settings", open=False):
        rate = gr.Radio(
            [(f"{rate:g}", rate) for rate in training.RATES],
            value=2e-3,
            label="Learning rate",
            elem_id="train-rate",
            elem_classes=[field, "lab-switch"],
        )
        batch = gr.Slider(
            *training.BATCHES, 64, step=16, label="Batch", elem_id="train-batch", elem_classes=field
        )
        weight = gr.Slider(
            *training.WEIGHTS,
            1.0,
            step=0.1,
            label="Weight of alignment",
            info="The paper's is 0.1, over far longer trainings",
            elem_classes=field,
        )
        seed = gr.Number(0, precision=0, label="Seed", elem_id="train-seed", elem_classes=field)
    return [steps, objectives, unit, kinds, rate, batch, weight, seed]
