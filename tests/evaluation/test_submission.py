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
    path = write_submission(tmp_path / "mine.json", ids, answers)
    assert json.loads(path.read_text()) == example
    assert [file.name for file in tmp_path.iterdir()] == ["mine.json"]


def test_ids_are_sent_as_they_came(tmp_path):
    ids = ["05515931", 7, "vizwiz_test_3.jpg"]
    sent = json.loads(write_submission(tmp_path / "mine.json", ids, ["yes"] * 3).read_text())
    assert [row["question_id"] for row in sent] == ids


@pytest.mark.parametrize(
    ("ids", "answers", "complaint"),
    [
        (["7", None], ["yes", "no"], "the id of every question, and 1 of 2 have none: expected"),
        ([""], ["yes"], "the id of every question"),
        ([7, "7"], ["yes", "no"], "each question once"),
        ([7, 8], ["yes"], "expected 2 answers, one for each id, got 1"),
    ],
)
def test_what_the_server_would_refuse(tmp_path, ids, answers, complaint):
    with pytest.raises(ValueError, match=complaint):
        write_submission(tmp_path / "mine.json", ids, answers)
    assert not list(tmp_path.iterdir())
