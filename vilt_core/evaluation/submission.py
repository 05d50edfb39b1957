"""Answers in the file that the server of the VQA challenge takes."""

import json
from collections.abc import Sequence
from pathlib import Path


def write_submission(path: str | Path, ids: Sequence[int | str], answers: Sequence[str]) -> Path:
    """Write ``[{"question_id": 1, "answer": "yes"}, ...]``, whole or not at all.

    Raises:
        ValueError: an id that is no whole number or comes twice, or not one answer for each.
    """
    numbers = check_ids(ids)
    if len(numbers) != len(answers):
        raise ValueError(f"expected {len(numbers)} answers, one for each id, got {len(answers)}")
    rows = [
        {"question_id": number, "answer": answer}
        for number, answer in zip(numbers, answers, strict=True)
    ]
    path = Path(path)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(rows), encoding="utf-8")
    return part.replace(path)


def check_ids(ids: Sequence[int | str]) -> list[int]:
    """The numbers of questions, as the server knows them.

    Raises:
        ValueError: one is no whole number, or comes twice.
    """
    for one in ids:
        if not str(one).isdecimal():
            raise ValueError(
                f"a submission needs the number of every question, got {one or None!r}"
            )
    numbers = [int(str(one)) for one in ids]
    if len(set(numbers)) < len(numbers):
        raise ValueError("a submission must have each question once, got one twice")
    return numbers
