"""Every answer is what its program gives, and the words alone give nothing away."""

import math
import random
from collections import Counter, defaultdict
from itertools import pairwise

import pytest

from vilt_core.world.grammar import RELATION_WORDS, category_terms
from vilt_core.world.programs import answer_word, execute
from vilt_core.world.questions import (
    KINDS,
    Question,
    answers,
    asked_about,
    named_by_answer,
    question,
    questions,
)
from vilt_core.world.scenes import BACKGROUNDS, SPLITS, is_held_out, scene
from vilt_core.world.sprites import COLORS, sprites

SCENES = 700


@pytest.fixture(scope="module", params=SPLITS)
def asked(request):
    """(scene, question) for many scenes of a split."""
    rows = []
    for index in range(SCENES):
        here = scene(12, index, split=request.param)
        draw = random.Random(index).random
        rows.extend((here, one) for one in questions(here, draw, count=3))
    return rows


@pytest.fixture(scope="module")
def many():
    """Very many questions of the training split."""
    return [
        one
        for index in range(3000)
        for one in questions(scene(13, index), random.Random(index).random, count=3)
    ]


def test_every_answer_is_what_its_program_gives(asked):
    known = set(answers())
    for here, one in asked:
        assert answer_word(execute(one.program, here)) == one.answer, one.text
        assert one.answer in known
        assert one.text == one.text.lower()
        assert one.text.endswith("?")
        assert len(one.text.split()) <= 22


def test_spans_link_to_objects_of_their_noun(asked):
    for here, one in asked:
        for mention in one.mentions:
            noun = one.text[mention.noun_start : mention.noun_end]
            assert noun == noun.strip()
            assert one.text[mention.start : mention.end].endswith(noun)
            for index in mention.objects:
                thing = here.objects[index]
                category = category_terms()[thing.category]
                names = {thing.sprite.name, thing.sprite.plural, "sticker", "stickers"}
                assert noun in names | {category.singular, category.plural}


def test_kinds_are_about_as_frequent(asked):
    share = Counter(one.kind for _, one in asked)
    assert set(share) == set(KINDS)
    # Half of the composition scenes are about shapes, and those have colours to ask for.
    assert all(0.08 < count / len(asked) < 0.2 for count in share.values()), share


def test_yes_and_no_are_balanced_by_kind(many):
    said = defaultdict(Counter)
    for one in many:
        if one.answer in ("yes", "no"):
            said[one.kind][one.answer] += 1
    assert set(said) == {"existence", "attribute", "spatial", "comparison", "logic"}
    for kind, counts in said.items():
        assert abs(counts["yes"] / counts.total() - 0.5) < 0.06, (kind, counts)


def test_an_answer_names_the_objects_for_which_it_stands_and_no_others(asked):
    things = {sprite.name for sprite in sprites()} - {*COLORS, *BACKGROUNDS}  # an orange is orange
    shared = 0
    for here, one in asked:
        named = named_by_answer(here, one)
        assert bool(named) == (one.program[0] == "noun")
        assert named or one.answer not in things
        assert {here.objects[at].noun for at in named} <= {one.answer}
        about = asked_about(here, one)
        assert set(named) <= set(about)
        shared += bool(named) and len(about) > len(named)
    assert shared > 20  # questions that speak of something else beside


def test_words_alone_leave_yes_and_no_a_guess(many):
    """A naive Bayes reader of words and word pairs, blind to the picture."""
    rows = defaultdict(list)
    for one in many:
        if one.answer in ("yes", "no"):
            words = one.text[:-1].split()
            pairs = {f"{a} {b}" for a, b in pairwise(words)}
            rows[one.kind].append((set(words) | pairs, one.answer))
    for kind in ("existence", "spatial", "comparison", "logic"):
        assert guess_rate(rows[kind]) < 0.6, kind


def guess_rate(rows: list[tuple[set[str], str]]) -> float:
    half = len(rows) * 3 // 4
    seen = Counter(answer for _, answer in rows[:half])
    counts = {answer: Counter() for answer in seen}
    for words, answer in rows[:half]:
        counts[answer].update(words)

    def score(words: set[str], answer: str) -> float:
        return sum(math.log((counts[answer][w] + 0.5) / (seen[answer] + 1)) for w in words)

    right = sum(max(seen, key=lambda a: score(words, a)) == answer for words, answer in rows[half:])
    return right / (len(rows) - half)


def asks_for_a_paint(one: Question) -> str | None:
    """The colour of "red shape"."""
    for part in walk(one.program):
        if part[:3] == ("filter", "category", "shape") and part[3][:2] == ("filter", "color"):
            return part[3][2]
    return None


def test_a_colour_alone_tells_nothing():
    """Of "is there a red shape" yes and no are as likely, and so are the numbers of red shapes."""
    said = {"existence": Counter(), "count": Counter()}
    for kind, answers_said in said.items():
        for index in range(4000):
            one = question(scene(13, index), random.Random(index).random, kind=kind)
            if one is not None and asks_for_a_paint(one):
                answers_said[one.answer] += 1
    there, numbers = said.values()
    assert there.total() > 150
    assert abs(there["yes"] / there.total() - 0.5) < 0.1
    assert numbers.total() > 150
    assert numbers.most_common(1)[0][1] / numbers.total() < 0.4
    assert min(numbers[number] for number in "012") > 0.1 * numbers.total()


def test_any_two_of_a_sort_are_asked_about_where_pairs_are_not_held_out(asked):
    spatial = [one for _, one in asked if one.kind == "spatial"]
    share = sum(one.program[0] == "exists" for one in spatial) / len(spatial)
    if asked[0][0].split == "composition":
        assert share < 0.15
    else:
        assert 0.3 < share < 0.55


def test_no_count_and_no_colour_dominates(many):
    for kind, most in (("count", 0.33), ("attribute", 0.16)):
        said = Counter(one.answer for one in many if one.kind == kind)
        assert said.most_common(1)[0][1] / said.total() < most, said
    counts = Counter(one.answer for one in many if one.kind == "count")
    assert set(counts) == {"0", "1", "2", "3", "4", "5", "6"}
    backgrounds = [one for one in many if one.kind == "attribute" and "background" in one.text]
    assert len(backgrounds) < 0.2 * sum(one.kind == "attribute" for one in many)


def test_held_out_pairs_are_only_spoken_of_in_composition(asked):
    """The noun of a pair is the one that stands in the relation, asked about or answered."""
    names = {words: key for key, ways in RELATION_WORDS.items() for words in ways}
    held_out = 0
    for _, one in asked:
        if one.kind not in ("relation", "spatial"):
            continue
        relation = next(part for part in walk(one.program) if part[0] == "related")[1]
        assert any(f" {words} " in one.text for words in names if names[words] == relation)
        subject = one.answer
        if one.kind == "spatial":
            first = one.mentions[0]
            noun = one.text[first.noun_start : first.noun_end]
            if noun in category_terms():  # "an animal above a dog" names no noun above it
                assert ("filter", "category", noun) in {part[:3] for part in walk(one.program)}
                continue
            subject = singular_of(noun)
        held_out += relation != "near" and is_held_out(subject, relation)
    if asked[0][0].split == "composition":
        assert held_out > 50
    else:
        assert held_out == 0


def walk(program):
    if isinstance(program, tuple):
        yield program
        for part in program:
            yield from walk(part)


def singular_of(noun: str) -> str:
    return next(s.name for s in sprites() if noun in (s.name, s.plural))


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_can_be_asked_for_and_may_be_impossible(kind):
    found = [question(scene(1, i), random.Random(i).random, kind=kind) for i in range(80)]
    assert sum(one is not None for one in found) > 25
    assert all(one is None or one.kind == kind for one in found)


def test_as_many_questions_as_asked_for():
    for count in (0, 1, 9):
        drawn = questions(scene(1, 1), random.Random(0).random, count=count)
        assert len(drawn) == count
        assert all(isinstance(one, Question) for one in drawn)
    assert isinstance(question(scene(1, 1), random.Random(0).random), Question)


def test_answers_are_closed_and_ordered():
    words = answers()
    assert words[:2] == ("yes", "no")
    assert words[2:9] == ("0", "1", "2", "3", "4", "5", "6")
    assert len(set(words)) == len(words)
    assert answers() == words


def test_bad_requests_are_refused():
    with pytest.raises(ValueError, match="kind must be one of"):
        question(scene(0, 0), random.Random(0).random, kind="riddle")
    with pytest.raises(ValueError, match="count must not be negative"):
        questions(scene(0, 0), random.Random(0).random, count=-1)


def test_same_draws_same_questions():
    first, second = (questions(scene(3, 3), random.Random(7).random, count=4) for _ in range(2))
    assert first == second
