"""Karpathy's split of COCO and Flickr30k: one JSON file of pictures, sentences and splits.

    {"images": [{"filename": "...", "filepath": "val2014", "split": "restval", "cocoid": 522418,
                 "sentences": [{"raw": "A woman", ...}, ...]}, ...]}

What differs from the 2021 code: it called the test split of COCO and of Flickr30k its validation
set, and chose models by it; it put the captions of a picture in an order that changed from one
process to the next. Here val is val, and captions keep the order of the file.
"""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from vilt_core.data.examples import DataSet
from vilt_core.data.json_files import field, load_json
from vilt_core.data.sequences import CaptionedFile, CaptionedFiles


def find_karpathy(root: Path, name: str) -> Path | None:
    """The file of that name in a folder, or in ``karpathy/`` or ``annotations/`` inside it."""
    places = (root, root / "karpathy", root / "annotations")
    return next((place / name for place in places if (place / name).is_file()), None)


def read_karpathy(
    file: Path, *, name: str, split: str, within: Collection[str], folders: dict[str, Path]
) -> DataSet:
    """The pictures of one split with all their captions, in the order of the file.

    Args:
        file: the JSON file.
        name: of the data set.
        split: what the result is called.
        within: the splits of the file that it takes in.
        folders: where pictures are, by their "filepath"; by "" where they have none.

    Raises:
        ValueError: a file that is not readable or not of this format.
    """
    content = load_json(file, simplify=_sentence_to_its_words)
    rows = _rows(field(content, "images", list, where=str(file)), within, folders, file)
    examples = CaptionedFiles(rows)
    missing = tuple(
        f"the folder of pictures {folder}" for folder in examples.folders if not folder.is_dir()
    )
    return DataSet(
        name=name,
        split=split,
        kind="captions",
        examples=examples,
        missing=missing,
        own_alone=True,
    )


def _sentence_to_its_words(entry: dict) -> Any:
    return entry["raw"] if isinstance(entry.get("raw"), str) else entry


def _rows(
    images: list, within: Collection[str], folders: dict[str, Path], file: Path
) -> Iterator[CaptionedFile]:
    for number, entry in enumerate(images):
        where = f"{file.name}, picture {number}"
        if field(entry, "split", str, where=where) not in within:
            continue
        captions = field(entry, "sentences", list, where=where)
        if not all(isinstance(caption, str) for caption in captions):
            raise ValueError(f'{where}: expected words under "raw" in every sentence')
        place = entry.get("filepath", "")
        if not isinstance(place, str) or place not in folders:
            known = " or ".join(folders)
            raise ValueError(f"{where}: expected a filepath of {known}, got {place!r}")
        picture = field(entry, "filename", str, where=where)
        yield CaptionedFile(
            folder=folders[place],
            name=picture,
            id=str(entry.get("cocoid", Path(picture).stem)),
            captions=[caption.strip() for caption in captions],
        )
