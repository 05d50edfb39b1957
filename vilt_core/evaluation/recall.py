"""Recall at k: how often one of the right ones is among the first k, for galleries of any shape.

Pure functions of scores; retrieval.py makes the scores.
"""

from collections.abc import Sequence
from math import comb

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from vilt_core.data.examples import folded

AT = (1, 5, 10)

Recalls = dict[str, dict[str, float]]  # "text_to_image" and "image_to_text", each "r1", "r5", "r10"


def ownership(owners: Int[Tensor, " texts"], *, pictures: int) -> Bool[Tensor, "images texts"]:
    """Which caption was made for which picture."""
    return torch.arange(pictures)[:, None] == owners


def alike(
    own: Bool[Tensor, "images texts"], captions: Sequence[str]
) -> Bool[Tensor, "images texts"]:
    """Which caption has the words of one that was made for the picture.

    A model reads the same words and cannot rank them apart. Case and white space do not count.

    Args:
        own: which caption was made for which picture.
        captions: what each says.
    """
    numbers: dict[str, int] = {}
    said = [numbers.setdefault(folded(one), len(numbers)) for one in captions]
    places = torch.tensor(said)
    pictures, texts = own.nonzero(as_tuple=True)
    by_words = torch.zeros(len(own), len(numbers), dtype=torch.bool)
    by_words[pictures, places[texts]] = True
    return by_words[:, places]


def recalls(scores: Float[Tensor, "images texts"], right: Bool[Tensor, "images texts"]) -> Recalls:
    """Recall at 1, 5 and 10, both ways.

    An answer that is tied with wrong ones comes after them: a model that gives all pairs the same
    score finds nothing. What has nothing right in the gallery does not count.

    Args:
        scores: the higher, the better the picture and the text fit.
        right: the pairs that are to be found.

    Raises:
        ValueError: scores that are not numbers, or nothing to be found.
    """
    if not scores.isfinite().all():
        raise ValueError("scores must be finite, got some that are not")
    if not right.any():
        raise ValueError("expected at least one right pair, got none")
    return {
        "text_to_image": _recalls(scores.T, right.T),
        "image_to_text": _recalls(scores, right),
    }


def _recalls(
    scores: Float[Tensor, "queries answers"], right: Bool[Tensor, "queries answers"]
) -> dict[str, float]:
    best = scores.masked_fill(~right, -torch.inf).amax(dim=1)
    before = ((scores >= best[:, None]) & ~right).sum(dim=1)[right.any(dim=1)]
    return {f"r{k}": _mean(before < k) for k in AT}


def fold_recalls(
    scores: Float[Tensor, "images texts"],
    owners: Int[Tensor, " texts"],
    *,
    size: int,
    right: Bool[Tensor, "images texts"] | None = None,
) -> Recalls:
    """The mean recalls of galleries of ``size`` pictures each, with their own captions alone.

    Args:
        scores: of the whole gallery; its pictures are cut in their order.
        owners: the picture of each text.
        size: pictures in a fold; it must divide the number of pictures.
        right: the pairs that are to be found; those that were made for each other otherwise.

    Raises:
        ValueError: a size that does not divide it.
    """
    if size < 1 or len(scores) % size:
        raise ValueError(f"folds must divide {len(scores)} pictures evenly, got a size of {size}")
    right = ownership(owners, pictures=len(scores)) if right is None else right
    parts = []
    for first in range(0, len(scores), size):
        inside = (owners >= first) & (owners < first + size)
        fold = slice(first, first + size)
        parts.append(recalls(scores[fold, inside], right[fold, inside]))
    return {
        way: {at: round(float(np.mean([part[way][at] for part in parts])), 6) for at in values}
        for way, values in parts[0].items()
    }


def chance(right: Bool[Tensor, "images texts"]) -> Recalls:
    """The expected recalls of a ranking by lot, exactly."""
    return {"text_to_image": _lot(right.T), "image_to_text": _lot(right)}


def _lot(right: Bool[Tensor, "queries answers"]) -> dict[str, float]:
    total = right.shape[1]
    counts = [count for count in right.sum(dim=1).tolist() if count]
    return {
        f"r{k}": round(float(np.mean([_drawn(count, total, k) for count in counts])), 6) for k in AT
    }


def _drawn(right: int, total: int, k: int) -> float:
    """The probability that one of the right ones is among k drawn of all."""
    return 1 - comb(total - right, k) / comb(total, k) if k < total else 1.0


def ceiling(own: Bool[Tensor, "images texts"], true: Bool[Tensor, "images texts"]) -> Recalls:
    """The expected recalls of one who ranks what is true first, and that by lot.

    Every own pair has to be true.
    """
    return {"text_to_image": _known(own.T, true.T), "image_to_text": _known(own, true)}


def _known(
    own: Bool[Tensor, "queries answers"], true: Bool[Tensor, "queries answers"]
) -> dict[str, float]:
    counts = list(zip(own.sum(dim=1).tolist(), true.sum(dim=1).tolist(), strict=True))
    return {
        f"r{k}": round(float(np.mean([_drawn(o, t, k) for o, t in counts if o])), 6) for k in AT
    }


def _mean(hits: Bool[Tensor, " queries"]) -> float:
    return round(hits.double().mean().item(), 6)
