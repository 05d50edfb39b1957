"""Pictures that a run cannot use: each is named and counted once, however often it is drawn."""

from collections.abc import Iterable, Mapping
from functools import cached_property

from vilt_core.data.examples import DataSet, pictures_of
from vilt_core.data.sequences import present
from vilt_core.evaluation.readable import ALLOWED, SHARE, too_many


class PassedOver:
    """What a run has passed over so far, earlier sittings counted in.

    Args:
        data: what is drawn from, by kind; None for the sticker world, where nothing is broken.
        before: what earlier sittings passed over.
    """

    def __init__(self, data: Mapping[str, DataSet] | None, *, before: Iterable[str] = ()):
        self._data = data or {}
        self._names = dict.fromkeys(before)

    @property
    def names(self) -> tuple[str, ...]:
        """What is wrong with each picture, in the order in which they were met."""
        return tuple(self._names)

    def add(self, names: Iterable[str]) -> tuple[str, ...]:
        """Take note of what could not be read; returns what was not known yet."""
        new = tuple(name for name in dict.fromkeys(names) if name not in self._names)
        self._names.update(dict.fromkeys(new))
        return new

    def too_many(self) -> str | None:
        """Why a run had better stop, or None: a few, or a small share, may be broken."""
        count = len(self._names)
        # Pictures are counted where so many may matter.
        if count <= ALLOWED or not too_many(count, of=self._pictures):
            return None
        return (
            f"{count:,} of {self._pictures:,} pictures could not be used, which is more than "
            f"{SHARE:.0%}"
        )

    @cached_property
    def _pictures(self) -> int:
        """Counted when it matters: of many questions that takes a second."""
        return sum(map(picture_count, self._data.values()))


def picture_count(data: DataSet) -> int:
    """The different pictures of a data set; of captions there is an example a picture."""
    if data.kind == "captions":
        return len(data.examples)
    return len({image for one in present(data.examples) for image in pictures_of(one)})
