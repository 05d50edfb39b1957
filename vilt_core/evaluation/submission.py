"""Answers in the file that the server of the VQA challenge takes."""

import json
from collections.abc import Sequence
from pathlib import Path


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
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(rows), encoding="utf-8")
    return part.replace(path)


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
