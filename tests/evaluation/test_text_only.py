import json
import random
from itertools import islice

import pytest

from vilt_core.data.folders import open_data
from vilt_core.evaluation import text_only
from vilt_core.evaluation.sources import Asked, world_questions
from vilt_core.evaluation.text_only import (
    TextOnly,
    beside,
    cross_fitted_guesses,
    fitted_on,
    levels,
)
from vilt_core.evaluation.vqa import worth
from vilt_core.world.scenes import scene


def asked(text, answer, *, kind="other"):
    return Asked(picture=scene(0, 0), text=text, scores={answer: 1.0}, kind=kind)


def test_same_words_first():
    few = [asked("how many cats are there?", "2")] * 30
    many = [asked("how many dogs are there?", "5")] * 90
    known = TextOnly(few + many)
    assert known.guess("how many cats are there?") == "2"
    assert known.guess("how many dogs are there?") == "5"


def test_other_nouns_and_colors_stand_in():
    known = TextOnly(
        [asked("how many red hearts are there?", "3")] * 5 + [asked("is it?", "no")] * 9
    )
    assert known.guess("how many green circles are there?") == "3"


def test_opening_words_then_everything():
    known = TextOnly([asked("is it dark?", "no")] * 5 + [asked("where?", "here")] * 9)
    assert known.guess("is it raining?") == "no"
    assert known.guess("who is that?") == "here"


def test_one_rare_answer_does_not_outweigh_what_such_questions_have():
    usual = [asked(f"how many {n} are there?", "1") for n in ("cats", "dogs", "cows", "pigs") * 9]
    known = TextOnly([*usual, asked("how many hearts are there?", "6")])
    assert known.guess("how many hearts are there?") == "1"


def test_ties_are_settled_by_the_alphabet():
    known = TextOnly([asked("is it?", "yes"), asked("is it?", "no")])
    assert known.guess("is it?") == "no"


def test_readings_become_coarser():
    fine, masked, opening, everything = levels("Is there a hot dog or a red heart?")
    assert fine == "is there a hot dog or a red heart ?"
    assert masked == "is there a <noun> or a <color> <noun> ?"
    assert opening == "is there"
    assert everything == ""


def test_nothing_to_learn_from():
    with pytest.raises(ValueError, match="got none"):
        TextOnly([]).guess("is it?")


def test_the_guess_is_the_best_of_all_answers():
    draw = random.Random(0)

    def some(count):
        texts = (" ".join(draw.choices("abc", k=3)) for _ in range(count))
        return [asked(text, str(int(draw.expovariate(0.1)))) for text in texts]

    learned = some(120)
    known = TextOnly(learned, prior=3.0)
    read = [(levels(one.text), next(iter(one.scores))) for one in learned]

    def share(answer, text):
        smoothed = 0.0
        for depth, level in enumerate(reversed(levels(text))):
            same = [said for known_as, said in read if level in known_as]
            if same:
                weight = 3.0 if depth else 0.0
                smoothed = (same.count(answer) + weight * smoothed) / (len(same) + weight)
        return smoothed

    for one in some(15):
        best = share(known.guess(one.text), one.text)
        assert best == pytest.approx(max(share(said, one.text) for _, said in read))


def written(folder, split, *told):
    lines = [json.dumps({"image": "a.png", **one}) for one in told]
    (folder / f"{split}.jsonl").write_text("\n".join(lines))


@pytest.mark.parametrize(
    ("kind", "known", "asked"),
    [
        ("questions", {"question": "what?", "answer": "cat"}, {"question": "what?"}),
        ("statements", {"statement": "a cat", "label": True}, {"statement": "a cat"}),
    ],
)
def test_it_is_fitted_on_the_training_split_where_one_lies_beside(tmp_path, kind, known, asked):
    folder = tmp_path / "mine"
    folder.mkdir()
    for split in ("train", "val", "test"):
        written(folder, split, *[known if split == "train" else asked] * 3)
    for on in (folder, f"{folder}:val", f"{folder}:test", folder / "test.jsonl"):
        found = beside(on, kind=kind)
        assert found.source == "mine:train"
        assert found.guess(asked.get("question", "a cat")) == known.get("answer", "True")
    other = {"questions": "statements", "statements": "questions"}[kind]
    (tmp_path / "apart.jsonl").write_text((folder / "val.jsonl").read_text())
    for on, of in (
        (f"{folder}:train", kind),
        (folder / "train.jsonl", kind),
        (tmp_path / "apart.jsonl", kind),
        (folder, other),
        ("world:test", kind),
        (open_data(folder, split="val"), kind),
    ):
        assert beside(on, kind=of) is None


def test_secret_truth_teaches_nothing(tmp_path):
    written(tmp_path, "train", {"question": "what?"}, {"question": "who?"})
    assert fitted_on(open_data(tmp_path)) is None


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("train", "no JSON", "train.jsonl line 1 is not readable JSON"),
        ("dev", '{"image": "a.png", "question": "what?"}', "holds val.jsonl and dev.jsonl"),
    ],
)
def test_of_a_training_split_that_cannot_be_read_it_says_why(tmp_path, name, content, complaint):
    for split in ("train", "val"):
        written(tmp_path, split, {"question": "what?", "answer": "cat"})
    (tmp_path / f"{name}.jsonl").write_text(content)
    for vqa_rules in (False, True):
        found = beside(tmp_path / "val.jsonl", kind="questions", vqa_rules=vqa_rules)
        assert not found.counts
        assert found.source.startswith(text_only.OTHER_HALF)
        assert complaint in found.source


def test_of_a_large_training_split_examples_all_over_it_are_learned(tmp_path, monkeypatch):
    monkeypatch.setattr(text_only, "FITTED_ON", 10)
    told = [{"question": "what?", "answer": "cat" if at < 20 else "dog"} for at in range(65)]
    written(tmp_path, "train", *told)
    found = fitted_on(open_data(tmp_path))
    assert found.counts[""].total() <= 10
    assert found.guess("what?") == "dog"
    written(tmp_path, "train", *told[:15])  # no fewer than may be
    assert fitted_on(open_data(tmp_path)).counts[""].total() == 10


def test_halves_never_see_their_own_answers():
    """A secret word in each question would give every answer away to whoever had seen it."""
    alone = [asked(f"secret {at}?", f"answer {at}") for at in range(40)]
    guesses = cross_fitted_guesses(alone)
    assert sum(worth(alone, guesses)) == 0


def test_halves_share_what_is_common():
    common = [asked("is it?", "yes")] * 10
    assert cross_fitted_guesses(common) == ["yes"] * 10
    assert cross_fitted_guesses(common[:1]) == [""]


def test_the_worlds_words_give_little_away():
    """Better than one answer for all, and far from half."""
    known = TextOnly(islice(world_questions("train", seed=1), 1600))
    questions = list(islice(world_questions("test", seed=1), 400))
    found = sum(worth(questions, [known.guess(one.text) for one in questions])) / 400
    assert 0.2 < found < 0.45
