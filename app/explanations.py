"""One answer taken apart: six explanations and what they are worth, heads, layers and knock-outs.

The cheap comes first. ``steps`` hands out what is known as soon as it is, so that the page is never
without a sign of life.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from app import services
from app.services import Key, Reply, SceneKey

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from torch import Tensor

    from vilt_core.explain.explanation import Explanation
    from vilt_core.explain.inquiry import Inquiry
    from vilt_core.predictor import Predictor
    from vilt_core.viz.explanations import Named

# What each method does, for people who have not read the paper.
SAYS: Mapping[str, str] = {
    "transport": "Which patches the words lie on, by IPOT. It does not know the answer.",
    "attention": "Where the last layer's [CLS] looks, all heads. It does not know the answer.",
    "rollout": "Attention multiplied through all layers. It does not know the answer.",
    "relevance": "Attention times the answer's gradient, through all layers (Chefer 2021).",
    "gradients": "Summed on the way from grey and [MASK] (Sundararajan 2017).",
    "occlusion": "What the answer loses when a patch, or a word, is taken away.",
}
CHANCE = "random order"
STEPS = 12  # pictures of a curve
_ORDERS = 3  # of chance
TOP = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is being explained: enough to ask again."""

    image: str | None
    question: str
    key: Key | None
    model: str
    answer: str | None = None  # the likeliest unless given
    turn: int = 0  # tells two wishes for the same apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One explanation and what it is worth."""

    explanation: "Explanation"
    picture: str  # its heat over the picture
    hit: bool | None  # None where nobody knows what is asked about
    deletion: np.ndarray
    insertion: np.ndarray
    areas: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far the work is, and what is new since the step before."""

    done: int
    total: int
    says: str  # what comes next; empty at the end
    reply: Reply | None = None
    answers: tuple[str, ...] = ()
    gallery: str | None = None
    curves: "go.Figure | None" = None
    heads: dict[str, Any] | None = None
    lens: "go.Figure | None" = None
    board: str | None = None
    seconds: float | None = None  # of all of it, at the end


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A question in front of its model, and what is known of the picture."""

    asked: "Predictor"
    inquiry: "Inquiry"
    subject: Subject
    pixels: np.ndarray
    boxes: tuple[services.Box, ...]  # of what is asked about, where that is known
    named: "Named"  # whether the true answer names that, or only the question does
    judged: dict[str, Judged] = field(default_factory=dict)

    @property
    def words(self) -> tuple[str, ...]:
        """Of the question."""
        return tuple(word.text for word in self.inquiry.words)


def sit_down(subject: Subject) -> Desk:
    """Read the question and the picture.

    Raises:
        ValueError: one sentence on what is wrong with what was given, or with the model.
    """
    from vilt_core.data.image import open_image

    asked = services.predictor(subject.model, "answer")
    seen = open_image(services.seen_by_model(subject.image, subject.key, side=asked.image_size))
    inquiry = asked.inquire(seen, subject.question)
    key = subject.key
    boxes, named = _asked_about(key, subject.question)
    return Desk(
        asked=asked,
        inquiry=inquiry,
        subject=subject,
        pixels=np.asarray(seen) if key is None else services.picture(key),
        boxes=boxes,
        named=named,
    )


def _asked_about(key: Key | None, question: str) -> tuple[tuple[services.Box, ...], "Named"]:
    """Where an explanation should point: at what answers, else at what is spoken of, if known."""
    if not isinstance(key, SceneKey):
        return (), "question"
    if boxes := services.named_by_answer(key, question):
        return boxes, "answer"
    return services.asked_about(key, question), "question"


def steps(subject: Subject) -> Iterator[Step]:
    """Explain an answer; the answer, its layers and its heads first, then method after method.

    Raises:
        ValueError: one sentence on what is wrong with what was given, or with the model.
    """
    from vilt_core.explain.explanation import METHOD_NAMES

    begun = time.perf_counter()
    desk = sit_down(subject)
    total = len(METHOD_NAMES) + 3
    reply, place = _answered(desk)
    answers = tuple(answer.text for answer in reply.answers)
    yield Step(
        done=1, total=total, says="Reading layers and heads", reply=reply, answers=answers,
        gallery=_gallery(desk),
    )  # fmt: skip
    yield Step(done=2, total=total, says=_next(0), heads=_heads(desk), lens=_lens(desk))
    chance = _chance_curves(desk, place)
    for done, method in enumerate(METHOD_NAMES, start=1):
        desk.judged[method] = _judge(desk, method, place)
        yield Step(
            done=done + 2,
            total=total,
            says=_next(done),
            gallery=_gallery(desk),
            curves=_curves(desk, chance) if done == len(METHOD_NAMES) else None,
        )
    yield Step(
        done=total, total=total, says="", board=_board(desk, place),
        seconds=time.perf_counter() - begun,
    )  # fmt: skip


def knocked_out(subject: Subject, parts: Sequence[tuple[str, str]]) -> tuple[Reply, Reply]:
    """The answers with everything there and without some parts.

    Args:
        subject: what was explained.
        parts: the kind of each ("heads", "layers", "types", "words", "patches") and which one, as
            the board writes it.

    Raises:
        ValueError: one sentence on what is wrong with what was given.
    """
    from vilt_core.explain.knockout import Knockout
    from vilt_core.explain.knockout import knocked_out as without

    desk = sit_down(subject)
    begun = time.perf_counter()
    left = without(desk.inquiry, Knockout(**_parts(parts)))
    spent = 1000 * (time.perf_counter() - begun)
    whole = desk.inquiry.logits()[0]
    return _reply(desk, whole, milliseconds=spent), _reply(desk, left, milliseconds=spent)


def _parts(parts: Sequence[tuple[str, str]]) -> dict[str, tuple[Any, ...]]:
    found: dict[str, list[Any]] = {}
    for kind, at in parts:
        if kind == "types":
            found.setdefault(kind, []).append(at)
            continue
        numbers = tuple(int(number) for number in at.split(","))
        found.setdefault(kind, []).append(numbers if kind in ("heads", "patches") else numbers[0])
    return {kind: tuple(chosen) for kind, chosen in found.items()}


def _answered(desk: Desk) -> tuple[Reply, int]:
    """The model's answers, and the place of the one that is explained."""
    begun = time.perf_counter()
    logits = desk.inquiry.logits()[0]
    reply = _reply(desk, logits, milliseconds=1000 * (time.perf_counter() - begun))
    wanted = desk.subject.answer
    if wanted is None:
        return reply, int(logits.argmax())
    if wanted not in desk.asked.answers:
        raise ValueError(f"{desk.asked.name} knows no answer {wanted!r:.60}")
    return reply, desk.asked.answers.index(wanted)


def _reply(desk: Desk, logits: "Tensor", *, milliseconds: float) -> Reply:
    from vilt_core.predictor import Answer

    chances, places = logits.double().softmax(dim=-1).topk(min(TOP, len(logits)))
    found: list[Answer] = [
        Answer(text=desk.asked.answers[place], probability=chance)
        for chance, place in zip(chances.tolist(), places.tolist(), strict=True)
    ]
    subject = desk.subject
    return Reply(
        answers=tuple(found),
        milliseconds=milliseconds,
        model=subject.model,
        truth=services.true_answer(subject.key, subject.question),
        stranger=services.stranger(subject.key, subject.model),
    )


def _judge(desk: Desk, method: str, place: int) -> Judged:
    """One explanation, its curves, and whether it points at what is asked about."""
    import torch

    from vilt_core.evaluation.faithfulness import chance_of, faithfulness_curves
    from vilt_core.evaluation.localisation import patches_in_boxes, pointing
    from vilt_core.explain.explanation import explain
    from vilt_core.viz.explanations import picture_of

    found = explain(desk.inquiry, desk.asked.answers, method=method, answer=place)
    heat = torch.from_numpy(found.heat).reshape(1, -1)
    curves = faithfulness_curves(chance_of(desk.inquiry, place), heat, steps=STEPS)
    hit = None
    if desk.boxes:
        inside = patches_in_boxes(torch.tensor(desk.boxes), grid=desk.inquiry.patches.grid)
        hit = bool(pointing(heat, inside.any(dim=0, keepdim=True))[0] > 0.5)
    return Judged(
        explanation=found,
        picture=picture_of(desk.pixels, found.heat),
        hit=hit,
        deletion=curves.deletion[0],
        insertion=curves.insertion[0],
        areas=(float(curves.deletion_area[0]), float(curves.insertion_area[0])),
    )


def _chance_curves(desk: Desk, place: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fractions, and the mean curves of patches in an order of chance."""
    from vilt_core.evaluation.faithfulness import chance_of, faithfulness_curves, random_heat

    heat = random_heat(_ORDERS, patches=desk.inquiry.patch_tokens)
    curves = faithfulness_curves(chance_of(desk.inquiry, place), heat, steps=STEPS)
    return curves.fractions, curves.deletion.mean(axis=0), curves.insertion.mean(axis=0)


def _next(done: int) -> str:
    from vilt_core.explain.explanation import METHOD_NAMES

    names = list(METHOD_NAMES.values())
    return f"Explaining by {names[done]}" if done < len(names) else "Knocking parts out"


def _gallery(desk: Desk) -> str:
    from vilt_core.explain.explanation import METHOD_NAMES
    from vilt_core.viz.explanations import Card, gallery

    cards = []
    for method, name in METHOD_NAMES.items():
        known = desk.judged.get(method)
        if known is None:
            cards.append(Card(title=name, says=SAYS[method]))
            continue
        cards.append(
            Card(
                title=name,
                says=SAYS[method],
                heat=known.explanation.heat,
                picture=known.picture,
                word_heat=known.explanation.word_heat,
                hit=known.hit,
                deletion=known.areas[0],
                insertion=known.areas[1],
            )
        )
    return gallery(desk.pixels, cards, words=desk.words, boxes=desk.boxes, named=desk.named)


def _curves(desk: Desk, chance: tuple[np.ndarray, np.ndarray, np.ndarray]) -> "go.Figure":
    from vilt_core.explain.explanation import METHOD_NAMES
    from vilt_core.viz.faithfulness import deletion_insertion

    fractions, deletion, insertion = chance
    named = {METHOD_NAMES[method]: judged for method, judged in desk.judged.items()}
    return deletion_insertion(
        {name: judged.deletion for name, judged in named.items()} | {CHANCE: deletion},
        {name: judged.insertion for name, judged in named.items()} | {CHANCE: insertion},
        fractions=fractions,
        chance=CHANCE,
    )


def _heads(desk: Desk) -> dict[str, Any]:
    from vilt_core.explain.heads import head_maps
    from vilt_core.viz.heads import heads_payload

    found = head_maps(desk.inquiry)
    return heads_payload(
        desk.pixels,
        found.to_patches,
        found.to_words,
        queries=found.queries,
        words=found.words,
        grid=desk.inquiry.patches.grid,
    )


def _lens(desk: Desk) -> "go.Figure":
    from vilt_core.explain.lens import lens
    from vilt_core.viz.lens import answers_over_layers

    found = lens(desk.inquiry, desk.asked.answers, top_k=TOP)
    return answers_over_layers(found.probabilities, answers=found.answers, said=found.said)


def _board(desk: Desk, place: int) -> str:
    from vilt_core.explain.knockout import effects
    from vilt_core.viz.knockouts import knockout_board

    found = effects(desk.inquiry, place)
    return knockout_board(
        desk.pixels,
        answer=desk.asked.answers[place],
        whole=found.whole,
        heads=found.heads,
        layers=found.layers,
        types=found.types,
        word_chances=found.words,
        words=desk.words,
        grid=desk.inquiry.patches.grid,
    )
