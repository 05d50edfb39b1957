"""One door to every format: what a folder holds, and its examples.

The folder may be of one format, of several that share pictures (COCO and VQA v2), or hold such
folders under whatever names (coco/, vg/, conceptual/, sbu/), whose examples are then joined.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vilt_core.data import (
    coco,
    conceptual,
    flickr30k,
    jsonl_sets,
    nlvr2,
    sbu,
    shards,
    visual_genome,
    vqav2,
)
from vilt_core.data.examples import KINDS, DataSet
from vilt_core.data.sequences import Joined

# Shards whose folder does not say whose they are come last.
_FORMATS = (coco, flickr30k, visual_genome, conceptual, sbu, vqav2, nlvr2, shards)

EXPECTED = (
    "COCO or Flickr30k with Karpathy's JSON, Visual Genome, shards of img2dataset, VQA v2, NLVR2, "
    "or JSON lines (train.jsonl, captions.jsonl, ...)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A data set that a folder holds, not yet read."""

    format: str  # "coco", "vqav2", ..., "jsonl"
    kind: str  # of KINDS
    folder: Path
    splits: tuple[str, ...]
    derived: tuple[str, ...] = ()  # those of them that are made of others, or other names of them
    files: Mapping[str, Path] = field(default_factory=dict)  # of JSON lines: the file of each split
    read: Callable[[str], DataSet]  # the examples of a split


def recognise(folder: str | Path) -> list[Found]:
    """What data sets are in a folder; if none, those in the folders inside it.

    Looks for the files that a format cannot do without, and reads no more than a line of them.

    Raises:
        ValueError: no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        what = "file" if folder.suffix == ".jsonl" else "folder"
        raise ValueError(f"expected a {what} at {folder}, found none")
    if here := _here(folder):
        return here
    inner = sorted(path for path in folder.iterdir() if path.is_dir())
    return [found for path in inner for found in _here(path)]


def open_data(source: str | Path, *, split: str = "train", kind: str | None = None) -> DataSet:
    """The examples of a split: of a folder of any format, of several, or of a file of JSON lines.

    Pictures are opened later, and shards read later, so that this takes seconds at most for what
    fits on a disk. Of several data sets those that have the split are joined.

    Args:
        source: a folder, or a file of JSON lines (which has no splits: ``split`` is its name).
        split: "train", "val" or "test"; VQA v2 has others besides.
        kind: "captions", "questions" or "statements"; needed where the folder holds several kinds.

    Raises:
        ValueError: nothing there, nothing of that kind or split, or files that cannot be read.
    """
    if kind is not None and kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    source = Path(source)
    if source.is_file():
        return _of_kind(jsonl_sets.read_file(source, split=split), kind, source)
    every = recognise(source)
    if not every:
        others = "; ".join(jsonl_sets.passed_over(source)) or "nothing of the kind"
        raise ValueError(f"expected {EXPECTED} in {source}, found {others}")
    of_kind = [found for found in every if kind in (None, found.kind)]
    kinds = sorted({found.kind for found in every})
    if not of_kind:
        _check_lines(every)
        raise ValueError(f"expected {kind} in {source}, found {' and '.join(kinds)}")
    if len({found.kind for found in of_kind}) > 1:
        raise ValueError(f"{source} holds {' and '.join(kinds)}: say which kind is meant")
    chosen = [found for found in of_kind if split in found.splits]
    if not chosen:
        splits = dict.fromkeys(split for found in of_kind for split in found.splits)
        files = [file for found in of_kind for file in found.files.values()]
        alone = f"; a file of it can be named itself, such as {files[0]}" if files else ""
        raise ValueError(f"{source} has no split {split!r}, only {', '.join(splits)}{alone}")
    return join([found.read(split) for found in chosen])


def join(sets: list[DataSet]) -> DataSet:
    """Several data sets of one kind and split as one, without copying them."""
    if len(sets) == 1:
        return sets[0]
    return DataSet(
        name="+".join(each.name for each in sets),
        split=sets[0].split,
        kind=sets[0].kind,
        examples=Joined(each.examples for each in sets),
        missing=tuple(f"{each.name}: {line}" for each in sets for line in each.missing),
        vqa_rules=all(each.vqa_rules for each in sets),
        own_alone=all(each.own_alone for each in sets),
    )


def _here(folder: Path) -> list[Found]:
    found = []
    claimed = False  # the shards, by the first format whose name the folder has
    for module in _FORMATS:
        if splits := module.splits_in(folder):
            of_web = module in (conceptual, sbu)
            by_shards = of_web and not any((folder / name).is_file() for name in module.LISTS)
            taken = any(each.format in (conceptual.NAME, sbu.NAME) for each in found)
            if not (by_shards and claimed) and not (module is shards and taken):
                found.append(_published(module, folder, splits))
            claimed = claimed or by_shards
    return found + _own(folder)


def _published(module, folder: Path, splits: tuple[str, ...]) -> Found:
    return Found(
        format=module.NAME,
        kind=module.KIND,
        folder=folder,
        splits=splits,
        derived=tuple(split for split in splits if split in getattr(module, "DERIVED", ())),
        read=lambda split: module.read(folder, split=split),
    )


def _own(folder: Path) -> list[Found]:
    files = jsonl_sets.files_in(folder)
    return [
        Found(
            format=jsonl_sets.NAME,
            kind=kind,
            folder=folder,
            splits=tuple(split for of, split in files if of == kind),
            derived=tuple(name for of, name in files if of == kind and name in jsonl_sets.VAL[1:]),
            files={split: file for (of, split), file in files.items() if of == kind},
            read=lambda split, kind=kind: jsonl_sets.read_file(files[kind, split], split=split),
        )
        for kind in KINDS
        if any(of == kind for of, _ in files)
    ]


def _check_lines(every: list[Found]) -> None:
    """Of files whose kind is a guess, none of their lines being any, say what is wrong with them.

    Raises:
        ValueError: there is such a file.
    """
    for file in (file for found in every for file in found.files.values()):
        if jsonl_sets.kind_of(file) is None:
            jsonl_sets.read_file(file)


def _of_kind(data: DataSet, kind: str | None, source: Path) -> DataSet:
    if kind not in (None, data.kind):
        raise ValueError(f"expected {kind} in {source}, found {data.kind}")
    return data
