"""Statements about two pictures: accuracy and consistency, beside what the words give away.

NLVR2 (Suhr et al., ACL 2019); both measures are those of its metrics.py.
"""

import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vilt_core.evaluation.inference import (
    Precision,
    Progress,
    cut_texts,
    evaluating,
    image_of,
    kept_secret,
    levels_ahead,
    row_batches,
    said_first,
)
from vilt_core.evaluation.predictions import check_predictions, verdict_rows, write_predictions
from vilt_core.evaluation.readable import readable
from vilt_core.evaluation.sets import Source, is_world
from vilt_core.evaluation.statements import Stated, statements_of
from vilt_core.evaluation.text_only import OTHER_HALF, TextOnly, beside, cross_fitted_guesses
from vilt_core.interop.bundle import Bundle

BELIEVED = 0.5  # a statement is taken for true above


def nlvr2_accuracy(
    bundle: Bundle,
    *,
    on: Source = "world:test",
    limit: int | None = None,
    batch_size: int = 64,
    precision: Precision = "float32",
    progress: Progress | None = None,
    predictions: str | Path | None = None,
    blind: TextOnly | None = None,
) -> dict[str, Any]:
    """Judge the statements of a set.

    Args:
        bundle: a model with an NLVR2 head.
        on: a set of the world, a file of statements, or a data set of them; see statements.py.
        limit: how many statements at most; 4,000 of the world, or all otherwise.
        batch_size: statements read at once; no result depends on it.
        precision: of matrix products; half of it is faster on GPUs and changes scores a little.
        progress: told (done, total) after every batch.
        predictions: where to write a line on every statement that is judged, see predictions.py.
        blind: who guesses from the words alone, fitted on what the model was trained on; fitted on
            the training split beside ``on`` otherwise, or on the other half of the groups where
            there is none that can be read.

    Returns:
        "accuracy"; "consistency", the share of groups in which all is right; "text_only", the
        accuracy of the best guess from the words (text_only.py), and what that was fitted on,
        "text_only_from". All in [0, 1], over the statements whose label is known ("secret" counts
        the others), None where none is. Of the world also the accuracy "by_type" of statement.
        Statements about pictures that cannot be read are not judged: "unreadable" counts these,
        "named" has what is wrong with the first. "cut" counts the statements that the model reads
        the beginning of alone, where any is too long for it.

    Raises:
        ValueError: a model without an NLVR2 head, a set that cannot be read, too many pictures
            that cannot, or predictions of the world or into no folder.
    """
    if predictions is not None:
        check_predictions(predictions, on)
    stated = statements_of(on, limit=limit)
    seen = readable(picture for one in stated for picture in one.pictures)
    stated = seen.keep(stated, lambda one: one.pictures)
    if blind is None and any(one.label is not None for one in stated):
        blind = beside(on, kind="statements")
    begun = time.perf_counter()
    believed = statement_probabilities(
        bundle, stated, batch_size=batch_size, precision=precision, progress=progress
    )
    seconds = time.perf_counter() - begun
    verdicts = [(p > BELIEVED, max(p, 1 - p)) for p in believed]
    if predictions is not None:
        write_predictions(predictions, verdict_rows(stated, verdicts))
    known = [(one, verdict) for one, (verdict, _) in zip(stated, verdicts, strict=True)]
    known = [(one, verdict) for one, verdict in known if one.label is not None]
    told = [one for one, _ in known]
    right = [one.label == verdict for one, verdict in known]
    found = {
        **said_first("nlvr2", bundle, on, examples=len(stated), seconds=seconds),
        "accuracy": _share(right),
        "consistency": consistency([one.group for one in told], right),
        "text_only": _share(guessed_right(told, blind)),
        "text_only_from": OTHER_HALF if blind is None else blind.source,
        **kept_secret(len(stated), len(told)),
        **seen.told(),
        **cut_texts(bundle, [one.text for one in stated]),
    }
    return found | {"by_type": _by_form(told, right)} if is_world(on) else found


def statement_probabilities(
    bundle: Bundle,
    stated: Sequence[Stated],
    *,
    batch_size: int = 64,
    precision: Precision = "float32",
    progress: Progress | None = None,
) -> list[float]:
    """P(true) of every statement, by the pair method: read with either picture, judged together.

    Raises:
        ValueError: a model without an NLVR2 head, or an image that cannot be read.
    """
    model = bundle.model
    if model.nlvr2 is None:
        raise ValueError(f"{bundle.name} has no head for pairs of pictures: train one first")
    device = next(model.parameters()).device
    shown = [
        [one.pictures[side] for side in (0, 1) for one in stated[rows.start : rows.stop]]
        for rows in row_batches(len(stated), size=batch_size)
    ]
    every = row_batches(len(stated), size=batch_size, progress=progress)
    found: list[float] = []
    with evaluating(model, precision=precision):
        for rows, levels in zip(every, levels_ahead(bundle, shown), strict=True):
            some = stated[rows.start : rows.stop]
            text = bundle.tokenizer.encode([one.text for one in some]).batch.to(device)
            sides = levels[: len(some)], levels[len(some) :]
            pooled = [
                model.pool(text, image_of(side, bundle), image_type=at + 1)
                for at, side in enumerate(sides)
            ]
            found += model.nlvr2.pair(*pooled).softmax(dim=-1)[:, 1].tolist()
    return found


def consistency(groups: Sequence[str], right: Sequence[bool]) -> float | None:
    """The share of groups all of whose statements are judged right; None of no statement.

    A group is one sentence, told of several pairs of pictures. In NLVR2's own identifiers, SPLIT-
    SET-PAIR-SENTENCE, that is everything but PAIR.
    """
    whole: dict[str, bool] = {}
    for group, verdict in zip(groups, right, strict=True):
        whole[group] = whole.get(group, True) and verdict
    return _share(list(whole.values()))


def guessed_right(stated: Sequence[Stated], blind: TextOnly | None = None) -> list[bool]:
    """Whether the words alone give each label away, to ``blind`` or by the groups' other half."""
    labels = [str(one.label) for one in stated]
    if blind is not None and blind.counts:
        return [blind.guess(one.text) == label for one, label in zip(stated, labels, strict=True)]
    groups = [one.group for one in stated]
    guesses = cross_fitted_guesses([one.asked for one in stated], groups=groups)
    return [guess == label for guess, label in zip(guesses, labels, strict=True)]


def _by_form(stated: Sequence[Stated], right: Sequence[bool]) -> dict[str, float | None]:
    groups: dict[str, list[bool]] = defaultdict(list)
    for one, verdict in zip(stated, right, strict=True):
        groups[str(one.form)].append(verdict)
    return {form: _share(groups[form]) for form in sorted(groups)}


def _share(right: Sequence[bool]) -> float | None:
    return round(sum(right) / len(right), 6) if right else None
