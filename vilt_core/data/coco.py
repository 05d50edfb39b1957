"""COCO captions (Chen et al., 2015) in Karpathy's split: 113,287 pictures to train, 5,000, 5,000.

    coco/
        train2014/COCO_train2014_000000000009.jpg ...    images.cocodataset.org/zips/train2014.zip
        val2014/COCO_val2014_000000000042.jpg ...        images.cocodataset.org/zips/val2014.zip
        karpathy/dataset_coco.json                       or beside the folders of pictures

Training takes in Karpathy's "restval", as the paper does; val and test are what he calls so.
"""

from pathlib import Path

from vilt_core.data.examples import DataSet
from vilt_core.data.karpathy import find_karpathy, read_karpathy

NAME = "coco"
KIND = "captions"
SPLITS = ("train", "val", "test")

_FILE = "dataset_coco.json"
_WITHIN = {"train": ("train", "restval"), "val": ("val",), "test": ("test",)}


def splits_in(root: Path) -> tuple[str, ...]:
    """The splits that a folder holds; none where it is not of this format."""
    return SPLITS if find_karpathy(root, _FILE) else ()


def read(root: Path, *, split: str) -> DataSet:
    """The captions of one split.

    Raises:
        ValueError: a file that is not there, not readable or not of this format.
    """
    folders = {}
    for name in ("train2014", "val2014"):
        inner = root / "images" / name
        folders[name] = inner if inner.is_dir() else root / name
    file = find_karpathy(root, _FILE) or root / _FILE
    return read_karpathy(file, name=NAME, split=split, within=_WITHIN[split], folders=folders)
