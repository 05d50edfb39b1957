"""Google's Conceptual Captions, GCC (Sharma et al., ACL 2018): 3 M pictures of the web.

    conceptual/                                 or any name with conceptual, gcc, cc3m or cc12m
        train/00000.tar, ... val/00000.tar      as img2dataset writes them (shards.py)

or what the 2021 code asked for: images_train/, images_val/ beside train_annot.json, val_annot.json.
"""

from pathlib import Path

from vilt_core.data import shards
from vilt_core.data.captioned_list import read_list
from vilt_core.data.examples import DataSet

NAME = "conceptual"
KIND = "captions"
SPLITS = ("train", "val")
LISTS = ("train_annot.json", "val_annot.json")  # of the 2021 code; shards without

_WORDS = ("conceptual", "gcc", "cc3m", "cc12m")


def splits_in(root: Path) -> tuple[str, ...]:
    """The splits that a folder holds; none where it is not of this format."""
    if listed := tuple(split for split in SPLITS if _list(root, split).is_file()):
        return listed
    return shards.splits_in(root) if shards.named(root, _WORDS) else ()


def read(root: Path, *, split: str) -> DataSet:
    """The pictures of one split with their captions.

    Raises:
        ValueError: nothing of that split, or a list that is not readable.
    """
    if _list(root, split).is_file():
        return read_list(_list(root, split), name=NAME, split=split)
    return shards.read(root, split=split, name=NAME)


def _list(root: Path, split: str) -> Path:
    return root / f"{split}_annot.json"
