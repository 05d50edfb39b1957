import json
import random
import re
from itertools import combinations
from pathlib import Path

import pytest

from vilt_core.evaluation.answers import (
    answer_kind,
    answer_scores,
    compared,
    normalise_answer,
    own_answer,
    plain_answer,
    soft_target,
    soft_targets,
)
from vilt_core.world.questions import answers

GOLDEN = Path(__file__).parents[3] / "shared" / "golden"


def golden(name):
    """Lines that the official evaluator, or the original code, gave."""
    path = GOLDEN / name
    if not path.is_file():
        pytest.skip(f"{name} of the reference implementation is not here")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def worth(answer, said, *, vqa_rules=True):
    scores = answer_scores(said, vqa_rules=vqa_rules)
    return scores.get(compared(said, vqa_rules=vqa_rules)(answer), 0.0)


def normalised_as_published(answer):
    """Steps of processPunctuation and processDigitArticle, with the words of this test alone."""
    marks = ';/[]"{}()=+\\_-><@`,?!'
    out = answer
    for mark in marks:
        if mark + " " in answer or " " + mark in answer or re.search(r"(\d)(,)(\d)", answer):
            out = out.replace(mark, "")
        else:
            out = out.replace(mark, " ")
    out = re.sub(r"(?!<=\d)(\.)(?!\d)", "", out)
    words = [{"none": "0", "two": "2"}.get(word, word) for word in out.lower().split()]
    words = [word for word in words if word not in ("a", "an", "the")]
    return " ".join({"dont": "don't"}.get(word, word) for word in words)


def official_accuracy(prediction, said):
    """The loop of vqaEval.py: each person left out in turn, normalised where they differ."""
    said = [one.replace("\n", " ").replace("\t", " ").strip() for one in said]
    prediction = prediction.replace("\n", " ").replace("\t", " ").strip()
    if len(set(said)) > 1:
        said = [normalised_as_published(one) for one in said]
        prediction = normalised_as_published(prediction)
    parts = []
    for left_out in range(len(said)):
        others = said[:left_out] + said[left_out + 1 :]
        parts.append(min(1.0, sum(other == prediction for other in others) / 3))
    return sum(parts) / len(parts)


ANSWERS = (
    "A", "a", "the", "The", "an", "", "?", "!", "-", "+", "b", "B.", "yes", "Yes", "yes.", "Yes\n",
    "two", "Two.", "2", "none", "0", "dont", "don't", "Dont", "a cat", "cat", "cat,", "the  cat",
    "t-shirt", "t shirt", "1,000", "1000", "1,000-2", "10 a.m.", "10 am", ".5", "a, b", "black/red",
)  # fmt: skip


def test_ten_people_score_as_the_official_loop_does():
    draw = random.Random(0)
    empty = 0
    for _ in range(2000):
        known = draw.sample(ANSWERS, draw.randint(1, 4))
        said = draw.choices(known, k=10)
        prediction = draw.choice([*known, draw.choice(ANSWERS)])
        expected = official_accuracy(prediction, said)
        assert worth(prediction, said) == pytest.approx(expected), (prediction, said)
        empty += expected > 0 and not normalised_as_published(prediction)
    assert empty > 100  # where the rules leave nothing


@pytest.mark.parametrize(
    ("said", "prediction", "expected"),
    [
        (["A"] * 5 + ["b"] * 5, "a", 1.0),
        (["?"] * 2 + ["a"] * 2 + ["dog"] * 6, "a", 1.0),
        (["?"] * 2 + ["a"] * 2 + ["dog"] * 6, "", 1.0),
        (["?"] * 10, "a", 0.0),
        (["the"] * 10, "", 0.0),
    ],
)
def test_of_ten_people_what_the_rules_leave_nothing_of_is_one_answer(said, prediction, expected):
    assert official_accuracy(prediction, said) == expected
    assert worth(prediction, said) == pytest.approx(expected)


def test_the_empty_answer_can_be_learned():
    assert soft_targets(["A", "the", "?"] + ["b"] * 7, {"": 0, "b": 1}) == {0: 0.9, 1: 1.0}


@pytest.mark.parametrize("name", ["vqa_official_normalisation.jsonl", "vilt_normalize_word.jsonl"])
def test_normalisation_as_others_do_it(name):
    lines = golden(name)
    assert len(lines) == 94
    assert [normalise_answer(line["raw"]) for line in lines] == [x["normalised"] for x in lines]


def test_accuracy_as_the_official_evaluator_counts_it():
    lines = golden("vqa_official_accuracy.jsonl")
    assert len(lines) == 60
    found = [round(100 * worth(line["prediction"], line["answers"]), 2) for line in lines]
    assert found == [line["accuracy_percent"] for line in lines]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Yes.", "yes"),
        ("the cat", "cat"),
        ("a red  heart!", "red heart"),
        ("Three", "3"),
        ("none", "0"),
        ("3", "3"),
        ("t-shirt", "t shirt"),
        ("black, white", "black white"),
        ("1,000", "1000"),
        ("10 a.m.", "10 am"),
        (".5", ".5"),
        ("I DONT know", "i don't know"),
        ("wouldnt've", "wouldn't've"),
        ("four o'clock", "4 o'clock"),
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


@pytest.mark.parametrize("people", [1, 2, 3, 4, 5, 9, 11])
def test_spelling_counts_among_ten_people_alone(people):
    assert worth("yes", ["Yes"] * people) == pytest.approx(1.0)
    assert worth("yes", ["Yes"] * 10) == 0.0


@pytest.mark.parametrize("people", [1, 3, 5])
def test_signs_and_letters_stay_apart(people):
    answers = ("+", "-", "A", "b")
    places = {plain_answer(answer): at for at, answer in enumerate(answers)}
    for said in answers:
        found = [worth(given, [said] * people) for given in answers]
        assert found == pytest.approx([float(given == said) for given in answers])
        assert soft_targets([said] * people, places) == {answers.index(said): 1.0}


@pytest.mark.parametrize(
    ("one", "other"),
    [("-1", "1"), ("C+", "c"), ("left/right", "left right"), ("none", "0"), ("a cat", "cat")],
)
def test_ones_own_answers_mean_what_they_say(one, other):
    assert own_answer(one) != own_answer(other)
    assert own_answer(f" {one.upper()}\n") == own_answer(one.replace(" ", "  "))
    assert plain_answer(one) == plain_answer(other)


@pytest.mark.parametrize("people", [1, 3, 10])
def test_of_ones_own_answers_several_people_score_as_published_and_spelling_never_counts(people):
    said = ["Left/Right"] * people
    for given, right in (("left/right", 1.0), ("LEFT/RIGHT ", 1.0), ("left right", 0.0)):
        assert worth(given, said, vqa_rules=False) == pytest.approx(right)
    mixed = answer_scores(["-1"] * 8 + ["1"] * 2, vqa_rules=False)
    assert [mixed["-1"], mixed["1"]] == pytest.approx([1.0, 0.6])
    assert soft_targets(["-1"] * 8 + ["1"] * 2, {"-1": 0, "1": 1}, vqa_rules=False) == {
        0: 1.0,
        1: 0.6,
    }


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


def test_where_all_ten_agree_the_official_evaluator_compares_letters():
    assert worth("yes", ["Yes"] * 10) == 0.0
    assert worth("Yes\n", ["Yes"] * 9 + [" Yes"]) == 1.0
    assert worth("yes", ["Yes"] * 9 + ["Yes."]) == 1.0


@pytest.mark.parametrize("people", [1, 2, 3])
def test_of_few_people_spelling_never_counts(people):
    assert worth("yes", ["Yes."] * people) == pytest.approx(1.0)


def test_training_targets_as_published():
    assert [soft_target(count) for count in range(6)] == [0, 0.3, 0.6, 0.9, 1, 1]


def test_spellings_of_one_answer_train_the_same_class():
    # The 2021 code looked "Two." and "A cat" up as they are, and found neither.
    said = ["Two.", "two", "2", "A cat", "the cat", "T-shirt"] + ["who knows"] * 4
    assert soft_targets(said, {"2": 0, "cat": 1, "t shirt": 2}) == {0: 0.9, 1: 0.6, 2: 0.3}


def test_targets_of_training_are_the_scores_of_ten():
    said = ["cat"] * 3 + ["dog"] * 2 + ["cow"] + ["pig"] * 4
    places = {"cat": 0, "dog": 1, "cow": 2, "pig": 3}
    scores = {places[answer]: pytest.approx(share) for answer, share in answer_scores(said).items()}
    assert soft_targets(said, places) == scores
