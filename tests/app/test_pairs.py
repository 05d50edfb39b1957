"""Pairs of pictures: what is suggested is as true as it says, in both orders."""

import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from app import pairs, services
from app.photographs import PHOTOGRAPHS
from app.tabs import pair as tab
from vilt_core.world.programs import execute

TINY = "tiny"
LEFT, RIGHT = pairs.EXAMPLES[0]


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 160, 3), np.uint8)).save(path)
    return str(path)


def chances(html):
    return re.findall(r'class="vt-p">([^<]+)<', html)


@pytest.mark.parametrize("index", [2, 4, 7, 9, 12, 17, 4711])
def test_suggested_statements_are_true_and_false_in_turn(index):
    left, right = pairs.pair_of(index)
    found = pairs.statements(left)
    assert len({one.form for one in found}) == len(found) >= 4
    labels = [one.label for one in found]
    assert 0 < sum(labels) < len(labels)
    for one in found:
        text = one.text.upper() + "."
        assert pairs.truth_of(left, right, text) is one.label
        swapped = execute(one.program, pairs.scene(right), pairs.scene(left))
        assert pairs.truth_of(right, left, text) is swapped
    changes = [
        one.label != pairs.truth_of(right, left, one.text) for one in found
    ]  # those come first whose truth depends on the order
    assert changes == sorted(changes, reverse=True)


@pytest.mark.parametrize("other", [{"seed": 3}, {"split": "train"}])
def test_statements_of_a_pair_that_a_link_names_are_about_that_pair(other):
    left, right = (replace(key, **other) for key in (LEFT, RIGHT))
    assert pairs.statements(left) == pairs.statements(right) != pairs.statements(LEFT)
    for one in pairs.statements(left):
        assert execute(one.program, pairs.scene(left), pairs.scene(right)) is one.label
        assert pairs.truth_of(left, right, one.text) is one.label
    assert pairs.suggested(left, right, TINY)[0].lower() == pairs.statements(left)[0].text


def test_nobody_knows_the_truth_of_other_pairs_and_statements():
    text = pairs.statements(LEFT)[0].text
    assert pairs.truth_of(LEFT, None, text) is None
    assert pairs.truth_of(LEFT, LEFT, text) is None
    assert pairs.truth_of(LEFT, pairs.EXAMPLES[1][1], text) is None
    assert pairs.truth_of(*pairs.OF_PHOTOGRAPHS[0], text) is None
    assert pairs.truth_of(LEFT, RIGHT, "the moon is made of cheese") is None


def test_both_orders_are_the_models_own(tiny):
    text = pairs.suggested(LEFT, RIGHT, TINY)[0]
    html = pairs.compare((None, None), text, keys=(LEFT, RIGHT), model=TINY)
    left, right = (pairs.picture(key, tiny.image_size) for key in (LEFT, RIGHT))
    expected = [tiny.compare(left, right, text), tiny.compare(right, left, text)]
    assert chances(html) == [f"{100 * chance:.1f} %" for chance in expected]
    assert html.count(": it is ") == 2


def test_swapping_exchanges_the_orders(tiny):
    text = pairs.suggested(LEFT, RIGHT, TINY)[0]
    before = tab.compared("one.png", "other.png", text, LEFT, RIGHT, TINY)
    one, other, *_, left, right, after = tab.swapped(None, None, text, LEFT, RIGHT, TINY)
    np.testing.assert_array_equal(one, pairs.picture(RIGHT))
    np.testing.assert_array_equal(other, pairs.picture(LEFT))
    assert (left, right) == (RIGHT, LEFT)
    assert chances(after) == chances(before)[::-1]


def test_two_swaps_leave_an_own_picture_where_it_was(tiny, photo):
    text = "both pictures show a cat"
    before = tab.compared(photo, None, text, None, RIGHT, TINY)
    shown, own, *swapped, _ = tab.swapped(photo, None, text, None, RIGHT, TINY)
    np.testing.assert_array_equal(shown, pairs.picture(RIGHT))
    assert own == photo
    one, other, *_, after = tab.swapped(*swapped[:2], text, *swapped[2:], TINY)
    assert one == photo
    np.testing.assert_array_equal(other, pairs.picture(RIGHT))
    assert chances(after) == chances(before)


def test_the_tab_opens_with_a_statement_judged(tiny):
    strip, shown, left_image, right_image, left, right, statement, chips, view = tab.introduced(
        TINY, None, None, "", None, None
    )
    assert strip["chosen"] == 0
    assert strip["fresh"]
    assert shown == pairs.EXAMPLES
    assert (left, right) == pairs.EXAMPLES[0]
    assert left_image.shape == right_image.shape == (512, 512, 3)
    assert chips["chosen"] == statement == pairs.suggested(left, right, TINY)[0]
    assert len(chances(view)) == 2
    assert "lab-note" not in view


def test_a_new_pair_joins_the_strip_in_front(tiny):
    new = pairs.pair_of(4711)
    strip, shown, *_ = tab.opened(pairs.EXAMPLES, new, TINY)
    assert shown[0] == new
    assert strip["chosen"] == 0
    assert all(tile["says"] for tile in strip["pictures"])
    for index in range(20):
        _, shown, *_ = tab.opened(shown, pairs.pair_of(5000 + index), TINY)
    assert len(shown) == 8


def test_an_own_picture_beside_one_of_ours(tiny, photo):
    strip, own, key, chips, waiting = tab.brought(photo, pairs.EXAMPLES, RIGHT, TINY)
    assert (strip["chosen"], own, key) == (None, photo, None)
    assert chips["texts"] == list(pairs.GENERAL["stickers"])
    assert "lab-waiting" in waiting
    html = tab.compared(photo, None, "both pictures show a cat", None, RIGHT, TINY)
    assert "only knows stickers" in html
    assert "it is" not in html
    assert len(chances(html)) == 2


@pytest.mark.parametrize("text", ["", "?!", "кошка", "cat " * 60])
def test_bad_statements_get_one_sentence(tiny, text):
    assert "lab-trouble" in tab.compared(None, None, text, LEFT, RIGHT, TINY)


def test_a_missing_picture_is_named(tiny, photo):
    assert "a right picture of your own" in tab.compared(photo, None, "a cat", None, None, TINY)
    assert "a left picture of your own" in tab.compared(None, photo, "a cat", None, None, TINY)


def test_photographs_come_in_pairs_with_their_credits(hub, photo):
    hub.go.set()
    strip, shown, *_, chips, view = tab.introduced("ViLT-B/32", None, None, "", None, None)
    assert hub.asked == ["dandelin/vilt-b32-finetuned-nlvr2"]
    assert shown == pairs.OF_PHOTOGRAPHS
    assert not strip["fresh"]
    assert strip["credit"] == "; ".join(one.credit for one in PHOTOGRAPHS[:2])
    assert chips["texts"] == list(pairs.GENERAL["photographs"])
    assert len(chances(view)) == 2
    own = tab.introduced("ViLT-B/32", photo, photo, "a cat", None, None)
    assert own[0]["chosen"] is None
    assert len(chances(own[-1])) == 2


def test_a_model_without_the_head_says_so(tiny, monkeypatch):
    monkeypatch.setattr(services.predictor(TINY, "compare").model, "nlvr2", None)
    assert "no NLVR2 head" in tab.compared(None, None, "a cat", LEFT, RIGHT, TINY)
