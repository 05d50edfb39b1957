"""Retrieval: a caption's picture among all pictures, and a picture's captions among all captions.

Recall at k, as the papers report it (section 4.4): how often one of the right ones is among the
first k. Every picture is scored with every caption, by the retrieval head, or where there is none
by the ITM head (zero-shot). That is a pass of the whole model for each pair: a million for a
thousand pictures with a caption each. A dual encoder reads each picture and each caption once.
"""

import time
from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vilt_core.evaluation.galleries import Gallery, gallery_of
from vilt_core.evaluation.inference import (
    Precision,
    Progress,
    cut_texts,
    evaluating,
    image_of,
    levels_ahead,
    said_first,
)
from vilt_core.evaluation.recall import (
    alike,
    ceiling,
    chance,
    fold_recalls,
    ownership,
    recalls,
)
from vilt_core.evaluation.scoring import Judge, Placed, judge_of, of_one_size, score_all
from vilt_core.evaluation.sets import Source
from vilt_core.interop.bundle import Bundle
from vilt_core.world.programs import execute
from vilt_core.world.scenes import Scene

FOLD = 1000  # pictures in a fold, where a gallery is made of several: COCO's 5k and 1k
HELD = 64  # pictures held at once, as many of the next waiting


def retrieval_recall(
    bundle: Bundle,
    *,
    on: Source = "world:test",
    limit: int | None = None,
    batch_size: int = 64,
    precision: Precision = "float32",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Rank all captions for each picture of a gallery, and all pictures for each caption.

    Args:
        bundle: a model with a retrieval or an ITM head, or a dual encoder.
        on: a set of the world, a file of captions, or a data set of them; see galleries.py.
        limit: how many pictures at most; 1,000 of the world, or all otherwise.
        batch_size: pairs read at once; no result depends on it.
        precision: of matrix products; half of it is faster on GPUs and changes scores a little.
        progress: told (pictures done, of how many).

    Returns:
        "text_to_image" and "image_to_text", each {"r1", "r5", "r10"} in [0, 1]; "chance", the same
        of a ranking by lot. "gallery" and "captions" count them, and "head" is "rank", "itm" or, of
        a dual encoder, "vectors". "zero_shot": whether it is the ITM head's, which pre-training
        taught to match and nothing to rank.
        Of a data set a caption is right of the picture that it was made for, and of those that have
        one of the same words; of COCO and Flickr30k, as published, of the first alone. Of several
        thousand pictures "folds" has the mean over folds of 1,000
        (COCO's second number), or "no_folds" says why there are none. Pictures that cannot be read
        are passed over with their captions: "unreadable" counts these, "named" has what is wrong
        with the first. "cut" counts the captions that the model reads the beginning of alone, where
        any is too long for it.

        A sentence of the world is true of other scenes as well, and its program says of which:
        there, every pair that is true is right.

        Where more is right than what was made together, in the world or because captions repeat,
        "own" counts that alone, as is published of data sets ("folds" has it too), and "ceiling" is
        the most that this can be expected to be, for one who knows what is right and no more.

    Raises:
        ValueError: a model without such a head, a set that cannot be read, or too many pictures
            that cannot.
    """
    head, judge = _ranked_by(bundle)
    gallery = gallery_of(on, limit=limit)
    begun = time.perf_counter()
    scores = gallery_scores(
        bundle, gallery, judge=judge, batch_size=batch_size, precision=precision, progress=progress
    )
    seconds = time.perf_counter() - begun
    owners = torch.tensor(gallery.owners)
    own = ownership(owners, pictures=len(gallery.pictures))
    right = _right(gallery, own)
    result = {
        **said_first("retrieval", bundle, on, examples=len(gallery.pictures), seconds=seconds),
        "gallery": len(gallery.pictures),
        "captions": len(gallery.captions),
        "head": head,
        "zero_shot": head == "itm",
        **recalls(scores, right),
        "chance": chance(right),
    }
    result |= gallery.passed_over | cut_texts(bundle, gallery.captions)
    more = not torch.equal(own, right)
    if gallery.programs or more:
        result |= {"own": recalls(scores, own), "ceiling": ceiling(own, right)}
    if gallery.programs or len(gallery.pictures) <= FOLD:
        return result
    if len(gallery.pictures) % FOLD:
        return result | {"no_folds": _why_no_folds(gallery)}
    folds: dict[str, Any] = {"gallery": FOLD}
    folds |= fold_recalls(scores, owners, size=FOLD, right=right)
    if more:
        folds["own"] = fold_recalls(scores, owners, size=FOLD)
    return result | {"folds": folds}


def _right(gallery: Gallery, own: Bool[Tensor, "images texts"]) -> Bool[Tensor, "images texts"]:
    """Which pairs count: see ``retrieval_recall``."""
    if gallery.programs:
        return truth(gallery)
    return own if gallery.own_alone else alike(own, gallery.captions)


def _why_no_folds(gallery: Gallery) -> str:
    why = f"{len(gallery.pictures):,} pictures are no whole number of folds of {FOLD:,}"
    lost = gallery.passed_over.get("unreadable", 0)
    return f"{why}: {lost:,} could not be read" if lost else why


def _ranked_by(bundle: Bundle) -> tuple[str, Judge | None]:
    if bundle.model.dual:
        return "vectors", None
    found = judge_of(bundle.model)
    if found is None:
        raise ValueError(f"{bundle.name} ranks nothing: it has no retrieval and no ITM head")
    return found


def gallery_scores(
    bundle: Bundle,
    gallery: Gallery,
    *,
    judge: Judge | None,
    batch_size: int = 64,
    precision: Precision = "float32",
    progress: Progress | None = None,
) -> Float[Tensor, "images texts"]:
    """The score of every picture with every caption; without a judge, a dual encoder's own."""
    device = next(bundle.model.parameters()).device

    def batches() -> Iterator[Placed]:
        starts = range(0, len(gallery.pictures), HELD)
        held = [gallery.pictures[first : first + HELD] for first in starts]
        for first, seen in zip(starts, levels_ahead(bundle, held), strict=True):
            for rows in of_one_size([tuple(one.shape) for one in seen], most=batch_size):
                yield [first + row for row in rows], image_of([seen[row] for row in rows], bundle)

    text = bundle.tokenizer.encode(gallery.captions).batch.to(device)
    with evaluating(bundle.model, precision=precision):
        if judge is None:
            scores = torch.zeros(len(gallery.pictures), len(gallery.captions))
            for rows, image in batches():
                scores[rows] = bundle.model.score_all(text, image).mT.float().cpu()
                if progress is not None:
                    progress(max(rows) + 1, len(gallery.pictures))
            return scores
        scores = score_all(
            bundle.model,
            batches(),
            text,
            judge=judge,
            images=len(gallery.pictures),
            pairs_at_once=batch_size,
            progress=progress,
        )
    return torch.from_numpy(scores)


def truth(gallery: Gallery) -> Bool[Tensor, "images texts"]:
    """Which caption of the world is true of which of its scenes, by its program."""
    return torch.tensor(
        [
            [execute(program, place) for program in gallery.programs]
            for place in gallery.pictures
            if isinstance(place, Scene)
        ]
    )
