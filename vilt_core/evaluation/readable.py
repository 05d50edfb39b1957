"""Pictures that cannot be read: passed over before anything is asked of a model, and named."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from vilt_core.data.examples import ImageFile, ShardImage, StoredImage
from vilt_core.evaluation.ahead import THREADS, ahead
from vilt_core.evaluation.sources import Picture, decoded
from vilt_core.world.scenes import Scene

NAMED = 5  # of the pictures that are passed over
SHARE, ALLOWED = 0.01, 20  # of unreadable pictures: the larger may be, here and in training
_REMEMBERED = 2**16  # pictures that were whole, and are not decoded to know it again

_Asked = TypeVar("_Asked")


@dataclass(frozen=True, slots=True)
class Readable:
    """Which pictures of a set a model can be asked about."""

    broken: dict[Picture, str]  # what is wrong with each of the others

    def keep(
        self, asked: Iterable[_Asked], shown: Callable[[_Asked], Sequence[Picture]]
    ) -> list[_Asked]:
        """What is asked of pictures all of which can be read."""
        return [one for one in asked if self.broken.keys().isdisjoint(shown(one))]

    def told(self) -> dict[str, Any]:
        """For a result: how many were passed over, and the first of them. Nothing of none."""
        if not self.broken:
            return {}
        return {"unreadable": len(self.broken), "named": [*self.broken.values()][:NAMED]}


def too_many(broken: int, *, of: int) -> bool:
    """Whether more pictures cannot be read than may be passed over."""
    return broken > max(ALLOWED, SHARE * of)


def readable(pictures: Iterable[Picture], *, all_of_them: str | None = None) -> Readable:
    """Open every picture once. A scene is drawn, not read.

    One that was whole before, and whose file is as it was, is taken to be whole.

    Args:
        pictures: of a set; each is opened once, however often it comes.
        all_of_them: why none may be passed over; a share of ``SHARE`` may be otherwise.

    Raises:
        ValueError: too many cannot be read, or one of which all are needed; the sentence names one.
        OSError: a shard is gone.
    """
    every = [one for one in dict.fromkeys(pictures) if not isinstance(one, Scene)]
    broken: dict[Picture, str] = {}
    for picture, wrong in zip(every, ahead(_wrong, every, most=2 * THREADS), strict=True):
        if wrong is not None:
            broken[picture] = wrong
            if all_of_them is not None:
                raise ValueError(f"{wrong}; {all_of_them}")
    if too_many(len(broken), of=len(every)) or (broken and len(broken) == len(every)):
        raise ValueError(
            f"{len(broken)} of {len(every)} pictures could not be read, which is too many: "
            f"{next(iter(broken.values()))}"
        )
    return Readable(broken)


def _wrong(picture: StoredImage | Path) -> str | None:
    """Why a picture cannot be read, or None."""
    try:
        _decode(picture, _version(picture))
    except ValueError as error:
        return str(error)
    return None


@lru_cache(maxsize=_REMEMBERED)
def _decode(picture: StoredImage | Path, _version: tuple[int, int] | None) -> None:
    """Whole pictures are remembered: a training looks at the same ones after each epoch."""
    decoded(picture)


def _version(picture: StoredImage | Path) -> tuple[int, int] | None:
    """Time and size of the file that a picture is in; None where it cannot be found."""
    match picture:
        case ImageFile():
            file = picture.path
        case ShardImage():
            file = picture.shard
        case Path():
            file = picture
    try:
        found = file.stat()
    except (OSError, ValueError):  # decoding says what is wrong
        return None
    return found.st_mtime_ns, found.st_size
