"""NLVR2 (Suhr et al., ACL 2019): is a statement true of a pair of photographs?

    nlvr2/
        images/train/0/train-10108-0-img0.png ...    on request from its authors
        dev/dev-850-0-img0.png ...                   or inside images/
        test1/test1-0-0-img0.png ...
        nlvr2/data/train.json, dev.json, test1.json  github.com/lil-lab/nlvr; data/ or here will do

The identifier "dev-850-2-1" says: split, set of pictures, pair of the set, sentence. Consistency
counts a sentence as right if it is so for every pair, so that the official script groups by all
but the pair; ``group`` is "dev-850--1", as it writes it.

What differs from the 2021 code: "val" is dev, and no model is chosen by its score on test.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from vilt_core.data.examples import DataSet, ImageFile, StatementExample
from vilt_core.data.json_files import field, shown

NAME = "nlvr2"
KIND = "statements"
SPLITS = ("train", "val", "test")

_PUBLISHED = {"train": "train", "val": "dev", "test": "test1"}
_LABELS = {"true": True, "false": False}


def splits_in(root: Path) -> tuple[str, ...]:
    """The splits that a folder holds; none where it is not of this format."""
    return tuple(split for split in SPLITS if _find(root, _PUBLISHED[split]))


def read(root: Path, *, split: str) -> DataSet:
    """The statements of one split.

    Raises:
        ValueError: a file that is not there, not readable or not of this format.
    """
    published = _PUBLISHED[split]
    file = _find(root, published)
    if file is None:
        raise ValueError(f"expected NLVR2's {published}.json in {root}, found none")
    outer, inner = root / published, root / "images" / published
    folder = inner if inner.is_dir() else outer
    missing = () if folder.is_dir() else (f"the folder of pictures {folder}",)
    examples = list(_statements(file, folder))
    return DataSet(name=NAME, split=split, kind=KIND, examples=examples, missing=missing)


def _find(root: Path, published: str) -> Path | None:
    for place in (root, root / "data", root / "nlvr2" / "data"):
        file = place / f"{published}.json"
        if file.is_file() and _is_ours(file):
            return file
    return None


def _is_ours(file: Path) -> bool:
    """Whether the first line has an identifier: many data sets have a file named train.json."""
    with file.open("rb") as lines:
        return b'"identifier"' in lines.readline(1 << 16)


def _statements(file: Path, folder: Path) -> Iterator[StatementExample]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield _statement(line, folder, where=f"{file.name} line {number}")


def _statement(line: bytes, folder: Path, *, where: str) -> StatementExample:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where} is not readable JSON: {error}") from error
    identifier = field(entry, "identifier", str, where=where)
    parts = identifier.split("-")
    if len(parts) != 4:
        raise ValueError(f"{where}: expected an identifier like dev-850-2-1, got {identifier!r}")
    split, pictures, pair, sentence = parts
    label = entry.get("label")
    if label is not None and str(label).lower() not in _LABELS:
        raise ValueError(f"{where}: expected the label True or False, got {shown(label)}")
    if "directory" in entry:
        folder = folder / str(entry["directory"])
    names = (f"{split}-{pictures}-{pair}-img{side}.png" for side in (0, 1))
    return StatementExample(
        images=tuple(ImageFile(folder / name) for name in names),
        statement=field(entry, "sentence", str, where=where).strip(),
        label=None if label is None else _LABELS[str(label).lower()],
        id=identifier,
        group=f"{split}-{pictures}--{sentence}",
    )
