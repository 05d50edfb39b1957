from itertools import combinations

import pytest

from vilt_core.evaluation.answers import answer_kind, answer_scores, normalise_answer
from vilt_core.world.questions import answers


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Yes.", "yes"),
        ("the cat", "cat"),
        ("a red  heart!", "red heart"),
        ("Three", "3"),
        ("none", "0"),
        ("3", "3"),
        ("t-shirt", "t-shirt"),
        ("?!", ""),
    ],
)
def test_normalisation(said, meant):
    assert normalise_answer(said) == meant


def test_normalisation_settles():
    for answer in answers():
        assert normalise_answer(normalise_answer(answer)) == normalise_answer(answer)


def test_no_two_answers_of_the_world_become_one():
    assert len({normalise_answer(answer) for answer in answers()}) == len(answers())


def test_ten_annotators_as_published():
    for count, worth in ((1, 0.3), (2, 0.6), (3, 0.9), (4, 1.0), (10, 1.0)):
        scores = answer_scores(["cat"] * count + [f"other {i}" for i in range(10 - count)])
        assert scores["cat"] == pytest.approx(worth)


def test_the_published_formula_annotator_by_annotator():
    said = ["cat", "cat", "dog", "cat", "cow", "dog", "dog", "dog", "cat", "dog"]
    for answer in set(said):
        parts = [
            min(others.count(answer) / 3, 1)
            for others in ([said[i] for i in kept] for kept in combinations(range(10), 9))
        ]
        assert answer_scores(said)[answer] == pytest.approx(sum(parts) / 10)


def test_a_single_annotator_is_right():
    assert answer_scores(["The Cat"]) == {"cat": 1.0}


@pytest.mark.parametrize("people", [2, 3, 5])
def test_all_of_them_agreeing_are_right(people):
    assert answer_scores(["cat"] * people) == {"cat": pytest.approx(1.0)}


def test_spellings_of_one_answer_count_together():
    assert answer_scores(["two", "2", "Two"])["2"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("said", "kind"), [(["Yes"], "yes/no"), (["two"], "number"), (["cat", "cat", "1"], "other")]
)
def test_kinds(said, kind):
    assert answer_kind(said) == kind
