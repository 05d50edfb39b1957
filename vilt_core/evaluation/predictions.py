"""What a model said of every example, as JSON lines: for whoever wants to see where it is wrong.

    {"id": 7, "image": "images/1.png", "question": "is it?", "answers": ["yes"],
     "prediction": "no", "probability": 0.61}
    {"images": ["a.png", "b.png"], "statement": "both show dogs", "label": true,
     "prediction": true, "probability": 0.93}

An id stands where the data have one, and "answers" and "label" where they are no secret.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from vilt_core.evaluation.sets import Source, is_world, name_of
from vilt_core.evaluation.sources import Asked, Picture
from vilt_core.evaluation.statements import Stated
from vilt_core.interop.folders import check_place, write_text
from vilt_core.world.scenes import Scene


def check_predictions(path: str | Path, on: Source) -> None:
    """Know before any work that predictions can be written.

    Raises:
        ValueError: a set of the world, whose pictures have no names; a place for no file; or a
            file that is there and holds no predictions, such as that of the examples themselves.
    """
    if is_world(on):
        raise ValueError(
            f"predictions are written of pictures in files: expected a file or a folder, "
            f"got {name_of(on)}"
        )
    check_place(path)
    if Path(path).is_file() and not _holds_predictions(Path(path)):
        raise ValueError(
            f"{path} is there and holds no predictions: expected a new file, or one of predictions"
        )


def _holds_predictions(path: Path) -> bool:
    """Whether a file is empty or begins as ``write_predictions`` writes it."""
    with path.open("rb") as file:
        first = file.readline()
    try:
        return not first or "prediction" in json.loads(first)
    except (ValueError, TypeError, RecursionError):
        return False


def write_predictions(path: str | Path, rows: Iterable[dict[str, Any]]) -> None:
    """One line for each row, whole or not at all.

    Raises:
        OSError: the disk is full or may not be written; the old file is there then.
    """
    write_text(Path(path), "".join(json.dumps(row) + "\n" for row in rows))


def answer_rows(
    asked: Sequence[Asked], answers: Sequence[tuple[str, float]]
) -> Iterator[dict[str, Any]]:
    """Questions with what was answered, and how probable that seemed to the model."""
    for one, (answer, probability) in zip(asked, answers, strict=True):
        yield {
            **_id(one.id),
            "image": _name(one.picture),
            "question": one.text,
            **({"answers": list(one.answers)} if one.answers else {}),
            "prediction": answer,
            "probability": round(probability, 6),
        }


def verdict_rows(
    stated: Sequence[Stated], verdicts: Sequence[tuple[bool, float]]
) -> Iterator[dict[str, Any]]:
    """Statements with what was made of them, and how probable that seemed to the model."""
    for one, (verdict, probability) in zip(stated, verdicts, strict=True):
        yield {
            **_id(one.id),
            "images": list(dict.fromkeys(map(_name, one.pictures))),
            "statement": one.text,
            **({} if one.label is None else {"label": one.label}),
            "prediction": verdict,
            "probability": round(probability, 6),
        }


def _id(of: int | str | None) -> dict[str, int | str]:
    return {} if of is None else {"id": of}


def _name(picture: Picture) -> str:
    assert not isinstance(picture, Scene)  # refused by check_predictions
    return str(picture) if isinstance(picture, Path) else picture.name
