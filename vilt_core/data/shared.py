"""What held-out examples share with those that are learned from: such scores say little of others.

Pictures are the same where they are the same file, whatever the way to its folder; copies under
other names are not looked for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from vilt_core.data.absent import in_files
from vilt_core.data.examples import DataSet, Example, ImageFile, folded, pictures_of, texts_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """How many held-out examples were met in training."""

    seen: int  # they have a picture that is learned from
    said: int  # of these: with the same words, or one of the same captions

    def __bool__(self) -> bool:
        return self.seen > 0

    def told(self, picture: str) -> str:
        """What is said of those that are seen: that they have such a picture, and which words."""
        words = f", {self.said:,} of them the same words" if self.said else ""
        return f"{'has' if self.seen == 1 else 'have'} {picture}{words}"


def shared_with(held_out: DataSet, learned: DataSet) -> Shared:
    """Look for the pictures and the words of held-out examples among those that are learned from.

    Pictures in shards are left out. Memory is held for what is held out alone.
    """
    files_of = _naming()
    asked = [(files_of(example), _words(example)) for example in in_files(held_out)]
    wanted = {file for files, _ in asked for file in files}
    met: set[str] = set()
    said: set[tuple[tuple[str, ...], str]] = set()
    for example in in_files(learned):
        files = files_of(example)
        if here := wanted.intersection(files):
            met |= here
            said.update((files, words) for words in _words(example))
    return Shared(
        seen=sum(not met.isdisjoint(files) for files, _ in asked),
        said=sum(any((files, one) in said for one in words) for files, words in asked),
    )


def _naming() -> Callable[[Example], tuple[str, ...]]:
    """The files of an example's pictures; the way to each folder is found once."""
    folder_of = lru_cache(maxsize=None)(_resolved)

    def files_of(example: Example) -> tuple[str, ...]:
        paths = (image.path for image in pictures_of(example) if isinstance(image, ImageFile))
        return tuple(f"{folder_of(path.parent)}/{path.name}" for path in paths)

    return files_of


def _resolved(folder: Path) -> Path:
    """The folder itself, where a name leads to it that can be."""
    try:
        return folder.resolve()
    except (OSError, ValueError, RuntimeError):  # a NUL in the name; a link that leads to itself
        return folder


def _words(example: Example) -> tuple[str, ...]:
    return tuple(map(folded, texts_of(example)))
