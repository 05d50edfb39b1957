"""Of four answers and of four reasons one is true, and their words do not tell which."""

import random
import re
from collections import Counter

import pytest

from vilt_core.data.text import Tokenizer
from vilt_core.evaluation.choice_words import Choice, ChoiceWords
from vilt_core.world.corpus import corpus
from vilt_core.world.programs import PLACES, arguably_in, execute, place, row_and_column
from vilt_core.world.questions import answers
from vilt_core.world.reasons import CHOICES, KINDS, reasoned
from vilt_core.world.scenes import HELD_OUT_SHAPES, SPLITS, scene


def many(split: str, scenes: range, *, seed: int = 31):
    rows = []
    for index in scenes:
        here = scene(seed, index, split=split)
        said = reasoned(here, random.Random(f"{split}/{index}").random)
        if said is not None:
            rows.append((here, said))
    return rows


@pytest.fixture(scope="module", params=SPLITS)
def asked(request):
    return many(request.param, range(400))


@pytest.fixture(scope="module")
def trained():
    """Many of the training split, and others to be told without looking."""
    return many("train", range(2500)), many("train", range(2500, 4000))


def test_one_reason_is_true_of_the_scene_and_no_other(asked):
    for here, said in asked:
        truths = [execute(claim, here) for claim in said.claims]
        assert truths == [at == said.reason for at in range(CHOICES)], said


def test_one_answer_is_the_right_one_and_no_other(asked):
    """The wrong ones are other numbers, other colours, or nouns that do not fit the question."""
    for here, said in asked:
        true = said.answers[said.answer]
        assert len(set(said.answers)) == CHOICES
        if said.kind == "category":
            category = next(o.category for o in here.objects if o.noun == true)
            others = {o.noun for o in here.objects if o.category == category} - {true}
            assert others.isdisjoint(said.answers)
        if said.kind in ("category", "relation"):
            assert set(said.answers) <= set(answers())
            assert true in {thing.noun for thing in here.objects}


def test_reasons_differ_in_two_things_each_resolved_either_way(asked):
    """Every word stands in all, in two, or (where two words meet) in one of the four."""
    for _, said in asked:
        assert len(set(said.reasons)) == CHOICES
        words = [Counter(re.findall(r"\w+", reason)) for reason in said.reasons]
        totals = [sum(counts[word] for counts in words) for word in set().union(*words)]
        assert all(total % 2 == 0 for total in totals), said.reasons


def test_what_is_read_begins_with_the_question_and_goes_on_with_its_answer(asked):
    for _, said in asked[:50]:
        assert said.answered()[said.answer] == f"{said.question} {said.answers[said.answer]}"
        for text, reason in zip(said.justified(), said.reasons, strict=True):
            assert text == f"{said.answered()[said.answer]}: {reason}"


def test_most_scenes_have_one_and_every_kind_and_number_turns_up(asked):
    assert len(asked) > 0.6 * 400
    kinds = Counter(said.kind for _, said in asked)
    assert min(kinds[kind] for kind in KINDS) > 0.1 * len(asked)
    numbers = Counter(said.answers[said.answer] for _, said in asked if said.kind == "count")
    assert set(numbers) == {"one", "two", "three", "four"}
    assert max(numbers.values()) < 0.5 * numbers.total()


def test_the_true_ones_stand_anywhere(asked):
    for way in ("answer", "reason"):
        places = Counter(getattr(said, way) for _, said in asked)
        assert all(abs(places[at] / len(asked) - 1 / CHOICES) < 0.11 for at in range(CHOICES))


def test_words_alone_tell_next_to_nothing(trained):
    for texts, truth in (("answered", "answer"), ("justified", "reason")):
        known, unknown = (
            [
                Choice(candidates=getattr(said, texts)(), truth=getattr(said, truth))
                for _, said in rows
            ]
            for rows in trained
        )
        reader = ChoiceWords(known)
        right = [reader.choose(one.candidates) == one.truth for one in unknown]
        assert sum(right) / len(right) < 0.31


def test_all_is_short_enough_to_be_read(trained):
    tokenizer = Tokenizer.train(corpus(0, scenes=1500), vocab_size=940)
    lengths = [max(map(tokenizer.count, said.justified())) for _, said in trained[1]]
    assert sum(length > 40 for length in lengths) < 0.01 * len(lengths)


def test_colours_kept_for_composition_stay_there(asked):
    kept = [f"{color} {noun}" for color, noun in HELD_OUT_SHAPES]
    found = any(shape in text for _, said in asked for text in said.reasons for shape in kept)
    assert found == (asked[0][0].split == "composition")


def test_same_draws_same_choices_and_a_kind_can_be_asked_for():
    for index in range(60):
        here = scene(5, index)
        assert reasoned(here, random.Random(1).random) == reasoned(here, random.Random(1).random)
        for kind in KINDS:
            said = reasoned(here, random.Random(index).random, kind=kind)
            assert said is None or said.kind == kind
    with pytest.raises(ValueError, match="kind must be one of"):
        reasoned(scene(0, 0), random.Random(0).random, kind="riddle")


def test_what_lies_in_a_place_could_be_thought_to_and_nothing_lies_on_the_other_side():
    for index in range(200):
        for thing in scene(6, index).objects:
            spot = place(thing)
            assert arguably_in(thing, spot)
            row, column = row_and_column(spot)
            assert PLACES[row][column] == spot
            for far in ((2 - row, column), (row, 2 - column)):
                if far != (row, column):
                    assert not arguably_in(thing, PLACES[far[0]][far[1]])
