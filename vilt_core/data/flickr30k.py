"""Flickr30k (Young et al., TACL 2014) in Karpathy's split: 29,000 pictures to train, 1,014, 1,000.

flickr30k/
    flickr30k-images/1000092795.jpg ...     on request from its authors
    karpathy/dataset_flickr30k.json         or beside the folder of pictures
"""

from pathlib import Path

from vilt_core.data.examples import DataSet
from vilt_core.data.karpathy import find_karpathy, read_karpathy

NAME = "flickr30k"
KIND = "captions"
SPLITS = ("train", "val", "test")

_FILE = "dataset_flickr30k.json"
_FOLDERS = ("flickr30k-images", "flickr30k_images")


def splits_in(root: Path) -> tuple[str, ...]:
    """The splits that a folder holds; none where it is not of this format."""
    return SPLITS if find_karpathy(root, _FILE) else ()


def read(root: Path, *, split: str) -> DataSet:
    """The captions of one split.

    Raises:
        ValueError: a file that is not there, not readable or not of this format.
    """
    existing = [root / name for name in _FOLDERS if (root / name).is_dir()]
    folder = existing[0] if existing else root / _FOLDERS[0]
    file = find_karpathy(root, _FILE) or root / _FILE
    return read_karpathy(file, name=NAME, split=split, within=(split,), folders={"": folder})
