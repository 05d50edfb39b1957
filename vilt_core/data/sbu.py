"""SBU Captions (Ordonez et al., NIPS 2011): 1 M pictures of Flickr, of which 867,000 remain.

    sbu/                        or any name with sbu
        00000.tar, ...          as img2dataset writes them (shards.py)

or what the 2021 code asked for: images_train/ beside annot.json. All of it is for training.
"""

from pathlib import Path

from vilt_core.data import shards
from vilt_core.data.captioned_list import read_list
from vilt_core.data.examples import DataSet

NAME = "sbu"
KIND = "captions"
SPLITS = ("train",)

_FILE = "annot.json"
LISTS = (_FILE,)  # of the 2021 code; shards without


def splits_in(root: Path) -> tuple[str, ...]:
    """The splits that a folder holds; none where it is not of this format."""
    if (root / _FILE).is_file():
        return SPLITS
    return shards.splits_in(root) if shards.named(root, ("sbu",)) else ()


def read(root: Path, *, split: str = "train") -> DataSet:
    """Every picture with its caption.

    Raises:
        ValueError: nothing of that split, or a list that is not readable.
    """
    if (root / _FILE).is_file():
        return read_list(root / _FILE, name=NAME, split=split)
    return shards.read(root, split=split, name=NAME)
