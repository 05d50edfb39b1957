"""What is searched through: files, or scenes of the sticker world.

An album lists its pictures and opens them one by one, and keeps none. A picture's key names it
within its album; its stamp changes when the picture does.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from vilt_core.data.image import open_image
from vilt_core.evaluation.sources import EVALUATION_SEED
from vilt_core.world.rendering import paint
from vilt_core.world.scenes import SPLITS, Scene, scene

ENDINGS = frozenset(
    (".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")
)
_WORLD = "world:SPLIT:COUNT, such as world:test:10000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One picture of an album."""

    key: str
    stamp: tuple[int, ...] = ()  # of a file its size and the time it was changed, nanoseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Pictures on disk: all below a folder, or those that are named."""

    root: Path
    names: tuple[str, ...] | None = None  # below the root; absolute ones stand for themselves

    @property
    def name(self) -> str:
        """What ``album_of`` is given to find the folder again."""
        return str(self.root)

    def entries(self) -> tuple[Entry, ...]:
        """Every picture, by its name below the root.

        Hidden files are left out, and so are files that have gone.

        Raises:
            ValueError: There is no such folder.
        """
        names = _below(self.root) if self.names is None else self.names
        found = []
        for name in names:
            try:
                state = (self.root / name).stat()
            except OSError:
                continue
            found.append(Entry(key=name, stamp=(state.st_size, state.st_mtime_ns)))
        return tuple(found)

    def open(self, key: str, *, side: int) -> Image.Image:
        """A picture in its own size.

        Raises:
            ValueError: It is gone or cannot be read. The sentence names the picture, and no folder.
        """
        del side
        try:
            return open_image((self.root / key).read_bytes())
        except OSError as error:
            raise ValueError(f"it cannot be read: {error.strerror or error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenes:
    """The first scenes of a split of the sticker world; a larger album begins with a smaller."""

    split: str
    count: int
    seed: int = EVALUATION_SEED

    def __post_init__(self):
        if self.split not in SPLITS or self.count < 1:
            raise ValueError(f"expected {_WORLD}, got world:{self.split}:{self.count}")

    @property
    def name(self) -> str:
        """What ``album_of`` is given."""
        own = "" if self.seed == EVALUATION_SEED else f":{self.seed}"
        return f"world:{self.split}:{self.count}{own}"

    def entries(self) -> tuple[Entry, ...]:
        """Every scene, by split, seed and index."""
        return tuple(Entry(key=f"{self.split}/{self.seed}/{index}") for index in range(self.count))

    def open(self, key: str, *, side: int) -> np.ndarray:
        """A scene, drawn now."""
        return paint(scene_of(key), side).pixels


Album = Files | Scenes


def scene_of(key: str) -> Scene:
    """The scene behind the key of an album of scenes."""
    split, seed, index = key.split("/")
    return scene(int(seed), int(index), split=split)


def album_of(source: str | os.PathLike[str]) -> Album:
    """A folder's pictures, or "world:test:10000" (its seed may follow).

    Raises:
        ValueError: There is no such folder, or no such set of scenes.
    """
    name = os.fspath(source)
    if not name.startswith("world:"):
        if not Path(name).is_dir():
            raise ValueError(f"expected a folder of pictures or {_WORLD}, got {name!r:.200}")
        return Files(root=Path(name).resolve())
    _, split, *numbers = name.split(":")
    if not 1 <= len(numbers) <= 2 or not all(number.isdecimal() for number in numbers):
        raise ValueError(f"expected {_WORLD}, got {name!r:.200}")
    count, *seed = map(int, numbers)
    return Scenes(split=split, count=count, seed=seed[0] if seed else EVALUATION_SEED)


def _below(root: Path) -> Sequence[str]:
    if not root.is_dir():
        raise ValueError(f"expected a folder of pictures at {str(root)!r:.200}, found none")
    names = []
    for folder, inside, files in os.walk(root):
        inside[:] = [name for name in inside if not name.startswith(".")]
        below = Path(folder).relative_to(root)
        names += [
            (below / name).as_posix()
            for name in files
            if not name.startswith(".") and Path(name).suffix.lower() in ENDINGS
        ]
    return sorted(names)
