"""Statements are labelled as their programs decide; referring expressions find one object."""

import random
from collections import Counter, defaultdict

import pytest

from vilt_core.world.programs import execute
from vilt_core.world.referring import referring
from vilt_core.world.scenes import SPLITS, scene
from vilt_core.world.statements import FORMS, pair, statement


@pytest.fixture(scope="module", params=SPLITS)
def said(request):
    """(left, right, statement) for many pairs of a split."""
    rows = []
    for index in range(700):
        left, right = pair(21, index, split=request.param)
        rows.append((left, right, statement(left, right, random.Random(index).random)))
    return rows


def test_labels_are_what_the_programs_decide(said):
    for left, right, one in said:
        assert execute(one.program, left, right) is one.label, one.text
        assert one.text == one.text.lower().strip()
        assert len(one.text.split()) <= 25


def test_labels_are_balanced_in_every_form(said):
    counts = defaultdict(Counter)
    for _, _, one in said:
        counts[one.form][one.label] += 1
    assert set(counts) == set(FORMS)
    whole = sum(counts.values(), Counter())
    assert abs(whole[True] / whole.total() - 0.5) < 0.06
    for form, found in counts.items():
        assert 0.25 < found[True] / found.total() < 0.75, form


def test_one_form_takes_both_labels_of_the_same_pair():
    left, right = pair(21, 3)
    found = defaultdict(set)
    for attempt in range(400):
        one = statement(left, right, random.Random(attempt).random)
        found[one.form].add(one.label)
    assert all(labels == {True, False} for labels in found.values())
    assert len(found) > 6


def test_mentions_link_to_either_picture(said):
    linked = 0
    for left, right, one in said:
        for here, mentions in ((left, one.left_mentions), (right, one.right_mentions)):
            for mention in mentions:
                noun = one.text[mention.noun_start : mention.noun_end]
                for index in mention.objects:
                    sprite = here.objects[index].sprite
                    names = {sprite.name, sprite.plural, "sticker", "stickers"}
                    assert (
                        noun in names or sprite.category.split()[0][:4] in noun or noun == "people"
                    )
                    linked += 1
    assert linked > 500


def test_pairs_share_kinds_and_are_the_same_every_time():
    assert pair(4, 9) == pair(4, 9)
    assert pair(4, 9) != pair(4, 10)
    shared = sum(
        bool({o.sprite for o in left.objects} & {o.sprite for o in right.objects})
        for left, right in (pair(4, index) for index in range(200))
    )
    assert shared > 130


def test_referring_expressions_pick_out_one_object():
    texts = set()
    for split in SPLITS:
        for index in range(150):
            here = scene(22, index, split=split)
            found = referring(here, random.Random(index).random)
            if found is None:
                continue
            assert execute(found.program, here) == found.target, found.text
            assert found.box == here.objects[found.target].box
            assert found.mentions[0].objects == (found.target,)
            assert found.text.startswith("the ")
            texts.add(found.text)
    assert len(texts) > 350
    for word in ("leftmost", "largest", "above", "corner"):
        assert any(word in text for text in texts)
