import json
from pathlib import Path

import pytest

from vilt_core.evaluation.submission import write_submission

PUBLISHED = Path(__file__).parents[3] / "shared" / "formats" / "vqa_results_submission.json"


def test_the_server_s_own_example_round_trips(tmp_path):
    if not PUBLISHED.is_file():
        pytest.skip(f"{PUBLISHED.name} is not here")
    example = json.loads(PUBLISHED.read_text())
    ids, answers = zip(*((row["question_id"], row["answer"]) for row in example), strict=True)
    path = write_submission(tmp_path / "mine.json", [str(number) for number in ids], answers)
    assert json.loads(path.read_text()) == example
    assert [file.name for file in tmp_path.iterdir()] == ["mine.json"]


@pytest.mark.parametrize(
    ("ids", "answers", "complaint"),
    [
        (["7", "seven"], ["yes", "no"], "the number of every question, got 'seven'"),
        ([""], ["yes"], "the number of every question"),
        ([7, "7"], ["yes", "no"], "each question once"),
        ([7, 8], ["yes"], "expected 2 answers, one for each id, got 1"),
    ],
)
def test_what_the_server_would_refuse(tmp_path, ids, answers, complaint):
    with pytest.raises(ValueError, match=complaint):
        write_submission(tmp_path / "mine.json", ids, answers)
    assert not list(tmp_path.iterdir())
