"""A JSON list of [picture, caption], the layout into which the 2021 code had GCC and SBU brought.

[["images_train/0000/0000000", "a very typical bus station"], ...]
"""

from collections.abc import Iterator
from pathlib import Path

from vilt_core.data.examples import DataSet
from vilt_core.data.json_files import shown, stream_array
from vilt_core.data.sequences import CaptionedFile, CaptionedFiles


def read_list(file: Path, *, name: str, split: str) -> DataSet:
    """The pictures of a list, whose paths are relative to it.

    Raises:
        ValueError: a file that is not there, not readable or not such a list.
    """
    examples = CaptionedFiles(_rows(file))
    return DataSet(name=name, split=split, kind="captions", examples=examples)


def _rows(file: Path) -> Iterator[CaptionedFile]:
    for number, pair in enumerate(stream_array(file)):
        if not isinstance(pair, list) or [type(part) for part in pair] != [str, str]:
            raise ValueError(
                f"{file.name}, entry {number}: expected [picture, caption], got {shown(pair)}"
            )
        picture, caption = pair
        yield CaptionedFile(file.parent, picture, Path(picture).name, [caption.strip()])
