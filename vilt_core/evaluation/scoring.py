"""Every picture with every text: each picture embedded once, texts of about one length together.

The predictor's ``match`` and the measure of retrieval share this.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from jaxtyping import Float
from torch import Tensor

from vilt_core.layers.reader import PairReader
from vilt_core.types import ImageBatch, TextBatch

PAIRS = 8  # that are read at once: more leave a processor's caches
GPU_PAIRS = 256

Judge = Callable[[Float[Tensor, "b d"]], Float[Tensor, " b"]]
Placed = tuple[Sequence[int], ImageBatch]  # pictures of one size, and their rows in the matrix


def judge_of(model: PairReader) -> tuple[str, Judge] | None:
    """Which head tells how well a picture and a text fit, and its score from pooled states.

    "rank" where a model has it: it was fine-tuned for retrieval last, and its ITM head was left
    behind. Else "itm", whose score is the logarithm of the odds of a match; the logistic function
    gives the probability. None where a model has neither.
    """
    itm, rank = model.itm, model.rank
    if rank is not None:
        return "rank", lambda pooled: rank(pooled).float()
    if itm is not None:
        return "itm", lambda pooled: itm(pooled).float().diff(dim=-1)[:, 0]
    return None


def score_all(
    model: PairReader,
    batches: Iterable[Placed],
    text: TextBatch,
    *,
    judge: Judge,
    images: int,
    pairs_at_once: int = PAIRS,
    progress: Callable[[int, int], None] | None = None,
) -> Float[np.ndarray, "images texts"]:
    """The score of every picture with every text.

    Args:
        model: in evaluation mode, without gradients: that is the caller's to see to.
        batches: all pictures, a few of one size at a time, on the model's device.
        text: all texts, on the model's device.
        judge: from ``judge_of``.
        images: how many pictures there will be.
        pairs_at_once: no result depends on it.
        progress: told (pictures done, of how many) after every batch of them.
    """
    lengths = text.mask.sum(dim=1).tolist()
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    scores = np.zeros((images, len(order)), dtype=np.float32)
    done = 0
    for rows, batch in batches:
        seen = model.look(batch)
        for which, columns in _pairs(len(rows), order, most=pairs_at_once):
            longest = lengths[columns[-1]]
            some = TextBatch(ids=text.ids[columns, :longest], mask=text.mask[columns, :longest])
            found = judge(model.pool(some, seen.take(which)))
            scores[[rows[row] for row in which], columns] = found.cpu().numpy()
        done += len(rows)
        if progress is not None:
            progress(done, images)
    return scores


def of_one_size(sizes: Sequence[tuple[int, ...]], *, most: int) -> Iterator[list[int]]:
    """Which pictures have the same size, at most so many at a time."""
    rows: dict[tuple[int, ...], list[int]] = {}
    for row, size in enumerate(sizes):
        rows.setdefault(size, []).append(row)
    for same in rows.values():
        for first in range(0, len(same), most):
            yield same[first : first + most]


def _pairs(
    images: int, order: Sequence[int], *, most: int
) -> Iterator[tuple[list[int], list[int]]]:
    """Every image with every text, in the order of the texts: rows and columns of a batch."""
    total = images * len(order)
    for first in range(0, total, most):
        some = range(first, min(first + most, total))
        yield [at % images for at in some], [order[at // images] for at in some]
