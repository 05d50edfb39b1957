"""What the Compare tab shows: costs measured before or here, the paper's, two models at work.

torch and plotly are imported on first use, so that the page is there before them.
"""

import json
import os
import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from app import services
from app.services import Key

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from PIL.Image import Image

    from vilt_core.bench.families import Step
    from vilt_core.evaluation.encounter import Encounter, Looks
    from vilt_core.evaluation.families import Size
    from vilt_core.evaluation.passing import Passing
    from vilt_core.layers.detector import Detector
    from vilt_core.predictor import Predictor
    from vilt_core.viz.passage import Answered, Detected, Meeting

_T = TypeVar("_T")
Found = dict[str, Any]  # what ``python -m vilt_core bench families`` writes
Measure = Literal["Time", "FLOPs", "Parameters"]

SHIPPED = Path(__file__).resolve().parents[1] / "assets" / "families.json"
MEASURES: tuple[Measure, ...] = ("Time", "FLOPs", "Parameters")
HEADERS = (
    "Model", "Year", "Kind", "Tokens", "Tokens, paper", "M parameters", "paper", "GFLOPs",
    "paper ", "ms", "ms, paper",
)  # fmt: skip
TYPES = ("str", "number", "str", "str", "str", *("number",) * 6)
_BEAT = 0.5  # seconds between two chances to stop
NOTES = {"regions": "A detector of random weights finds nothing: its boxes are anybody's guess."}


def size() -> "Size":
    """VILT_LAB_REHEARSAL makes everything small, to see that all of it runs."""
    return "mini" if os.environ.get("VILT_LAB_REHEARSAL") else "published"


# Work that takes minutes, and that one may leave.


class _LeftError(Exception):
    """Nobody waits for it any longer."""


def _attended(work: Callable[[Callable[[], None]], Iterator[_T]]) -> Generator[_T | None]:
    """What work gives, and None again and again while it gives nothing: one may stop there.

    Args:
        work: is given what to call from time to time; where nobody listens any more, that ends it.
    """
    left, there, end = threading.Event(), queue.SimpleQueue[Any](), object()

    def between() -> None:
        if left.is_set():
            raise _LeftError

    def run() -> None:
        try:
            for one in work(between):
                there.put(one)
                between()
        finally:
            there.put(end)

    pool = ThreadPoolExecutor(1, thread_name_prefix="attended")
    running = pool.submit(run)
    try:
        while True:
            try:
                found = there.get(timeout=_BEAT)
            except queue.Empty:
                yield None
                continue
            if found is end:
                running.result()  # raises what the work has raised
                return
            yield found
    finally:
        left.set()
        pool.shutdown(wait=False)


# Measured before, and here.


@lru_cache(maxsize=1)
def shipped() -> Found:
    """What was measured once, elsewhere; it says where."""
    return json.loads(SHIPPED.read_text(encoding="utf-8"))


def steps() -> "Generator[Step | None]":
    """Measure all of it on this machine, one thing at a time; None while one takes its time.

    Whoever stops listening ends it before a model's next run.
    """
    from vilt_core.bench import setting_of
    from vilt_core.bench.families import family_steps

    setting = setting_of("auto", rehearsal=size() == "mini")
    return _attended(lambda between: family_steps(setting, between=between))


def where(found: Found) -> str:
    """On which machine, how busy, and what must be known of it."""
    threads = f"{found['threads']} thread{'' if found['threads'] == 1 else 's'}"
    place = "Measured before, on" if found is shipped() else "Measured on this machine,"
    said = [f"{place} {found['hardware']}, {threads}; {found['company']}.", *found["notes"]]
    return " ".join(said)


# Figures and the table.


def figures(found: Found, measure: Measure) -> tuple["go.Figure", "go.Figure"]:
    """The paper's figure 2, then its figure 1.

    Raises:
        ValueError: nothing is measured yet.
    """
    from vilt_core.bench.families_figure import UNITS, figure_1, parts_of
    from vilt_core.evaluation.papers import KINDS
    from vilt_core.viz.families import proportions

    kinds: dict[str, str] = {**KINDS}
    here = "Measured before" if found is shipped() else "Measured here"
    boxes = proportions(parts_of(found, measure), kinds=kinds, unit=UNITS[measure])
    return boxes, figure_1(found, measure, here=here)


def growth(found: Found) -> "go.Figure":
    """How time grows with tokens, and with the picture."""
    import numpy as np

    from vilt_core.evaluation.scaling import SHORT
    from vilt_core.viz.growth import growth_curves

    def of(points: Sequence[dict[str, Any]], field: str, unit: float = 1.0) -> "np.ndarray":
        return unit * np.array([point[field] for point in points], dtype=float)

    tokens, sides = found["tokens"], found["sides"]
    return growth_curves(
        [point["tokens"] for point in tokens],
        of(tokens, "milliseconds"),
        of(tokens, "flops", 1e-9),
        sides=[point["side"] for point in sides],
        side_milliseconds=of(sides, "milliseconds"),
        side_gflops=of(sides, "flops", 1e-9),
        short=SHORT,
    )


def history() -> "go.Figure":
    """When the models came and how they see, those of Table 6 that the lab lacks among them."""
    from vilt_core.evaluation.families import families
    from vilt_core.evaluation.papers import FACTS, SEES, TABLE_6, date_of
    from vilt_core.viz.timeline import Paper, timeline

    here = [FACTS[name] for name in families()]
    papers = [
        Paper(
            title=facts.title,
            date=facts.date,
            sees=facts.sees,
            milliseconds=None if facts.row is None else float(facts.row.milliseconds),
            here=True,
            says=facts.paper,
        )
        for facts in here
    ]
    papers += [
        Paper(
            title=title,
            date=date_of(row.arxiv),
            sees=SEES.get(title, "regions"),
            milliseconds=float(row.milliseconds),
            here=False,
            says=f"arXiv:{row.arxiv}",
        )
        for title, row in TABLE_6.items()
        if title not in {facts.title for facts in here}
    ]
    return timeline(papers)


def table(found: Found) -> list[list[Any]]:
    """Table 6 again, what was measured beside what the paper says; under ``HEADERS``."""
    from vilt_core.evaluation.papers import FACTS, TABLE_6, date_of

    published = found["size"] == "published"
    rows, told = [], set()
    for one in found["families"]:
        facts, counted = FACTS[one["name"]], one["counted"]
        row = facts.row if published else None
        told.add(facts.title)
        tokens = f"{one['patches']} + {one['text_tokens']}"
        measured = (
            round(counted["parameters"] / 1e6, 1),
            round(counted["flops"] / 1e9, 1),
            round(counted["milliseconds"], 1),
        )
        rows.append(_row(facts.title, facts.date, f"({facts.kind})", tokens, measured, row))
    for title, row in TABLE_6.items():
        if published and title not in told:
            rows.append(_row(title, date_of(row.arxiv), "(c)", "", ("", "", ""), row))
    return rows


def _row(
    title: str, date: str, kind: str, tokens: str, measured: tuple[Any, ...], row: Any
) -> list[Any]:
    theirs = ("", "", "", "")
    if row is not None:
        theirs = (row.tokens, row.parameters, row.gflops, row.milliseconds)
    pairs = [number for both in zip(measured, theirs[1:], strict=True) for number in both]
    return [title, int(date[:4]), kind, tokens, theirs[0], *pairs]


def differences(found: Found) -> list[tuple[str, str]]:
    """Why numbers are not the paper's, a sentence a model; and what the detectors cost alone."""
    from vilt_core.evaluation.papers import FACTS

    if found["size"] != "published":
        return []
    models = [(FACTS[one["name"]].title, FACTS[one["name"]].differs) for one in found["families"]]
    alone = [
        f"{one['name']} {one['parameters'] / 1e6:.1f} M, {one['flops'] / 1e9:,.0f} GFLOPs, "
        f"{one['milliseconds'] / 1e3:.1f} s."
        for one in found.get("detectors", [])
    ]
    return [*models, ("The detectors alone", " ".join(alone))] if alone else models


# Two models at work.


def choices() -> list[tuple[str, str]]:
    """Titles and names of the models that can be watched."""
    from vilt_core.evaluation.families import families
    from vilt_core.evaluation.papers import FACTS

    return [(FACTS[name].title, name) for name in families()]


def title_of(name: str) -> str:
    """Of a model.

    Raises:
        ValueError: no such model.
    """
    titles = {one: title for title, one in choices()}
    if name not in titles:
        raise ValueError(f"model must be one of {', '.join(titles)}, got {name!r:.60}")
    return titles[name]


def watched(
    image: str | None,
    sentence: str,
    key: Key | None,
    name: str,
    between: Callable[[], None] | None = None,
) -> "Passing":
    """One picture and one sentence sent through one model of random weights.

    Args:
        image: the user's own.
        sentence: that goes with it.
        key: a picture of ours.
        name: of the model.
        between: called before each stage of the model; what it raises ends all of this.

    Raises:
        ValueError: one sentence on what is wrong with the picture, the sentence or the model.
    """
    from vilt_core.data.image import open_image
    from vilt_core.evaluation.passing import pass_through

    title_of(name)
    tokenizer = services.predictor().tokenizer
    ids = tokenizer.encode([tokenizer.check(sentence, noun="sentence")]).batch.ids[0].tolist()
    seen = open_image(services.seen_by_model(image, key, side=services.PICTURE_SIDE))
    return pass_through(name, seen, ids, size=size(), between=between)


def attended(
    image: str | None, sentence: str, key: Key | None, name: str
) -> "Generator[Passing | None]":
    """The same, with None again and again until it is there.

    Whoever stops listening ends it before the model's next stage: a detector of the published size
    takes minutes.

    Raises:
        ValueError: as ``watched`` does.
    """
    return _attended(lambda between: iter((watched(image, sentence, key, name, between),)))


DETECTOR = "detector-mini"


@lru_cache(maxsize=1)
def _detector() -> "tuple[int, Detector]":
    """The detector that ships, and the side of the pictures that it knows."""
    from vilt_core.interop.detectors import load_detector
    from vilt_core.interop.folders import SHIPPED as MODELS

    config, detector = load_detector(MODELS / DETECTOR)
    return config.shorter, detector


def detected(image: str | None, key: Key | None) -> "tuple[Detected, ...]":
    """What the detector of stickers has of a picture at its three stages.

    Raises:
        ValueError: one sentence on what is wrong with the picture.
    """
    import torch

    from vilt_core.data.image import open_image, to_pixels
    from vilt_core.types import ImageBatch
    from vilt_core.viz.passage import Detected
    from vilt_core.world.sprites import sprites

    side, detector = _detector()
    seen = open_image(services.seen_by_model(image, key, side=services.PICTURE_SIDE))
    pixels = to_pixels(seen, size=side, patch_size=1)
    with torch.no_grad():
        (sight,) = detector.look(ImageBatch(pixels=pixels[None]))
    labels = [sprites()[place - 1].label for place in sight.classes.tolist()]
    names = [
        f"{label} {100 * sure:.0f} %"
        for label, sure in zip(labels, sight.scores.tolist(), strict=True)
    ]
    stages = (("proposed", sight.ranked), ("left by NMS", sight.proposals), ("kept", sight.boxes))
    return tuple(
        Detected(
            says=f"{len(boxes)} {what}",
            boxes=tuple(tuple(box) for box in boxes.tolist()),
            names=names if what == "kept" else (),
        )
        for what, boxes in stages
    )


def trained() -> dict[str, tuple[str, ...]]:
    """The small trained models of each family that ship, by the family's name.

    The first was trained as those of all other families were. ViLT has one more, which was taught
    longer and with more.
    """
    from vilt_core.evaluation.families import families
    from vilt_core.interop.folders import SHIPPED as MODELS

    there = {path.parent.name for path in MODELS.glob("*/tokenizer.json")}
    stems = {family: family.split("-")[0] for family in families()}
    names = {family: (f"{stem}-plain-mini", f"{stem}-mini") for family, stem in stems.items()}
    found = {family: tuple(n for n in both if n in there) for family, both in names.items()}
    return {family: models for family, models in found.items() if models}


@lru_cache(maxsize=8)
def _sister(name: str) -> "Predictor":
    import vilt_core

    return vilt_core.load(name)


def answered(
    image: str | None, question: str, key: Key | None, family: str
) -> tuple["Answered", ...]:
    """What the trained small models of a family answer; nothing if there are none.

    Raises:
        ValueError: one sentence on what is wrong with the picture or the question.
    """
    from vilt_core.viz.passage import Answered

    if not question.strip():
        return ()
    said = []
    for name in trained().get(family, ()):
        model = _sister(name)
        seen = services.seen_by_model(image, key, side=model.image_size)
        found = model.answer(seen, question, top_k=3)
        pairs = tuple((answer.text, answer.probability) for answer in found)
        said.append(Answered(by=name, answers=pairs, longer=bool(said)))
    return tuple(said)


def check_question(question: str, families: Iterable[str]) -> None:
    """Refuse a question that the trained small models of some families could not read.

    Raises:
        ValueError: one sentence on what is wrong with it.
    """
    if not question.strip():
        return
    for family in families:
        for name in trained().get(family, ()):
            _sister(name).tokenizer.check(question, noun="question")


def met(image: str | None, sentence: str, key: Key | None, family: str) -> tuple["Meeting", ...]:
    """How a picture and a sentence meet in the trained small models of a family.

    They are read by themselves, with their attention kept: nothing of this is timed.

    Raises:
        ValueError: one sentence on what is wrong with the picture or the sentence.
    """
    from vilt_core.evaluation.papers import FACTS
    from vilt_core.viz.passage import Meeting

    noun = {"regions": "regions", "grid": "cells", "patches": "patches"}[FACTS[family].sees]
    found = []
    for name in trained().get(family, ()):
        model = _sister(name)
        source = services.seen_by_model(image, key, side=model.image_size)
        meeting = model.meet(source, sentence)
        found.append(
            Meeting(
                by=name,
                says=_how(meeting.looks),
                figure=_figure(meeting, model.seen(source), noun=noun),
                result=_came_of(meeting),
                longer=bool(found),
            )
        )
    return tuple(found)


def _how(looks: "Looks | None") -> list[str]:
    """What a matrix of looks is of."""
    if looks is None:
        return []
    place = f"{looks.layers} of {looks.layers}, mean over {looks.heads} heads."
    where = {
        "joint": f"Layer {place}",
        "across": f"Meeting {place}",
        "stacked": "No layer and no parameter: a softmax over cosines.",
    }[looks.how]
    return [where, "Each row is one that looks; what it looks at adds up to 100 %."]


def _came_of(meeting: "Encounter") -> list[str]:
    """What a model concludes; of two vectors the figure tells."""
    if meeting.matched is not None:
        return [f"Its matching head: {100 * meeting.matched:.1f} % that both belong together."]
    if meeting.looks is None or meeting.score is None:
        return []
    who = {"text": "words", "image": "regions"}
    said = [
        f"What {who[side]} found counts {value:.3f}."
        for side, value in meeting.looks.pooled.items()
    ]
    return [*said, f"Their mean is the score: {meeting.score:.3f}."]


def _figure(meeting: "Encounter", seen: "Image", *, noun: str) -> str:
    import numpy as np

    from vilt_core.viz.meeting import dot_product, looks

    if meeting.vectors is not None:
        found = meeting.vectors
        return dot_product(found.text, found.image, factor=found.factor)
    assert meeting.looks is not None
    return looks(
        np.asarray(seen),
        meeting.looks.weights,
        heat=meeting.looks.heat,
        tokens=meeting.tokens,
        grid=meeting.grid,
        boxes=meeting.boxes,
        noun=noun,
        cosines=meeting.looks.found,
    )


def drawn(
    passings: Sequence["Passing"],
    sentence: str,
    answers: Sequence[Sequence["Answered"]] = (),
    stages: Sequence["Detected"] = (),
    meetings: Sequence[Sequence["Meeting"]] = (),
) -> str:
    """What became of the pair in each model, side by side, as HTML.

    Args:
        passings: of the sentence through each model.
        sentence: that went through.
        answers: to the question, as ``answered`` gives them, of the same models.
        stages: of the detector, as ``detected`` gives them, for those that read regions.
        meetings: as ``met`` gives them, of the same models.
    """
    from vilt_core.viz.passage import Lane, passage

    tokenizer = services.predictor().tokenizer
    ids = tokenizer.encode([sentence]).batch.ids[0].tolist()
    nothing = [()] * len(passings)
    lanes = [
        Lane(
            title=one.facts.title,
            paper=one.facts.paper,
            looks=one.facts.looks,
            meets=one.facts.meets,
            note=NOTES.get(one.facts.sees, ""),
            seen=one.seen,
            grid=one.grid,
            boxes=one.boxes,
            tokens=one.tokens,
            apart=one.facts.kind in ("a", "b") or "streams" in one.facts.meets,
            milliseconds=one.milliseconds,
            meetings=seen,
            answers=said,
            detected_by=DETECTOR,
            stages=stages if one.facts.sees == "regions" else (),
        )
        for one, said, seen in zip(passings, answers or nothing, meetings or nothing, strict=True)
    ]
    return passage(lanes, words=[tokenizer.token(one) for one in ids])
