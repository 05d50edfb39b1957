"""What a person is told of the scores."""

from vilt_core.training.outcome import summary

FOUND = {
    "task": "vqa",
    "data": "mine:val",
    "examples": 4,
    "accuracy": 0.5,
    "text_only": 0.25,
    "text_only_from": "mine:train",
    "by_type": {"colour": 1.0, "number": 0.0},
}


def test_a_kind_of_question_that_is_never_right_is_told_of():
    lines = summary(FOUND)
    assert [line.split()[:2] for line in lines[-2:]] == [["colour", "100.0%"], ["number", "0.0%"]]
    assert summary(FOUND | {"by_type": {"colour": None}}) == lines[:-2]
