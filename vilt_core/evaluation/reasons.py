"""Answers with reasons, by multiple choice, scored as VCR is (Zellers et al., CVPR 2019)."""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count, islice
from typing import Any

from einops import rearrange

from vilt_core.evaluation.choice_words import Choice, ChoiceWords
from vilt_core.evaluation.inference import Progress, evaluating, image_batches, said_first
from vilt_core.evaluation.sets import Source, check_world
from vilt_core.evaluation.sources import EVALUATION_SEED, draw_of
from vilt_core.interop.bundle import Bundle
from vilt_core.world.reasons import CHOICES, KINDS, Reasoned, reasoned
from vilt_core.world.scenes import Scene, scene

WORLD_REASONED = 2000  # where no limit is given
FITTED_ON = 8000  # of the training split, by those who choose by words alone
CHANCE = {"q_to_a": 1 / CHOICES, "qa_to_r": 1 / CHOICES, "q_to_ar": 1 / CHOICES**2}

Picks = Sequence[tuple[int, int]]  # the answer chosen of every question, and the reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A question with its answers and reasons, and the scene that it is asked of."""

    picture: Scene
    said: Reasoned


def world_reasoned(split: str, *, seed: int = EVALUATION_SEED) -> Iterator[Shown]:
    """A question of every scene that has one with a reason, without end."""
    for index in count():
        place = scene(seed, index, split=split)
        said = reasoned(place, draw_of("reasons", split, seed, index))
        if said is not None:
            yield Shown(picture=place, said=said)


def reasons_accuracy(
    bundle: Bundle,
    *,
    on: Source = "world:test",
    limit: int | None = None,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Choose an answer of four, and of the true answer's four reasons the true one.

    Args:
        bundle: a model with a head for choices.
        on: a set of the world.
        limit: how many questions at most; 2,000 otherwise.
        batch_size: questions read at once, each as eight texts; no result depends on it.
        progress: told (done, total) after every batch.

    Returns:
        "q_to_a", the share of right answers; "qa_to_r", of right reasons given the true answer;
        "q_to_ar", of both at once; all three "by_type" of question. "chance" and "text_only", the
        best choice by words alone (choice_words.py), have the same three. All in [0, 1].

    Raises:
        ValueError: a model without such a head, or no set of the world.
    """
    split = check_world(on, limit, task="reasons")
    if bundle.model.choice is None:
        raise ValueError(f"{bundle.name} has no head that chooses among texts: train one first")
    asked = list(islice(world_reasoned(split), limit or WORLD_REASONED))
    begun = time.perf_counter()
    picks = choices_of(bundle, asked, batch_size=batch_size, progress=progress)
    seconds = time.perf_counter() - begun
    kinds: dict[str, list[int]] = defaultdict(list)
    for row, one in enumerate(asked):
        kinds[one.said.kind].append(row)
    by_words = world_choice_words()
    blind = [
        (by_words[0].choose(one.said.answered()), by_words[1].choose(one.said.justified()))
        for one in asked
    ]
    return {
        **said_first("reasons", bundle, on, examples=len(asked), seconds=seconds),
        **judged(asked, picks),
        "chance": CHANCE,
        "text_only": judged(asked, blind),
        "by_type": {
            kind: judged([asked[row] for row in kinds[kind]], [picks[row] for row in kinds[kind]])
            for kind in KINDS
            if kinds[kind]
        },
    }


def choices_of(
    bundle: Bundle,
    asked: Sequence[Shown],
    *,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> list[tuple[int, int]]:
    """The answer that the model chooses of every question, and the reason of the true answer."""
    model = bundle.model
    device, head = next(model.parameters()).device, model.head("choice")
    picks: list[tuple[int, int]] = []
    pictures = [one.picture for one in asked]
    with evaluating(model):
        for rows, image in image_batches(bundle, pictures, size=batch_size, progress=progress):
            some = asked[rows.start : rows.stop]
            seen = model.look(image).take([row for row in range(len(some)) for _ in range(CHOICES)])
            best = []
            for way in (Reasoned.answered, Reasoned.justified):
                texts = [text for one in some for text in way(one.said)]
                read = model(bundle.tokenizer.encode(texts).batch.to(device), seen)
                scores = rearrange(head(read.pooled), "(b c) -> b c", c=CHOICES)
                best.append(scores.argmax(dim=1).tolist())
            picks += zip(*best, strict=True)
    return picks


def judged(asked: Sequence[Shown], picks: Picks) -> dict[str, float]:
    """The three scores of VCR, of at least one question."""
    answers = [one.said.answer == pick for one, (pick, _) in zip(asked, picks, strict=True)]
    reasons = [one.said.reason == pick for one, (_, pick) in zip(asked, picks, strict=True)]
    both = [one and other for one, other in zip(answers, reasons, strict=True)]
    return {
        name: round(sum(right) / len(right), 6)
        for name, right in zip(CHANCE, (answers, reasons, both), strict=True)
    }


@lru_cache(maxsize=1)
def world_choice_words() -> tuple[ChoiceWords, ChoiceWords]:
    """Who chooses answers by words alone, and who reasons; seconds the first time."""
    known = [one.said for one in islice(world_reasoned("train"), FITTED_ON)]
    return (
        ChoiceWords([Choice(candidates=one.answered(), truth=one.answer) for one in known]),
        ChoiceWords([Choice(candidates=one.justified(), truth=one.reason) for one in known]),
    )
