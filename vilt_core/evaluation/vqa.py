"""Visual question answering: accuracy by type of question, beside what the words give away."""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from vilt_core.evaluation.answers import normalise_answer
from vilt_core.evaluation.inference import Progress, evaluating, read_batches
from vilt_core.evaluation.sources import Asked, is_world, questions_of
from vilt_core.evaluation.text_only import cross_fitted_guesses, world_text_only
from vilt_core.interop.bundle import Bundle


def vqa_accuracy(
    bundle: Bundle,
    *,
    on: str | Path = "world:test",
    limit: int | None = None,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Answer the questions of a set.

    Args:
        bundle: a model with a VQA head.
        on: a set of the world, or a file of questions; see sources.py.
        limit: how many questions at most; 4,000 of the world, or the whole file, otherwise.
        batch_size: questions read at once; no result depends on it.
        progress: told (done, total) after every batch.

    Returns:
        "accuracy", "text_only" (text_only.py: fitted on the training split, or on the other half of
        a file) and "answerable" (the best that this model's list of answers allows), over all
        questions and, under "by_type" and "text_only_by_type", over each kind. Shares in [0, 1].

    Raises:
        ValueError: a model without a VQA head, or a set that cannot be read.
    """
    asked = questions_of(on, limit=limit)
    begun = time.perf_counter()
    answers = predict_answers(bundle, asked, batch_size=batch_size, progress=progress)
    seconds = time.perf_counter() - begun
    if is_world(on):
        guesses = [world_text_only().guess(one.text) for one in asked]
    else:
        guesses = cross_fitted_guesses(asked)
    known = {normalise_answer(answer) for answer in bundle.answers}
    return {
        "task": "vqa",
        "data": str(on),
        "model": bundle.name,
        "examples": len(asked),
        "seconds": round(seconds, 2),
        "accuracy": _mean(worth(asked, answers)),
        "text_only": _mean(worth(asked, guesses)),
        "answerable": _mean(max(_known_scores(one, known), default=0.0) for one in asked),
        "by_type": by_type(asked, worth(asked, answers)),
        "text_only_by_type": by_type(asked, worth(asked, guesses)),
    }


def predict_answers(
    bundle: Bundle,
    asked: Sequence[Asked],
    *,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> list[str]:
    """The model's first answer to every question.

    Raises:
        ValueError: a model without a VQA head.
    """
    if bundle.model.vqa is None:
        raise ValueError(f"{bundle.name} has no head for answers: train one with `finetune`")
    found: list[str] = []
    pictures, texts = [one.picture for one in asked], [one.text for one in asked]
    with evaluating(bundle.model):
        for read in read_batches(bundle, pictures, texts, batch_size=batch_size, progress=progress):
            best = bundle.model.vqa(read.output.pooled).argmax(dim=-1)
            found += [bundle.answers[index] for index in best.tolist()]
    return found


def worth(asked: Sequence[Asked], answers: Sequence[str]) -> list[float]:
    """What each answer is worth: 0 to 1."""
    return [
        one.scores.get(normalise_answer(answer), 0.0)
        for one, answer in zip(asked, answers, strict=True)
    ]


def by_type(asked: Sequence[Asked], scores: Sequence[float]) -> dict[str, float]:
    """The mean score of each kind of question, kinds in order of appearance."""
    groups: dict[str, list[float]] = defaultdict(list)
    for one, score in zip(asked, scores, strict=True):
        groups[one.kind].append(score)
    return {kind: _mean(group) for kind, group in groups.items()}


def _known_scores(one: Asked, known: set[str]) -> list[float]:
    return [score for answer, score in one.scores.items() if answer in known]


def _mean(values: Iterable[float]) -> float:
    values = list(values)
    return round(sum(values) / len(values), 6)
