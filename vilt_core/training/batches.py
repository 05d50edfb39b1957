"""Rows and batches: what one training step sees, whatever data it came from.

A row is a pure function of (seed, stage, step, place in the global batch), never of its neighbours.
So the data of a run do not depend on workers, on the number of processes, on gradient accumulation
or on where the run was resumed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from vilt_core.data.image import HALF, ImageBytes, brightness, stack, stack_levels
from vilt_core.objectives import asked_differences
from vilt_core.objectives.mlm import IGNORED
from vilt_core.types import ImageBatch, TextBatch

OBJECTIVES: tuple[str, ...] = (
    "naming", "mentioning", "grounding", "locating", "gathering", "comparing", "mlm", "itm",
    "wpa", "mpp", "vqa", "nlvr2", "ranking", "contrastive", "triplet", "referring", "choice",
    "region_kl", "region_regression", "region_class",
)  # fmt: skip
NOT_ASKED = -1  # of matching, where a row serves another objective

# Bytes, or where a picture is none (a blend of two) floats as a model reads them.
Pixels = UInt8[Tensor, "3 _height _width"] | Float[Tensor, "3 _height _width"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One picture with its text, or its texts, and whatever truth is known of them."""

    pixels: Pixels
    texts: tuple[Int[Tensor, " _l"], ...] = ()  # token ids; several where one is to be chosen
    second: Pixels | None = None  # the right picture of NLVR2, of a size of its own
    mean: tuple[float, float, float] = HALF  # what normalises bytes, the same in all rows
    std: tuple[float, float, float] = HALF
    masked: Int[Tensor, " _l"] | None = None  # labels of masked language modelling
    matched: int = NOT_ASKED  # 1 matches, 0 does not
    answer: int | None = None  # index of the one true answer
    scores: Float[Tensor, " k"] | None = None  # what each answer is worth, where people disagree
    statement: int | None = None  # 1 true, 0 false
    chosen: int | None = None  # of several texts, the true one of a multiple choice
    boxes: Float[Tensor, "things 4"] | None = None  # of all things, as shares of the sides
    meant: int | None = None  # of these, the one that the text refers to
    kept: Bool[Tensor, "rows columns"] | None = None  # patches that are read, where not all are
    second_kept: Bool[Tensor, "_rows _columns"] | None = None  # of the right picture
    hidden: Bool[Tensor, "rows columns"] | None = None  # of these: patches to predict
    covered: Bool[Tensor, "rows columns"] | None = None  # of these: behind the mask token
    # Of each patch that is read, in raster order:
    patches: Int[Tensor, " n"] | None = None  # class of its owner, IGNORED if unclear
    mentioned: Int[Tensor, " n"] | None = None  # 1 if the text speaks of the owner, else 0
    grounded: Bool[Tensor, "_l n"] | None = None  # the patches that each noun's pieces speak of
    numbers: Int[Tensor, " _l"] | None = None  # objects each noun speaks of, IGNORED elsewhere
    centres: Float[Tensor, "_l 2"] | None = None  # their mean centre, as objectives.scaled has it
    differences: Float[Tensor, " 3"] | None = None  # of the two things named, NaN if not asked
    broken: tuple[str, ...] = ()  # pictures that could not be read, and were passed over


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a batch says beside its pictures. An objective runs where its truth is given."""

    # "patches", "captions", "pairs", "questions", "statements", "ranking", "referring", "choices"
    kind: str
    # Of choices and of ranking several a picture, of ranking the true one first.
    text: TextBatch | None = None
    masked: Int[Tensor, "b l"] | None = None
    matched: Int[Tensor, " b"] | None = None
    answers: Int[Tensor, " b"] | None = None
    scores: Float[Tensor, "b k"] | None = None
    statements: Int[Tensor, " b"] | None = None
    chosen: Int[Tensor, " b"] | None = None
    boxes: Float[Tensor, "b things 4"] | None = None  # 0 fills up
    meant: Int[Tensor, " b"] | None = None
    kept: Bool[Tensor, "b rows columns"] | None = None
    second_kept: Bool[Tensor, "b _rows _columns"] | None = None
    hidden: Bool[Tensor, "b rows columns"] | None = None
    covered: Bool[Tensor, "b rows columns"] | None = None
    patches: Int[Tensor, "b n"] | None = None
    mentioned: Int[Tensor, "b n"] | None = None
    grounded: Bool[Tensor, "b l n"] | None = None
    numbers: Int[Tensor, "b l"] | None = None
    centres: Float[Tensor, "b l 2"] | None = None
    differences: Float[Tensor, "b 3"] | None = None
    broken: tuple[str, ...] = ()

    def to(self, device) -> "Batch":
        """Copy to a device, where pictures that waited are normalised."""
        parts = {field.name: getattr(self, field.name) for field in fields(self)}
        return Batch(**{k: v.to(device) if hasattr(v, "to") else v for k, v in parts.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch(Told):
    """What one training step sees."""

    image: ImageBatch
    second: ImageBatch | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting(Told):
    """The same while it waits for its step: pictures in bytes, where they can be, are smaller."""

    image: ImageBatch | ImageBytes
    second: ImageBatch | ImageBytes | None = None


@runtime_checkable
class Source(Protocol):
    """Where rows come from: the sticker world, or examples on disk."""

    def kind(self, step: int) -> str:
        """What the batch of a step is made of."""
        ...

    def rows(self, step: int, places: range) -> list[Row]:
        """Some rows of a step's global batch, by their places in it."""
        ...


def collate(kind: str, rows: Sequence[Row], *, pad: int) -> Batch:
    """Rows side by side as a model reads them, texts and pictures padded to the largest.

    Args:
        kind: of the batch.
        rows: at least one, all with the same truths.
        pad: the token id that fills up texts.
    """
    return side_by_side(kind, rows, pad=pad).to("cpu")


def side_by_side(kind: str, rows: Sequence[Row], *, pad: int) -> Waiting:
    """The same rows for a while: ``to`` makes of them what ``collate`` does, on any device.

    Args:
        kind: of the batch.
        rows: at least one, all with the same truths.
        pad: the token id that fills up texts.
    """
    texts = [ids for row in rows for ids in row.texts]
    text = None
    if texts:
        ids = _padded(texts, fill=pad)
        lengths = torch.tensor([len(one) for one in texts])
        text = TextBatch(ids=ids, mask=torch.arange(ids.shape[1]) < lengths[:, None])
    right = [row.second for row in rows if row.second is not None]
    return Waiting(
        kind=kind,
        image=_pictures([row.pixels for row in rows], rows[0]),
        text=text,
        second=_pictures(right, rows[0]) if right else None,
        masked=_joined([row.masked for row in rows], fill=IGNORED),
        matched=_numbers([row.matched for row in rows]) if kind == "captions" else None,
        answers=_numbers([row.answer for row in rows]),
        scores=_joined([row.scores for row in rows], fill=0.0),
        statements=_numbers([row.statement for row in rows]),
        chosen=_numbers([row.chosen for row in rows]),
        boxes=_joined([row.boxes for row in rows], fill=0.0),
        meant=_numbers([row.meant for row in rows]),
        kept=_joined([row.kept for row in rows], fill=False),
        second_kept=_joined([row.second_kept for row in rows], fill=False),
        hidden=_joined([row.hidden for row in rows], fill=False),
        covered=_joined([row.covered for row in rows], fill=False),
        patches=_joined([row.patches for row in rows], fill=IGNORED),
        mentioned=_joined([row.mentioned for row in rows], fill=IGNORED),
        grounded=_joined([row.grounded for row in rows], fill=False),
        numbers=_joined([row.numbers for row in rows], fill=IGNORED),
        centres=_joined([row.centres for row in rows], fill=0.0),
        differences=_joined([row.differences for row in rows], fill=math.nan),
        broken=tuple(name for row in rows for name in row.broken),
    )


def floats(
    picture: Pixels,
    *,
    mean: tuple[float, float, float] = HALF,
    std: tuple[float, float, float] = HALF,
) -> Float[Tensor, "3 _height _width"]:
    """A picture as a model reads it, whichever way it is kept."""
    return picture if picture.dtype != torch.uint8 else brightness(picture, mean=mean, std=std)


def matching_rows(batch: Told) -> Bool[Tensor, " b"]:
    """The rows whose matching is asked about."""
    if batch.matched is None:
        raise ValueError(f"expected a batch of captions, got one of {batch.kind}")
    return batch.matched != NOT_ASKED


def counts(batch: Batch | Waiting) -> dict[str, int]:
    """Over how many things each objective of this batch takes its mean.

    Known before the forward pass, so that parts of a global batch can be weighted as if they were
    one: by their own count over everybody's.
    """
    found: dict[str, int] = {}
    if batch.patches is not None:
        found["naming"] = int((batch.patches != IGNORED).sum())
    if batch.mentioned is not None:
        found["mentioning"] = int((batch.mentioned != IGNORED).sum())
    if batch.grounded is not None:
        found["grounding"] = found["gathering"] = int(batch.grounded.any(dim=-1).sum())
    if batch.numbers is not None:
        found["locating"] = int((batch.numbers != IGNORED).sum())
    if batch.differences is not None:
        found["comparing"] = asked_differences(batch.differences)
    if batch.masked is not None:
        found["mlm"] = int((batch.masked != IGNORED).sum())
    if batch.matched is not None:
        found["itm"] = found["wpa"] = int(matching_rows(batch).sum())
        # How many regions are hidden is known only when they are seen: their rows count.
        hiding = len(batch.matched) - found["itm"]
        found["region_kl"] = found["region_regression"] = found["region_class"] = hiding
    if batch.hidden is not None:
        found["mpp"] = int(batch.hidden.sum())
    if batch.scores is not None:
        found["vqa"] = len(batch.scores)
    elif batch.answers is not None:
        found["vqa"] = int((batch.answers != IGNORED).sum())
    if batch.statements is not None:
        found["nlvr2"] = len(batch.statements)
    if batch.meant is not None:
        found["referring"] = len(batch.meant)
    if batch.chosen is not None:
        found["choice"] = len(batch.chosen)
    if batch.kind == "ranking":
        found["ranking"] = len(batch.image.pixels)
    if batch.kind == "pairs":
        found["contrastive"] = found["triplet"] = len(batch.image.pixels)
    return found


def _padded(values: Sequence[Tensor], *, fill: int | float) -> Tensor:
    """Tensors of one rank in one, each in the corner of its row."""
    sides = [max(value.shape[axis] for value in values) for axis in range(values[0].ndim)]
    joined = torch.full((len(values), *sides), fill, dtype=values[0].dtype)
    for row, value in zip(joined, values, strict=True):
        row[tuple(slice(side) for side in value.shape)] = value
    return joined


def _joined(values: Sequence[Tensor | None], *, fill: int | float) -> Tensor | None:
    given = [value for value in values if value is not None]
    return _padded(given, fill=fill) if given else None


def _numbers(values: Sequence[int | None]) -> Tensor | None:
    given = [value for value in values if value is not None]
    return torch.tensor(given) if given else None


def _pictures(pictures: Sequence[Pixels], like: Row) -> ImageBatch | ImageBytes:
    """In bytes if all are; a model reads the same of either."""
    levels = {"mean": like.mean, "std": like.std}
    if all(picture.dtype == torch.uint8 for picture in pictures):
        return stack_levels(pictures, **levels)
    return stack([floats(picture, **levels) for picture in pictures])
