"""Which set is meant: one of the sticker world, a file of JSON lines, a folder, a ``DataSet``.

"world:test", "world:style" (an artist that no training has seen) and "world:composition" (pairs of
noun and relation, of colour and shape, kept out of training) are what is reported. "world:train"
gives fresh scenes of the training split: for watching a training and for choosing settings. A
folder of a public format is named as FOLDER or FOLDER:SPLIT; without a split it is "val", so that
nobody looks at a test set by accident.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from vilt_core.data.examples import CaptionExample, DataSet, QuestionExample, StatementExample
from vilt_core.data.folders import open_data, recognise
from vilt_core.data.sequences import Spread, present

WORLD = ("world:test", "world:style", "world:composition")
FRESH = "world:train"

Source = str | Path | DataSet
_Example = TypeVar("_Example", CaptionExample, QuestionExample, StatementExample)


def is_world(on: Source) -> bool:
    """Whether a set of the world is named, rather than files."""
    return not isinstance(on, DataSet) and str(on).startswith("world:")


def name_of(on: Source) -> str:
    """What a person calls a set."""
    return f"{on.name}:{on.split}" if isinstance(on, DataSet) else str(on)


def opened(on: Source, *, kind: str) -> DataSet | Path:
    """A data set of one kind of example; or a path that is no folder, which the reader may refuse.

    Raises:
        ValueError: a data set of another kind, or a folder that has none of this kind and split.
    """
    if isinstance(on, DataSet):
        if on.kind != kind:
            raise ValueError(f"expected a data set of {kind}, got {name_of(on)}, of {on.kind}")
        return on
    if Path(on).is_dir():
        return open_data(on, split="val", kind=kind)
    folder, _, split = str(on).rpartition(":")
    if folder and Path(folder).is_dir():
        return open_data(folder, split=split, kind=kind)
    return Path(on)


def data_set_of(on: Source, *, kind: str) -> DataSet:
    """A data set of one kind of example, from a file as well.

    Raises:
        ValueError: as ``opened``, or a file that is not there or not of this kind.
    """
    found = opened(on, kind=kind)
    if isinstance(found, DataSet):
        return found
    if not found.is_file():
        raise ValueError(f"expected a file of JSON lines or a folder at {found}, found none")
    return open_data(found, kind=kind)


def training_beside(on: Source, *, kind: str) -> DataSet | None:
    """The training split of the folder that a set is of; None of the world, and where none is.

    Args:
        on: what is scored: FOLDER, FOLDER:SPLIT, or a file in a folder that is named by its split.
        kind: of its examples.
    """
    if isinstance(on, DataSet) or is_world(on):
        return None
    path = Path(on)
    folder, _, split = str(on).rpartition(":")
    if path.is_dir():
        folder, split = str(path), "val"
    elif path.is_file():
        folder, split = str(path.parent), path.stem
    if split == "train" or not folder or not Path(folder).is_dir():
        return None
    splits = [one.splits for one in recognise(folder) if one.kind == kind]
    if not any("train" in some and split in some for some in splits):
        return None
    return open_data(folder, split="train", kind=kind)


def of_kind(
    found: DataSet, kind: type[_Example], *, limit: int | None = None
) -> Iterator[_Example]:
    """Examples of a data set that are there, of the class that its kind has.

    Args:
        found: the data set.
        kind: the class.
        limit: how many at most, spread over the set: a file may be sorted.
    """
    for example in present(Spread(found.examples, limit)):
        assert isinstance(example, kind)
        yield example


def world_split(on: Source, limit: int | None) -> str | None:
    """The split of a world set; None for anything else.

    Raises:
        ValueError: a limit under 1, or a set that the world does not have.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"limit must be at least 1, got {limit}")
    if not is_world(on):
        return None
    if on not in (*WORLD, FRESH):
        raise ValueError(f"expected {', '.join(WORLD)}, a file or a folder, got {on!r}")
    return str(on).removeprefix("world:")


def check_world(on: Source, limit: int | None, *, task: str) -> str:
    """The split of a world set, for what is asked of the world alone.

    Raises:
        ValueError: as ``world_split``, or anything but a set of the world.
    """
    split = world_split(on, limit)
    if split is None:
        raise ValueError(f"{task} is asked of the sticker world alone, got {name_of(on)}")
    return split


def check_any(found: Sequence[Any], on: Source) -> None:
    """Refuse a set in which nothing was found.

    Raises:
        ValueError: nothing was.
    """
    if not found:
        raise ValueError(f"{name_of(on)} must hold at least one line, it holds none")
