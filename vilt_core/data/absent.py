"""Pictures in files that are not there, found by listing folders: no picture is opened."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from vilt_core.data.examples import DataSet, Example, Examples, ImageFile, StoredImage, pictures_of
from vilt_core.data.sequences import Joined, present
from vilt_core.data.shards import ShardExamples


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """Which pictures of a data set are not there."""

    images: tuple[ImageFile, ...]  # each once, in the order of the examples
    of: int  # different pictures of the data set, those that are there and those that are not


def absent_pictures(data: DataSet) -> Absent:
    """Look for every picture that is to be a file of its own; those in shards are not looked for.

    Every folder is listed once: 200,000 questions take a second or two.
    """
    parts = _parts(data.examples)
    in_shards = sum(len(part) for part in parts if isinstance(part, ShardExamples))
    seen = dict.fromkeys(image for example in in_files(data) for image in pictures_of(example))
    is_there = looking()
    absent = (image for image in seen if isinstance(image, ImageFile) and not is_there(image))
    return Absent(images=tuple(absent), of=len(seen) + in_shards)


def in_files(data: DataSet) -> Iterator[Example]:
    """The examples of a data set that are in no shard, and that can be made."""
    for part in _parts(data.examples):
        if not isinstance(part, ShardExamples):
            yield from present(part)


def looking() -> Callable[[StoredImage], bool]:
    """Whether pictures are there, by folders as they are when they are first asked for.

    A name that its folder's list lacks is looked for by itself: file systems may know it in another
    case or spelling. What lies in a shard is taken to be there.
    """
    names_in = lru_cache(maxsize=None)(_names_in)

    def is_there(image: StoredImage) -> bool:
        if not isinstance(image, ImageFile):
            return True
        return image.path.name in names_in(image.path.parent) or _exists(image.path)

    return is_there


def _parts(examples: Examples) -> Iterator[Examples]:
    if isinstance(examples, Joined):
        for part in examples.parts:
            yield from _parts(part)
    else:
        yield examples


def _names_in(folder: Path) -> frozenset[str]:
    """The names of the files in a folder; none where it is missing, or may not be listed.

    A link counts where what it leads to is there: of pictures that were not fetched, git-annex
    leaves links to nothing.
    """
    try:
        with os.scandir(folder) as found:
            return frozenset(entry.name for entry in found if entry.is_file())
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return frozenset()


def _exists(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
