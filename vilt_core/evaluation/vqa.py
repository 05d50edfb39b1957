"""Visual question answering: accuracy by type of question, beside what the words give away."""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from vilt_core.evaluation.inference import (
    Precision,
    Progress,
    cut_texts,
    evaluating,
    kept_secret,
    read_batches,
    said_first,
)
from vilt_core.evaluation.predictions import answer_rows, check_predictions, write_predictions
from vilt_core.evaluation.readable import readable
from vilt_core.evaluation.sets import Source, is_world
from vilt_core.evaluation.sources import Asked, questions_of
from vilt_core.evaluation.submission import check_ids, check_submission, write_submission
from vilt_core.evaluation.text_only import (
    OTHER_HALF,
    TextOnly,
    beside,
    cross_fitted_guesses,
    world_text_only,
)
from vilt_core.interop.bundle import Bundle


def vqa_accuracy(
    bundle: Bundle,
    *,
    on: Source = "world:test",
    limit: int | None = None,
    batch_size: int = 64,
    precision: Precision = "float32",
    progress: Progress | None = None,
    submission: str | Path | None = None,
    predictions: str | Path | None = None,
    blind: TextOnly | None = None,
) -> dict[str, Any]:
    """Answer the questions of a set.

    Args:
        bundle: a model with a VQA head.
        on: a set of the world, a file of questions, or a data set of them; see sources.py.
        limit: how many questions at most; 4,000 of the world, or all otherwise.
        batch_size: questions read at once; no result depends on it.
        precision: of matrix products; half of it is faster on GPUs and changes scores a little.
        progress: told (done, total) after every batch.
        submission: where to write all answers, as the VQA server takes them.
        predictions: where to write a line on every question that is asked, see predictions.py.
        blind: who guesses from the words alone, fitted on what the model was trained on; fitted on
            the training split beside ``on`` otherwise, or on the other half of the questions
            where there is none that can be read.

    Returns:
        "accuracy", "text_only" (text_only.py; "text_only_from" says what it was fitted on) and
        "answerable" (the best that this model's list of answers allows; "agreement" is the best
        that any list does, where people's answers differ too much for all), over all questions and,
        under "by_type" and "text_only_by_type", over each kind. Shares in [0, 1]. Questions whose
        answers are kept secret do not count, "secret" says how many; None where all are. Questions
        about pictures that cannot be read are not asked: "unreadable" counts these, "named" has
        what is wrong with the first. "cut" counts the questions that the model reads the beginning
        of alone, where any is too long for it.

    Raises:
        ValueError: a model without a VQA head, a set that cannot be read, too many pictures that
            cannot, a submission for questions without ids, predictions of the world, or one of
            these into no folder.
    """
    if submission is not None:
        check_submission(submission)
    if predictions is not None:
        check_predictions(predictions, on)
    asked = questions_of(on, limit=limit)
    ids = None if submission is None else check_ids([one.id for one in asked])
    whole = None if submission is None else "a submission needs the answer to every question"
    seen = readable((one.picture for one in asked), all_of_them=whole)
    asked = seen.keep(asked, lambda one: (one.picture,))
    if blind is None and any(one.scores for one in asked):
        blind = world_text_only() if is_world(on) else beside(on, kind="questions")
    begun = time.perf_counter()
    given = probable_answers(
        bundle, asked, batch_size=batch_size, precision=precision, progress=progress
    )
    answers = [answer for answer, _ in given]
    seconds = time.perf_counter() - begun
    if submission is not None and ids is not None:
        write_submission(submission, ids, answers)
    if predictions is not None:
        write_predictions(predictions, answer_rows(asked, given))
    answered = [(one, answer) for one, answer in zip(asked, answers, strict=True) if one.scores]
    told = [one for one, _ in answered]
    scores = worth(told, [answer for _, answer in answered])
    guessed = worth(told, _guesses(told, blind))
    return {
        **said_first("vqa", bundle, on, examples=len(asked), seconds=seconds),
        "accuracy": _mean(scores),
        "text_only": _mean(guessed),
        "text_only_from": OTHER_HALF if blind is None else blind.source,
        "answerable": _mean(_best_known(told, bundle.answers)),
        **_agreement(told),
        "by_type": by_type(told, scores),
        "text_only_by_type": by_type(told, guessed),
        **kept_secret(len(asked), len(told)),
        **seen.told(),
        **cut_texts(bundle, [one.text for one in asked]),
    }


def _guesses(asked: list[Asked], blind: TextOnly | None) -> list[str]:
    if blind is None or not blind.counts:
        return cross_fitted_guesses(asked)
    return [blind.guess(one.text) for one in asked]


def probable_answers(
    bundle: Bundle,
    asked: Sequence[Asked],
    *,
    batch_size: int = 64,
    precision: Precision = "float32",
    progress: Progress | None = None,
) -> list[tuple[str, float]]:
    """The model's first answer to every question, and its probability among all that it has.

    Raises:
        ValueError: a model without a VQA head.
    """
    if bundle.model.vqa is None:
        raise ValueError(f"{bundle.name} has no head for answers: train one with `finetune`")
    found: list[tuple[str, float]] = []
    pictures, texts = [one.picture for one in asked], [one.text for one in asked]
    with evaluating(bundle.model, precision=precision):
        for read in read_batches(bundle, pictures, texts, batch_size=batch_size, progress=progress):
            logits = bundle.model.vqa(read.output.pooled).float()
            best = logits.argmax(dim=-1, keepdim=True)
            chances = logits.softmax(dim=-1).gather(-1, best)
            names = (bundle.answers[index] for index in best.flatten().tolist())
            found += zip(names, chances.flatten().tolist(), strict=True)
    return found


def worth(asked: Sequence[Asked], answers: Sequence[str]) -> list[float]:
    """What each answer is worth: 0 to 1."""
    return [
        one.scores.get(one.compared(answer), 0.0)
        for one, answer in zip(asked, answers, strict=True)
    ]


def by_type(asked: Sequence[Asked], scores: Sequence[float]) -> dict[str, float | None]:
    """The mean score of each kind of question, kinds in order of appearance."""
    groups: dict[str, list[float]] = defaultdict(list)
    for one, score in zip(asked, scores, strict=True):
        groups[one.kind].append(score)
    return {kind: _mean(group) for kind, group in groups.items()}


def _best_known(asked: Sequence[Asked], answers: Sequence[str]) -> list[float]:
    """The worth of the best answer to each question that is in the list."""
    known = {same: set(map(same, answers)) for same in {one.compared for one in asked}}
    return [
        max((one.scores[answer] for answer in one.scores.keys() & known[one.compared]), default=0.0)
        for one in asked
    ]


def _agreement(asked: Sequence[Asked]) -> dict[str, float | None]:
    """For a result: what the best answers to all questions score. Nothing where that is all."""
    most = _mean(max(one.scores.values()) for one in asked)
    return {} if most in (None, 1.0) else {"agreement": most}


def _mean(values: Iterable[float]) -> float | None:
    values = list(values)
    return round(sum(values) / len(values), 6) if values else None
