"""Foils of sentences and of scenes: what is offered is as true as it says."""

import re

import numpy as np
import pytest
from PIL import Image

from app import foils, services
from app.photographs import PHOTOGRAPHS
from app.services import EXAMPLES, SceneKey
from app.tabs import foil
from vilt_core.world.programs import execute

TINY, B32 = "tiny", "ViLT-B/32"
KEY = EXAMPLES[1]


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 160, 3), np.uint8)).save(path)
    return str(path)


def plain(html):
    return re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL)


@pytest.mark.parametrize("key", EXAMPLES[:4])
def test_offered_foils_are_false_of_the_scene_and_the_sentence_true(key):
    for turn in range(3):
        found = foils.offered(key, turn)
        assert len({one.true for one in found}) == 1
        assert foils.truth_of(key, found[0].true) is True
        for one, miss in zip(found, foils.near_misses(key, turn), strict=True):
            assert one.label.startswith(foils.KINDS[miss.changed])
            assert foils.truth_of(key, one.false.upper() + ".") is False
    assert foils.offered(key, 0) != foils.offered(key, 1)


def test_nobody_knows_whether_other_sentences_are_true():
    assert foils.truth_of(KEY, "the moon is made of cheese") is None
    assert foils.truth_of(None, foils.offered(KEY)[0].true) is None
    assert foils.truth_of(PHOTOGRAPHS[0], "a cat") is None


@pytest.mark.parametrize("turn", [11, 12, 30])
def test_the_truth_is_known_however_often_another_sentence_is_asked_for(turn):
    for one in foils.offered(KEY, turn):
        assert foils.truth_of(KEY, one.true) is True
        assert foils.truth_of(KEY, one.false) is False
    assert foils.offered(KEY, turn) != foils.offered(KEY, turn + 1)


@pytest.mark.parametrize("photograph", PHOTOGRAPHS, ids=lambda one: one.file)
def test_every_photograph_has_foils_of_its_own(photograph):
    found = foils.offered(photograph)
    assert len(found) >= 3
    assert all(one.false != one.true for one in found)
    assert photograph.file in foils.OF_PHOTOGRAPHS


def test_stickers_of_one_kind_are_told_apart():
    crowd = next(
        key
        for key in (SceneKey(index=index) for index in range(50))
        if len(services.scene(key).objects) > len({t.sprite for t in services.scene(key).objects})
    )
    names = foils.stickers(crowd)
    assert len(set(names)) == len(services.scene(crowd).objects)
    assert any(name.endswith(" 2") for name in names)


def test_a_swap_makes_a_true_sentence_false():
    at = foils.spoken_of(KEY)
    thing = foils.another_thing(KEY, at)
    scene = foils.swapped_scene(KEY, foils.stickers(KEY)[at], thing)
    assert scene.objects[at].sprite.label == thing
    positive = foils.near_misses(KEY)[0].positive
    assert execute(positive.program, services.scene(KEY)) is True
    assert foils.truth_of(KEY, positive.text, scene) is False


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("a cat", "A dog", [(0, 0), (1, 1)]),
        ("a cat", "a cat", [(0, 0), (1, 1)]),
        ("a cat", "a big cat", [(0, 0), (None, 1), (1, 2)]),
        ("two red cats", "cats", [(0, None), (1, None), (2, 0)]),
        ("one x two", "three y z two", [(0, 0), (1, 1), (None, 2), (2, 3)]),
    ],
)
def test_words_are_paired_with_what_stands_for_them(first, second, expected):
    assert foils.paired(first.split(), second.split()) == expected


def test_both_numbers_are_the_models_own(tiny):
    one = foils.offered(KEY)[0]
    html = foils.sentences(None, one.true, one.false, key=KEY, model=TINY)
    seen = services.picture(KEY, tiny.image_size)
    for text in (one.true, one.false):
        distance = tiny.align(seen, text).transport_cost
        assert f"{distance:.3f}" in plain(html)
        assert f"{100 * tiny.match(seen, text)[0, 0]:.1f} %" in plain(html)
    assert "✓ true" in html
    assert "✗ false" in html


def test_two_pictures_and_one_sentence(tiny):
    scene = foils.swapped_scene(KEY, foils.stickers(KEY)[0], "cat")
    html = foils.pictures("a cat", scene, key=KEY, model=TINY)
    assert html.count('<i class="vf-box"') == 2
    assert html.count('class="vf-side"') == 2
    assert "vf-word vf-changed" not in html


def test_the_tab_opens_with_a_foil_on_show(tiny):
    *shown, true, false, offers, sticker, thing, turn, board = foil.opened(
        EXAMPLES, KEY, foil.WORD, TINY
    )
    assert shown[0]["chosen"] == 1
    assert (true, false) == (foils.offered(KEY)[0].true, foils.offered(KEY)[0].false)
    assert offers["chosen"] == offers["texts"][0]
    assert sticker.value in foils.stickers(KEY)
    assert thing.value in foils.things()
    assert turn == 0
    assert "vf-bell" in board
    other = foil.turned(KEY, 1, foil.STICKER, TINY)
    assert other[0] != true
    assert other[-1].count('<i class="vf-box"') == 2


def test_an_own_picture_takes_own_sentences_and_a_note(tiny, photo):
    strip, key, offers, waiting = foil.brought(EXAMPLES, TINY)
    assert (strip["chosen"], key) == (None, None)
    assert len(offers["texts"]) == len(foils.GENERAL["stickers"]) - 1
    assert "lab-waiting" in waiting
    html = foil.compared(foil.WORD, photo, "a cat", "a dog", "", "", None, TINY)
    assert "only knows stickers" in html
    assert "vf-truth" not in re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)


@pytest.mark.parametrize("text", ["", "?!", "кошка", "cat " * 60])
def test_bad_sentences_get_one_sentence(tiny, text):
    for pair in ((text, "a cat"), ("a cat", text)):
        html = foil.compared(foil.WORD, None, *pair, "", "", KEY, TINY)
        assert "lab-trouble" in html
        assert plain(html).strip().endswith(".")


@pytest.mark.parametrize(
    ("key", "sticker", "thing", "said"),
    [
        (None, "cat", "dog", "choose a scene"),
        (KEY, "", "dog", "the sticker to swap"),
        (KEY, None, "dog", "the sticker to swap"),
        (KEY, "first", "", "what it is swapped for"),
    ],
)
def test_swaps_that_cannot_be(tiny, key, sticker, thing, said):
    sticker = foils.stickers(KEY)[0] if sticker == "first" else sticker
    assert said in foil.compared(foil.STICKER, None, "a cat", "", sticker, thing, key, TINY)


def test_another_model_opens_with_a_photograph_or_looks_at_ones_own(hub, photo):
    hub.go.set()
    _, picture, key, *_, board = foil.introduced(B32, foil.WORD, None, "", "", None)
    assert key == PHOTOGRAPHS[0]
    assert picture.shape[2] == 3
    assert "vf-bell" in board
    assert hub.asked == ["dandelin/vilt-b32-finetuned-coco"]
    own = foil.introduced(B32, foil.WORD, photo, "a cat", "a cup", None)
    assert own[0]["chosen"] is None
    assert "only knows stickers" not in own[-1]
    assert "vf-bell" in own[-1]
