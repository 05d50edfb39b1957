"""Matched or not: does the model know a true sentence from one that is false of the picture?"""

import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from vilt_core.evaluation.inference import (
    Precision,
    Progress,
    cut_texts,
    evaluating,
    read_batches,
    said_first,
)
from vilt_core.evaluation.readable import readable
from vilt_core.evaluation.sets import Source
from vilt_core.evaluation.sources import Paired, pairs_of
from vilt_core.interop.bundle import Bundle

CHANCE = 0.5  # half of the sentences are true, in every group


def matching_accuracy(
    bundle: Bundle,
    *,
    on: Source = "world:test",
    limit: int | None = None,
    batch_size: int = 64,
    precision: Precision = "float32",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Judge true captions, captions of other pictures, and captions with one thing changed.

    Args:
        bundle: the model.
        on: a set of the world, a file of captions, or a data set of them; see sources.py.
        limit: how many pairs at most; 4,000 of the world, or all otherwise.
        batch_size: pairs read at once; no result depends on it.
        precision: of matrix products; half of it is faster on GPUs and changes scores a little.
        progress: told (done, total) after every batch.

    Returns:
        "accuracy" against the captions of other pictures, "hard_negatives" against near misses
        (None where a file has none) and "by_change" for each kind of those, in [0, 1]; "chance".
        Pictures that cannot be read are passed over: "unreadable" counts these, "named" has what is
        wrong with the first. "cut" counts the sentences that the model reads the beginning of
        alone, where any is too long for it.

    Raises:
        ValueError: a set that cannot be read, or too many pictures that cannot.
    """
    pairs = pairs_of(on, limit=limit)
    seen = readable(one.picture for one in pairs)
    pairs = seen.keep(pairs, lambda one: (one.picture,))
    begun = time.perf_counter()
    believed = match_probabilities(
        bundle, pairs, batch_size=batch_size, precision=precision, progress=progress
    )
    seconds = time.perf_counter() - begun
    return {
        **said_first("matching", bundle, on, examples=len(pairs), seconds=seconds),
        **judged(pairs, believed),
        **seen.told(),
        **cut_texts(bundle, [one.text for one in pairs]),
    }


def match_probabilities(
    bundle: Bundle,
    pairs: Sequence[Paired],
    *,
    batch_size: int = 64,
    precision: Precision = "float32",
    progress: Progress | None = None,
) -> list[float]:
    """P(the sentence is true of its picture) of every pair."""
    found: list[float] = []
    pictures, texts = [one.picture for one in pairs], [one.text for one in pairs]
    with evaluating(bundle.model, precision=precision):
        for read in read_batches(bundle, pictures, texts, batch_size=batch_size, progress=progress):
            found += bundle.model.head("itm")(read.output.pooled).softmax(dim=-1)[:, 1].tolist()
    return found


def judged(pairs: Sequence[Paired], believed: Sequence[float]) -> dict[str, Any]:
    """Shares of right verdicts, a pair being believed above one half."""
    right: dict[str | None, list[bool]] = defaultdict(list)
    for pair, probability in zip(pairs, believed, strict=True):
        right[pair.changed].append((probability > CHANCE) == pair.matched)
    random, near = right.pop(None, []), right
    return {
        "accuracy": _share(random),
        "hard_negatives": _share([verdict for group in near.values() for verdict in group]),
        "by_change": {str(kind): _share(near[kind]) for kind in sorted(near, key=str)},
        "chance": CHANCE,
    }


def _share(right: Sequence[bool]) -> float | None:
    return round(sum(right) / len(right), 6) if right else None
