"""Referring expressions: which region of a picture do the words mean? (ViLBERT, section 3.2)."""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vilt_core.data.regions import overlaps_with
from vilt_core.evaluation.inference import Progress, evaluating, image_batches, said_first
from vilt_core.evaluation.sets import Source, check_world
from vilt_core.evaluation.sources import EVALUATION_SEED, draw_of
from vilt_core.interop.bundle import Bundle
from vilt_core.objectives.referring import IOU
from vilt_core.types import ImageBatch, RegionBatch
from vilt_core.world.referring import FORMS, referring
from vilt_core.world.scenes import Scene, scene

WORLD_REFERRED = 2000  # where no limit is given


@dataclass(frozen=True, slots=True, kw_only=True)
class Referred:
    """An expression, and the box of the one thing of its scene that it means."""

    picture: Scene
    text: str
    box: tuple[float, float, float, float]  # fractions of the picture
    form: str


def world_referred(split: str, *, seed: int = EVALUATION_SEED) -> Iterator[Referred]:
    """An expression for every scene in which anything stands out, without end."""
    for index in count():
        place = scene(seed, index, split=split)
        found = referring(place, draw_of("referring", split, seed, index))
        if found is not None:
            yield Referred(picture=place, text=found.text, box=found.box, form=found.form)


def referring_accuracy(
    bundle: Bundle,
    *,
    on: Source = "world:test",
    limit: int | None = None,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Point at what expressions mean: at the highest scoring region that the detector tells.

    Args:
        bundle: a model of regions with a head for this.
        on: a set of the world.
        limit: how many expressions at most; 2,000 otherwise.
        batch_size: expressions read at once; no result depends on it.
        progress: told (done, total) after every batch.

    Returns:
        "accuracy", the share of expressions whose region has an intersection over union of at least
        0.5 with what is meant, and "by_type" of expression. Beside it "chance", of a region by lot;
        "text_only", of the same model with the features of all regions zeroed, so that it has the
        words and the boxes alone; and "ceiling", the share of expressions for which the detector
        tells any such region. "regions" is how many it tells of a picture. Shares are in [0, 1].

    Raises:
        ValueError: a model without such a head or without a detector, or no set of the world.
    """
    split = check_world(on, limit, task="referring")
    if bundle.model.referring is None or bundle.model.image_detector is None:
        raise ValueError(f"{bundle.name} has no head that tells which region is meant: train one")
    asked = list(islice(world_referred(split), limit or WORLD_REFERRED))
    begun = time.perf_counter()
    right: dict[str, list[bool]] = defaultdict(list)
    kept: dict[str, list[float]] = defaultdict(list)
    pictures = [one.picture for one in asked]
    with evaluating(bundle.model):
        for rows, image in image_batches(bundle, pictures, size=batch_size, progress=progress):
            some = asked[rows.start : rows.stop]
            seen, fits = _looked(bundle, some, image)
            hits = _chosen(bundle, some, seen, fits)
            for one, hit in zip(some, hits.tolist(), strict=True):
                right[one.form].append(hit)
            blind = replace(seen, features=torch.zeros_like(seen.features))
            kept["text_only"] += _chosen(bundle, some, blind, fits).tolist()
            regions = seen.mask.sum(dim=1)
            kept["regions"] += regions.tolist()
            kept["chance"] += (fits.sum(dim=1) / regions.clamp(min=1)).tolist()
            kept["ceiling"] += fits.any(dim=1).tolist()
    seconds = time.perf_counter() - begun
    return {
        **said_first("referring", bundle, on, examples=len(asked), seconds=seconds),
        "accuracy": _mean([hit for hits in right.values() for hit in hits]),
        **{name: _mean(kept[name]) for name in ("chance", "text_only", "ceiling", "regions")},
        "by_type": {form: _mean(right[form]) for form in FORMS if right[form]},
    }


def _looked(
    bundle: Bundle, some: Sequence[Referred], image: ImageBatch
) -> tuple[RegionBatch, Bool[Tensor, "b n"]]:
    """The regions of the pictures, and which of them fit what is meant."""
    seen = bundle.model.look(image)
    assert isinstance(seen, RegionBatch)
    meant = torch.tensor([one.box for one in some], device=seen.boxes.device)
    overlap = overlaps_with(seen.boxes, meant[:, None]).squeeze(-1)
    return seen, (overlap >= IOU) & seen.mask


def _chosen(
    bundle: Bundle, some: Sequence[Referred], seen: RegionBatch, fits: Bool[Tensor, "b n"]
) -> Bool[Tensor, " b"]:
    """Whether the highest scoring region fits, of every expression."""
    text = bundle.tokenizer.encode([one.text for one in some]).batch.to(seen.features.device)
    scores: Float[Tensor, "b n"] = bundle.model.head("referring")(bundle.model(text, seen).image)
    best = scores.masked_fill(~seen.mask, -torch.inf).argmax(dim=1, keepdim=True)
    return fits.gather(1, best).squeeze(1)


def _mean(values: Sequence[float | int]) -> float:
    return round(sum(values) / len(values), 6)
