"""Masked region modelling in training: which regions each rival hides, and what it tells of them.

ViLBERT, UNITER and X-LXMERT differ in both; what they share is that only rows whose words may be
hidden have hidden regions: matching sees everything.
"""

from dataclasses import replace

import torch
from jaxtyping import Bool
from torch import Tensor

from vilt_core import objectives
from vilt_core.data.regions import Hidden, hide_cells, hide_regions, hide_square
from vilt_core.layers.reader import PairReader
from vilt_core.models.uniter import Uniter
from vilt_core.models.vilbert import Vilbert
from vilt_core.models.xlxmert import Xlxmert
from vilt_core.types import ModelOutput, RegionBatch

SQUARES = 0.5  # share of X-LXMERT's batches whose hidden cells are a square


def hide(
    model: PairReader, seen: RegionBatch, rows: Bool[Tensor, " b"], *, generator: torch.Generator
) -> tuple[RegionBatch, Bool[Tensor, "b n"]]:
    """The regions with some of them covered, and which of them are asked about.

    Args:
        model: Whose way it is.
        seen: What the detector saw.
        rows: Where anything is hidden at all.
        generator: The source of chance.
    """
    hidden = _hidden(model, seen, generator)
    here = rows[:, None]
    return replace(seen, covered=hidden.covered & here), hidden.asked & here


def _hidden(model: PairReader, seen: RegionBatch, generator: torch.Generator) -> Hidden:
    if isinstance(model, Vilbert):
        return hide_regions(seen.mask, generator=generator, shown=0.1, boxes=seen.boxes)
    if isinstance(model, Xlxmert):
        if torch.rand((), generator=generator) < SQUARES:
            return hide_square(seen.mask, columns=model.config.grid, generator=generator)
        return hide_cells(seen.mask, generator=generator)
    return hide_regions(seen.mask, generator=generator)


def told(
    model: PairReader, output: ModelOutput, seen: RegionBatch, asked: Bool[Tensor, "b n"]
) -> dict[str, Tensor]:
    """The losses of what a model says of hidden regions.

    Args:
        model: The one that read them.
        output: What it made of them.
        seen: What there was to see.
        asked: Of these regions.
    """
    states = output.image[asked]
    if isinstance(model, Xlxmert):
        entries = model.image_codebook.nearest(seen.features[asked])
        return {"region_class": objectives.region_class(model.region_class(states), entries)}
    if not isinstance(model, Uniter | Vilbert) or seen.classes is None:
        return {}
    found = {"region_kl": objectives.region_kl(model.region_class(states), seen.classes[asked])}
    if isinstance(model, Uniter):
        found["region_regression"] = objectives.region_regression(
            model.region_features(states), seen.features[asked]
        )
    return found
