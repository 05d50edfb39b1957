"""How well a detector finds the stickers of scenes: average precision, and what it misses.

Everingham et al. (IJCV 2010), with the area under all of the curve, as PASCAL VOC since 2010.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vilt_core.data.image import normalise
from vilt_core.evaluation.tables import percent, table
from vilt_core.layers.boxes import TrueBoxes
from vilt_core.layers.detector import Detector
from vilt_core.types import ImageBatch, RegionBatch
from vilt_core.world.rendering import paint
from vilt_core.world.scenes import Scene, scene

IOU = 0.5  # of a box with a true one, from which on it is found


def boxes_of(seen: Scene) -> TrueBoxes:
    """What is in a scene; a class is a sprite's place after the background, as of patches."""
    return TrueBoxes(
        boxes=torch.tensor([thing.box for thing in seen.objects]),
        classes=torch.tensor([thing.sprite.index + 1 for thing in seen.objects]),
    )


def average_precision(
    scores: Float[Tensor, " n"], hits: Bool[Tensor, " n"], *, truths: int
) -> float:
    """The area under precision by recall, where precision is the best at that recall or beyond.

    Args:
        scores: How sure the detector was.
        hits: Whether it was right.
        truths: How much there was to be found.
    """
    right = hits[scores.argsort(descending=True, stable=True)].double()
    precision = right.cumsum(0) / torch.arange(1, len(right) + 1)
    best = precision.flip(0).cummax(0).values.flip(0) if len(right) else precision
    return float((best * right).sum() / truths)


def hits_of(
    boxes: Float[Tensor, "n 4"], truths: Float[Tensor, "m 4"], *, iou: float = IOU
) -> Bool[Tensor, " n"]:
    """Which boxes find a thing that none before them found: each takes the one it fits best."""
    from torchvision.ops import box_iou

    shared = box_iou(boxes, truths)
    hits = torch.zeros(len(boxes), dtype=torch.bool)
    for at, own in enumerate(shared):
        if len(own) and own.max() >= iou:
            hits[at] = True
            shared[:, own.argmax()] = -1.0
    return hits


@torch.no_grad()
def measure_detector(
    detector: Detector,
    *,
    size: int = 128,
    pictures: int = 500,
    split: str = "test",
    seed: int = 0,
    limit: int = 36,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, int | float]:
    """Score the regions that a detector tells of scenes that it never saw.

    ``average_precision`` is the mean over the classes that are there to be found; ``recall`` the
    share of things that any region is on, ``named`` of those that one is on and names.

    Args:
        detector: In evaluation.
        size: Side of the pictures in pixels.
        pictures: How many.
        split: Of the world.
        seed: Of the scenes.
        limit: The most regions of a picture.
        progress: Told of the pictures that are done, and of all.
    """
    scores, hits, kinds, there = [], [], [], Counter()
    found = done = 0
    device = next(detector.parameters()).device
    for first in range(0, pictures, 16):
        some = [scene(seed, at, split=split) for at in range(first, min(first + 16, pictures))]
        pixels = torch.stack([normalise(paint(one, size).pixels) for one in some])
        told = detector(ImageBatch(pixels=pixels).to(device), limit=limit).to("cpu")
        for row, one in enumerate(some):
            truth = boxes_of(one)
            boxes, sure, named = _surest_first(told, row)
            found += int(hits_of(boxes, truth.boxes).sum())
            there.update(truth.classes.tolist())
            for kind in set(named.tolist()):
                own = named == kind
                scores.append(sure[own])
                hits.append(hits_of(boxes[own], truth.boxes[truth.classes == kind]))
                kinds.append(named[own])
        done += len(some)
        if progress is not None:
            progress(done, pictures)
    score, hit, kind = torch.cat(scores), torch.cat(hits), torch.cat(kinds)
    precisions = [
        average_precision(score[kind == one], hit[kind == one], truths=count)
        for one, count in there.items()
    ]
    things = there.total()
    return {
        "pictures": done,
        "things": things,
        "regions": len(score) / done,
        "average_precision": sum(precisions) / len(precisions),
        "recall": found / things,
        "named": int(hit.sum()) / things,
    }


def detector_card(told: dict[str, Any]) -> str:
    """What a reader wants to know of a detector, from its scores alone.

    Args:
        told: from ``measure_detector``, with the ``command`` that trained it and its ``steps``.
    """
    rows = [
        ["things that a box is on", percent(told["recall"])],
        ["things that a box is on and names", percent(told["named"])],
        ["average precision, mean over classes", percent(told["average_precision"])],
        ["boxes of a picture", f"{told['regions']:.1f}"],
    ]
    return (
        "# A detector of stickers\n\n"
        "A small Faster R-CNN (Ren et al., NeurIPS 2015), trained from nothing on sticker boxes. "
        "It is what ViLBERT, UNITER, X-LXMERT and SCAN see with here. Of photographs it says "
        "nothing of value.\n\n"
        f"    {told['command']}\n\n"
        f"Scored after {told['steps']:,} steps on {told['pictures']:,} scenes of the test split, "
        f"{told['things']:,} things; a box is on a thing from an overlap (IoU) of {IOU} on. In "
        "percent where nothing else is said.\n\n" + table(["", "test"], rows) + "\n"
    )


def _surest_first(told: RegionBatch, row: int) -> tuple[Tensor, Tensor, Tensor]:
    """Of one picture the boxes, how sure each is, and of which class."""
    assert told.classes is not None
    sure, named = told.classes[row, told.mask[row], 1:].max(dim=-1)
    order = sure.argsort(descending=True, stable=True)
    return told.boxes[row, told.mask[row]][order], sure[order], named[order] + 1
