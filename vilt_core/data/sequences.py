"""Long sequences that make their items when asked, from a few flat arrays.

A list of five million phrases takes 500 MB, and each process that loads data ends up with its own
copy, since looking at a Python object writes to it. In two arrays they take half, once for all.
"""

import random
from abc import abstractmethod
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple, TypeVar, overload

import numpy as np

from vilt_core.data.examples import CaptionExample, Examples, ImageFile

Item = TypeVar("Item")


class MadeOnDemand(Sequence[Item]):
    """A sequence of which only :meth:`make` and the length are to be said."""

    @abstractmethod
    def make(self, index: int) -> Item:
        """The item at ``index``, from 0 to the length."""

    @overload
    def __getitem__(self, index: int) -> Item: ...

    @overload
    def __getitem__(self, index: slice) -> list[Item]: ...

    def __getitem__(self, index: int | slice) -> Item | list[Item]:
        if isinstance(index, slice):
            return [self.make(at) for at in range(*index.indices(len(self)))]
        at = index + len(self) if index < 0 else index
        if not 0 <= at < len(self):
            raise IndexError(f"expected an index below {len(self):,}, got {index:,}")
        return self.make(at)


def present(items: Sequence[Item]) -> Iterator[Item]:
    """The items that are there: samples that a damaged shard promises and lacks are left out.

    Raises:
        OSError: a whole shard is gone.
    """
    for at in range(len(items)):
        try:
            item = items[at]
        except ValueError:
            continue
        yield item


class Texts(MadeOnDemand[str]):
    """Many short strings in one buffer."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._bytes = bytearray()
        self._ends = array("q", [0])
        for text in texts:
            self.append(text)

    def append(self, text: str) -> None:
        """Add one at the end."""
        self._bytes += text.encode("utf-8", "replace")
        self._ends.append(len(self._bytes))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def content(self) -> Iterator[bytearray | memoryview]:
        """All letters, and where each string ends: what a digest is made of."""
        yield self._bytes
        yield memoryview(self._ends)

    def make(self, index: int) -> str:
        """The string at ``index``."""
        return self._bytes[self._ends[index] : self._ends[index + 1]].decode()


class CaptionedFile(NamedTuple):
    """A picture in a file, with its captions: a row of :class:`CaptionedFiles`."""

    folder: Path
    name: str
    id: str
    captions: Sequence[str]


class CaptionedFiles(MadeOnDemand[CaptionExample]):
    """Examples of pictures in files, whatever data set they come from."""

    def __init__(self, rows: Iterable[CaptionedFile]) -> None:
        folders: dict[Path, int] = {}
        self._folder = array("H")
        self._names, self._ids, self._captions = Texts(), Texts(), Texts()
        self._ends = array("q", [0])
        for row in rows:
            self._folder.append(folders.setdefault(row.folder, len(folders)))
            self._names.append(row.name)
            self._ids.append(row.id)
            for caption in row.captions:
                self._captions.append(caption)
            self._ends.append(len(self._captions))
        self.folders = tuple(folders)

    def __len__(self) -> int:
        return len(self._names)

    def caption_counts(self) -> np.ndarray:
        """How many captions each picture has, (pictures,)."""
        return np.diff(np.frombuffer(self._ends, dtype=np.int64))

    def content(self) -> Iterator[bytearray | memoryview]:
        """Names and captions: what a digest is made of. Where the folders lie is no part of it."""
        yield from self._names.content()
        yield from self._captions.content()
        yield memoryview(self._folder)
        yield memoryview(self._ends)

    def make(self, index: int) -> CaptionExample:
        """The picture at ``index`` with all its captions."""
        return CaptionExample(
            image=ImageFile(self.folders[self._folder[index]] / self._names[index]),
            captions=tuple(self._captions[self._ends[index] : self._ends[index + 1]]),
            id=self._ids[index],
        )


class Joined(MadeOnDemand[Item]):
    """Several sequences as one, without copying them."""

    def __init__(self, parts: Iterable[Sequence[Item]]) -> None:
        self.parts = tuple(parts)
        self._ends = list(accumulate(map(len, self.parts)))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def make(self, index: int) -> Item:
        """The item at ``index`` of all."""
        part, first = self.locate(index)
        return part[index - first]

    def locate(self, index: int) -> tuple[Sequence[Item], int]:
        """The part that has the item at ``index`` of all, and the place at which it begins."""
        at = bisect_right(self._ends, index)
        return self.parts[at], self._ends[at - 1] if at else 0


class Spread(MadeOnDemand[Item]):
    """Some items of a sequence, one from each of as many stretches of it: of a sorted one, of all.

    Where in its stretch an item lies is left to chance, the same every time: of lines that take
    turns, even distances might meet one kind alone.

    Args:
        items: the sequence.
        most: how many items; all where it has no more, or where this is None.
    """

    def __init__(self, items: Sequence[Item], most: int | None) -> None:
        self._items = items
        self._count = len(items) if most is None else min(most, len(items))

    def __len__(self) -> int:
        return self._count

    def make(self, index: int) -> Item:
        """The item of the stretch at ``index``."""
        first, end = (at * len(self._items) // self._count for at in (index, index + 1))
        return self._items[first + int(random.Random(index).random() * (end - first))]


def part_of(examples: Sequence[Item], index: int) -> range:
    """The places of the data set that an item of joined ones is from; all where none are joined."""
    first = 0
    while isinstance(examples, Joined):
        examples, begins = examples.locate(index - first)
        first += begins
    return range(first, first + len(examples))


def caption_counts(examples: Examples) -> np.ndarray:
    """How many captions each example has, (examples,), if possible without making the examples."""
    if isinstance(examples, Joined):
        return np.concatenate(
            [caption_counts(part) for part in examples.parts] or [np.zeros(0, int)]
        )
    count = getattr(examples, "caption_counts", None)
    if count is not None:
        return count()
    return np.array([len(getattr(each, "captions", ())) for each in examples], dtype=np.int64)
