"""Answers in the file that the server of the VQA challenge takes."""

import json
from collections.abc import Sequence
from pathlib import Path

from vilt_core.data.json_files import stream_array
from vilt_core.interop.folders import check_place, write_text

_FIELDS = {"question_id", "answer"}


def check_submission(path: str | Path) -> None:
    """Know before any work that a submission can be written.

    Raises:
        ValueError: a place for no file, or a file that is there and is no submission.
    """
    check_place(path)
    if Path(path).is_file() and not _is_submission(Path(path)):
        raise ValueError(f"{path} is there and is no submission: expected a new file, or one")


def _is_submission(path: Path) -> bool:
    try:
        return all(isinstance(row, dict) and set(row) == _FIELDS for row in stream_array(path))
    except ValueError:
        return False


def write_submission(
    path: str | Path, ids: Sequence[int | str | None], answers: Sequence[str]
) -> Path:
    """Write ``[{"question_id": 1, "answer": "yes"}, ...]``, whole or not at all.

    Args:
        path: of the file.
        ids: of the questions, written as they are: numbers of VQA v2, strings of GQA.
        answers: one for each.

    Raises:
        ValueError: a question without an id, an id that comes twice, or not one answer for each.
    """
    known = check_ids(ids)
    if len(known) != len(answers):
        raise ValueError(f"expected {len(known)} answers, one for each id, got {len(answers)}")
    rows = [
        {"question_id": one, "answer": answer} for one, answer in zip(known, answers, strict=True)
    ]
    path = Path(path)
    write_text(path, json.dumps(rows))
    return path


def check_ids(ids: Sequence[int | str | None]) -> list[int | str]:
    """The ids of questions, as a server knows them.

    Raises:
        ValueError: a question has none, or one comes twice, be it as a number and as a string.
    """
    known = [one for one in ids if one not in (None, "")]
    if len(known) < len(ids):
        raise ValueError(
            f"a submission needs the id of every question, and {len(ids) - len(known):,} of "
            f'{len(ids):,} have none: expected a "question_id" in each'
        )
    if len(set(map(str, known))) < len(known):
        raise ValueError("a submission must have each question once, got one twice")
    return known
