"""Captioned pictures in WebDataset shards, as img2dataset writes them, opened without unpacking.

    FOLDER/
        00000.tar              KEY.jpg, KEY.txt, KEY.json of some 10,000 samples
        00000_stats.json       how many there are; without it the tar is read at once
        00000.parquet          not needed

Shards inside folders named train, val or test are of that split; so are those whose own name says
it ("cc3m-train-0000.tar"). All others are for training.

A shard is indexed, by its headers alone, when the first of its samples is asked for, so that
millions of examples open in a moment.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np

from vilt_core.data.examples import (
    CaptionExample,
    DataSet,
    ShardImage,
    Uncaptioned,
    read_part,
)
from vilt_core.data.sequences import MadeOnDemand
from vilt_core.data.tar_index import ShardIndex, index_shard

NAME = "shards"
KIND = "captions"
SPLITS = ("train", "val", "test")

_STATS = "_stats.json"
_SPLIT_FOLDERS = ("train", "val", "validation", "test")
_SPLIT_WORDS = {"val": "val", "valid": "val", "validation": "val", "test": "test"}


def splits_in(root: Path) -> tuple[str, ...]:
    """The splits that a folder holds; none where it is not of this format."""
    found = {_split(tar, root) for tar in _tars(root)}
    return tuple(split for split in SPLITS if split in found)


def named(root: Path, words: Sequence[str]) -> bool:
    """Whether the name of a folder, or of its first shard, has one of these words."""
    names = [root.resolve().name, *(tar.name for tar in _tars(root)[:1])]
    return any(word in name.lower() for word in words for name in names)


def read(root: Path, *, split: str, name: str = NAME) -> DataSet:
    """The samples of one split, shard after shard.

    Raises:
        ValueError: no shard of that split.
    """
    tars = [tar for tar in _tars(root) if _split(tar, root) == split]
    if not tars:
        raise ValueError(f"expected shards (00000.tar, ...) of {split} in {root}, found none")
    gone = tuple(
        f"the shard {tar}, of which {tar.stem}{_STATS} is there"
        for tar in _announced(root)
        if _split(tar, root) == split and not tar.is_file()
    )
    examples = ShardExamples(tars)
    missing = gone + examples.noticed()
    return DataSet(name=name, split=split, kind=KIND, examples=examples, missing=missing)


class ShardExamples(MadeOnDemand[CaptionExample]):
    """The samples of several shards, each with one caption.

    A shard counts as many samples as its statistics say. If they say too much, what is not there
    raises ValueError when it is asked for, as a damaged picture does; they count pictures without
    a caption as well, which is no damage and has an error of its own. Without statistics only what
    is there counts: what a damaged shard lost is ``noticed`` at once.
    """

    one_caption_each = True

    def __init__(self, tars: Sequence[Path]) -> None:
        self.tars = tuple(tars)
        self._indices: dict[int, ShardIndex] = {}
        counts = [_promised(tar) for tar in self.tars]
        self._counts = [
            len(self.located(shard)) if count is None else count
            for shard, count in enumerate(counts)
        ]
        self._ends = list(accumulate(self._counts))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def caption_counts(self) -> np.ndarray:
        """One each, (samples,)."""
        return np.ones(len(self), dtype=np.int64)

    def content(self) -> Iterator[bytes]:
        """Names and sizes of the files: what a digest is made of, without reading them."""
        for tar, count in zip(self.tars, self._counts, strict=True):
            size = tar.stat().st_size if tar.is_file() else None
            yield repr((tar.name, size, count)).encode("utf-8", "backslashreplace")

    def make(self, index: int) -> CaptionExample:
        """The sample at ``index`` of all.

        Raises:
            Uncaptioned: in its place is one of the pictures that have no caption.
            ValueError: it is not there, though it was promised.
            OSError: the shard is gone.
        """
        shard = bisect_right(self._ends, index)
        place = index - (self._ends[shard] - self._counts[shard])
        tar, found = self.tars[shard], self.located(shard)
        if len(found) <= place < len(found) + found.uncaptioned:
            raise Uncaptioned(f"{tar} has {found.uncaptioned:,} pictures with an empty caption")
        if place >= len(found):
            raise ValueError(
                f"{tar} holds {len(found):,} whole samples, "
                f"and {tar.stem}{_STATS} promises {self._counts[shard]:,}"
            )
        key = found.keys[place]
        text = read_part(tar, start=found.caption_starts[place], size=found.caption_sizes[place])
        image = ShardImage(tar, key, found.image_starts[place], found.image_sizes[place])
        caption = " ".join(text.decode("utf-8", "replace").split())
        return CaptionExample(image=image, captions=(caption,), id=key)

    def located(self, shard: int) -> ShardIndex:
        """Where the samples of a shard lie; read once.

        Raises:
            OSError: the shard is gone.
        """
        if shard not in self._indices:
            self._indices[shard] = index_shard(self.tars[shard])
        return self._indices[shard]

    def noticed(self) -> tuple[str, ...]:
        """What is wrong with the shards that were read so far, a sentence each."""
        return tuple(note for found in self._indices.values() for note in found.notes)

    def damage(self, progress: Callable[[int, int], None] | None = None) -> tuple[str, ...]:
        """What is wrong with the shards, a sentence each: reads all that were not read yet.

        Args:
            progress: is told how many shards are done, and of how many.
        """
        notes: list[str] = []
        for shard, tar in enumerate(self.tars):
            try:
                found = self.located(shard)
            except OSError as error:
                notes.append(str(error))
                continue
            notes += found.notes
            if self._counts[shard] not in (len(found), len(found) + found.uncaptioned):
                notes.append(
                    f"{tar.name} holds {len(found):,} whole samples, "
                    f"not {self._counts[shard]:,} as {tar.stem}{_STATS} says"
                )
            if progress is not None:
                progress(shard + 1, len(self.tars))
        return tuple(notes)


def _tars(root: Path) -> list[Path]:
    return sorted(path for place in _places(root) for path in place.glob("*.tar"))


def _places(root: Path) -> list[Path]:
    return [root, *(root / folder for folder in _SPLIT_FOLDERS)]


def _announced(root: Path) -> list[Path]:
    """The shards of which statistics exist."""
    found = (path for place in _places(root) for path in place.glob(f"*{_STATS}"))
    return sorted(path.with_name(path.name.removesuffix(_STATS) + ".tar") for path in found)


def _split(tar: Path, root: Path) -> str:
    words = re.split(r"[^a-z]+", str(tar.relative_to(root).with_suffix("")).lower())
    return next((_SPLIT_WORDS[word] for word in words if word in _SPLIT_WORDS), "train")


def _promised(tar: Path) -> int | None:
    """How many samples the statistics beside a shard promise."""
    try:
        stats = json.loads(tar.with_name(tar.stem + _STATS).read_bytes())
        count = stats["successes"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return count if isinstance(count, int) and count >= 0 else None
