"""Visual Genome's region descriptions (Krishna et al., 2017): 108,077 pictures, 5.4 M phrases.

    vg/
        VG_100K/10.jpg ...                      cs.stanford.edu/people/rak248/VG_100K_2/images.zip
        VG_100K_2/1.jpg ...                     .../images2.zip; both may lie inside images/
        annotations/region_descriptions.json    or beside the folders of pictures

One example a picture, with every phrase that its regions carry, once; none without a phrase. All
of it is for training.

What differs from the 2021 code: phrases keep the order of the file, while the order of a Python set
changed from one process to the next.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vilt_core.data.examples import DataSet
from vilt_core.data.json_files import field, stream_array
from vilt_core.data.sequences import CaptionedFile, CaptionedFiles

NAME = "visual genome"
KIND = "captions"
SPLITS = ("train",)

_FILE = "region_descriptions.json"
_FOLDERS = ("VG_100K", "VG_100K_2")


def splits_in(root: Path) -> tuple[str, ...]:
    """The splits that a folder holds; none where it is not of this format."""
    return SPLITS if _find(root) else ()


def read(root: Path, *, split: str = "train") -> DataSet:
    """Every picture with its distinct region phrases.

    Raises:
        ValueError: a file that is not there, not readable or not of this format.
    """
    base = root / "images" if (root / "images").is_dir() else root
    folders = tuple(base / name for name in _FOLDERS)
    examples = CaptionedFiles(_rows(_find(root) or root / _FILE, folders))
    missing = tuple(f"the folder of pictures {each}" for each in folders if not each.is_dir())
    return DataSet(name=NAME, split=split, kind=KIND, examples=examples, missing=missing)


def _find(root: Path) -> Path | None:
    places = (root / _FILE, root / "annotations" / _FILE)
    return next((place for place in places if place.is_file()), None)


def _rows(file: Path, folders: tuple[Path, ...]) -> Iterator[CaptionedFile]:
    second = {path.name for path in folders[1].iterdir()} if folders[1].is_dir() else set()
    for number, entry in enumerate(stream_array(file)):
        where = f"{file.name}, picture {number}"
        image = field(entry, "id", int, where=where)
        regions = field(entry, "regions", list, where=where)
        phrases = dict.fromkeys(_phrase(region, where) for region in regions)
        name = f"{image}.jpg"
        if not any(phrases):
            continue
        yield CaptionedFile(
            folder=folders[1] if name in second else folders[0],
            name=name,
            id=str(image),
            captions=[phrase for phrase in phrases if phrase],
        )


def _phrase(region: Any, where: str) -> str:
    return field(region, "phrase", str, where=where).strip()
