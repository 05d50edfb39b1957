import json
import random
from collections import Counter
from itertools import islice

import pytest
from PIL import Image

from vilt_core.evaluation.galleries import gallery_of
from vilt_core.evaluation.sets import FRESH, WORLD
from vilt_core.evaluation.sources import (
    captions_of,
    pairs_of,
    questions_of,
    world_pairs,
    world_questions,
)
from vilt_core.evaluation.statements import statements_of
from vilt_core.world.questions import KINDS
from vilt_core.world.scenes import HELD_OUT_SHAPES
from vilt_core.world.sprites import HELD_OUT_STYLE


@pytest.mark.parametrize("source", [questions_of, pairs_of, captions_of])
@pytest.mark.parametrize("on", [*WORLD, FRESH])
def test_the_same_every_time_and_a_longer_set_begins_with_the_shorter(source, on):
    longer = source(on, limit=40)
    assert source(on, limit=16) == longer[:16]
    assert {one.picture.split for one in longer} == {on.removeprefix("world:")}


def test_sets_are_different():
    texts = [[one.text for one in questions_of(on, limit=40)] for on in (*WORLD, FRESH)]
    assert all(a != b for place, a in enumerate(texts) for b in texts[:place])


def test_chance_elsewhere_changes_nothing():
    before = questions_of("world:test", limit=8)
    random.seed(7)
    random.random()
    assert questions_of("world:test", limit=8) == before


def test_as_many_questions_of_each_kind_and_a_scene_for_each():
    asked = questions_of("world:test", limit=200)
    assert Counter(one.kind for one in asked) == dict.fromkeys(KINDS, 25)
    assert len({one.picture.index for one in asked}) == 200


def test_every_question_has_one_right_answer():
    assert all(list(one.scores.values()) == [1.0] for one in questions_of("world:test", limit=80))


def test_what_is_fitted_is_not_what_is_measured():
    fitted = {(one.picture.seed, one.picture.index) for one in questions_of(FRESH, limit=40)}
    other = islice(world_questions("train", seed=5), 40)
    assert not fitted & {(one.picture.seed, one.picture.index) for one in other}


def test_half_of_the_sentences_are_true_in_each_test():
    pairs = pairs_of("world:test", limit=400)
    for near in (True, False):
        matched = [one.matched for one in pairs if (one.changed is not None) is near]
        assert len(matched) == 200
        assert sum(matched) == 100


def test_each_kind_of_change_is_balanced():
    counts = Counter((one.changed, one.matched) for one in islice(world_pairs("test"), 400))
    for changed in {changed for changed, _ in counts}:
        assert counts[changed, True] == counts[changed, False]


def test_true_and_false_sentences_differ():
    pairs = pairs_of("world:composition", limit=400)
    for true, false in zip(pairs[::2], pairs[1::2], strict=True):
        assert true.matched
        assert not false.matched
        assert true.picture == false.picture
        assert true.text != false.text


def test_style_and_composition_are_held_out():
    styles = {o.style for one in captions_of("world:style", limit=30) for o in one.picture.objects}
    assert styles == {HELD_OUT_STYLE}
    shapes = {
        (o.color, o.noun)
        for one in captions_of("world:composition", limit=60)
        for o in one.picture.objects
    }
    assert shapes & set(HELD_OUT_SHAPES)


def test_mentions_are_nouns_of_what_is_there():
    for one in captions_of("world:test", limit=60):
        for mention in one.mentions:
            word = one.text[mention.noun_start : mention.noun_end]
            assert word.strip() == word != ""
            assert mention.objects
            assert all(index < len(one.boxes) for index in mention.objects)


@pytest.mark.parametrize("source", [questions_of, pairs_of, captions_of])
def test_what_is_not_there(source, tmp_path):
    with pytest.raises(ValueError, match=r"expected world:test, .*got 'world:moon'"):
        source("world:moon")
    with pytest.raises(ValueError, match=r"expected a file of JSON lines .*at .*none\.jsonl"):
        source(tmp_path / "none.jsonl")
    with pytest.raises(ValueError, match="limit must be at least 1, got 0"):
        source("world:test", limit=0)


@pytest.mark.parametrize("source", [questions_of, pairs_of, captions_of])
def test_an_empty_file(source, tmp_path):
    (tmp_path / "empty.jsonl").write_text("\n\n")
    with pytest.raises(ValueError, match=r"empty\.jsonl(, found an empty file| must)"):
        source(tmp_path / "empty.jsonl")


@pytest.fixture
def sorted_file(tmp_path):
    """Writes 90 lines, the first third of one kind, the second of another."""

    def writer(line):
        Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
        lines = [{"image": "a.png"} | line(at) for at in range(90)]
        (tmp_path / "mine.jsonl").write_text("\n".join(map(json.dumps, lines)))
        return tmp_path / "mine.jsonl"

    return writer


def test_a_limit_is_spread_over_a_file_that_is_sorted(sorted_file):
    path = sorted_file(
        lambda at: {"question": f"is it {at}?", "answer": at, "type": "abc"[at // 30]}
    )
    asked = questions_of(path, limit=12)
    assert Counter(one.kind for one in asked) == dict.fromkeys("abc", 4)
    assert questions_of(path, limit=12) == asked
    assert questions_of(path, limit=90) == questions_of(path, limit=900) == questions_of(path)


def test_a_limit_of_captions_is_spread(sorted_file):
    path = sorted_file(lambda at: {"caption": f"{'abc'[at // 30]} {at}", "image": f"{at}.png"})
    for at in range(90):
        Image.new("RGB", (8, 8)).save(path.with_name(f"{at}.png"))
    for limit in (12, 13):
        pairs = pairs_of(path, limit=limit)
        assert len(pairs) == limit
        assert {one.text[0] for one in pairs if one.matched} == set("abc")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[7]["hard_negative"] = "a 8"  # one of many has a near miss
    path.write_text("\n".join(map(json.dumps, lines)))
    assert 30 <= len(pairs_of(path, limit=32)) <= 32
    gallery = gallery_of(path, limit=12)
    assert Counter(text[0] for text in gallery.captions) == dict.fromkeys("abc", 4)


def test_groups_of_all_sizes_stay_whole_and_in_order(sorted_file):
    groups = [size for size in (1, 2, 5) for _ in range(6) for _ in range(size)]
    of = [f"{at % 6}/{size}" for at, size in enumerate(groups)]  # whose statements are scattered
    path = sorted_file(
        lambda at: {"statement": f"it is {at}", "label": True, "group": of[at % len(of)]}
    )
    whole = Counter(one.group for one in statements_of(path))
    for limit in (7, 20, 40):
        stated = statements_of(path, limit=limit)
        assert limit // 2 < len(stated) <= limit
        there = Counter(one.group for one in stated)
        assert there == {group: whole[group] for group in there} or len(there) == 1
        places = [int(one.text.split()[-1]) for one in stated]
        assert places == sorted(places)


def test_a_limit_of_statements_keeps_groups_whole(sorted_file):
    """Consistency counts groups."""
    path = sorted_file(
        lambda at: {"statement": f"{'abc'[at // 30]} {at}", "label": True, "group": at // 3}
    )
    stated = statements_of(path, limit=20)
    assert Counter(one.group for one in stated) == dict.fromkeys({one.group for one in stated}, 3)
    assert len(stated) == 18
    assert Counter(one.text[0] for one in stated) == dict.fromkeys("abc", 6)
    assert len(statements_of(path, limit=2)) == 2
    alone = sorted_file(lambda at: {"statement": f"{'abc'[at // 30]} {at}", "label": True})
    assert Counter(one.text[0] for one in statements_of(alone, limit=12)) == dict.fromkeys("abc", 4)
