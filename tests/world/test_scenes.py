"""Laws of the scenes: what (seed, index, split) decides, and what a split may hold."""

import hashlib
import itertools
import json
import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from vilt_core.world.rendering import paint
from vilt_core.world.scenes import (
    BACKGROUNDS,
    HELD_OUT_SHAPES,
    SPLITS,
    TEXTURES,
    Scene,
    SceneObject,
    choose,
    is_held_out,
    scene,
)
from vilt_core.world.sprites import HELD_OUT_STYLE, STYLES, nouns, sprites

COUNT = 200  # scenes a split

# Of the first eight scenes of seed 0: another digest means another world, for which no shipped
# model was trained and no published number holds.
DIGESTS = {
    "train": "284fd370743d89bc",
    "test": "093c3fe61b2dba76",
    "style": "47af1cc7685e828a",
    "composition": "5aeab5a320315a39",
}


def described(place: Scene) -> list:
    things = [
        [o.sprite.label, o.style, o.x, o.y, o.size, o.angle, o.mirrored] for o in place.objects
    ]
    return [place.background, place.texture, place.texture_seed, *things]


def many(split: str) -> list[Scene]:
    return [scene(5, index, split=split) for index in range(COUNT)]


@pytest.mark.parametrize("split", SPLITS)
def test_a_scene_is_the_same_on_every_machine(split):
    first = [described(scene(0, index, split=split)) for index in range(8)]
    assert hashlib.sha256(json.dumps(first).encode()).hexdigest()[:16] == DIGESTS[split]


def test_seed_index_and_split_each_matter_and_order_does_not():
    alone = scene(3, 7, split="test")
    for index in range(10):
        scene(3, index, split="test")
    assert scene(3, 7, split="test") == alone
    others = [scene(4, 7, split="test"), scene(3, 8, split="test"), scene(3, 7)]
    assert all(described(other) != described(alone) for other in others)
    assert len({json.dumps(described(s)) for s in many("train")}) == COUNT


@pytest.mark.parametrize("split", SPLITS)
def test_a_scene_has_one_to_six_stickers_of_known_words(split):
    scenes = many(split)
    counts = Counter(len(place.objects) for place in scenes)
    assert set(counts) == {1, 2, 3, 4, 5, 6}
    assert {place.background for place in scenes} == set(BACKGROUNDS)
    assert {place.texture for place in scenes} == set(TEXTURES)
    assert all(0 <= place.texture_seed < 1 for place in scenes)


@pytest.mark.parametrize("split", SPLITS)
def test_stickers_lie_inside_the_picture(split):
    for place in many(split):
        for thing in place.objects:
            # A fiftieth of the cell may hang over: the empty margin around its ink is wider.
            reach = 0.48 * thing.size - 1e-5
            assert reach <= thing.x <= 1 - reach
            assert reach <= thing.y <= 1 - reach
            x0, y0, x1, y1 = thing.box
            assert 0 <= x0 < x1 <= 1
            assert 0 <= y0 < y1 <= 1


@pytest.mark.parametrize("split", SPLITS)
def test_overlap_is_bounded(split):
    for place in many(split):
        for a, b in itertools.combinations(place.objects, 2):
            apart = math.dist((a.x, a.y), (b.x, b.y))
            assert apart >= 0.86 * (a.size + b.size) / 2 - 1e-5


def test_every_sticker_stays_visible():
    for place in many("test")[:60]:
        painting = paint(place, 96)
        for index, thing in enumerate(place.objects):
            alone = paint(replace(place, objects=(thing,)), 96)
            assert (painting.owner == index).sum() > 0.75 * (alone.owner == 0).sum()


@pytest.mark.parametrize("split", SPLITS)
def test_a_box_contains_its_ink(split):
    size = 128
    for place in many(split)[:40]:
        for thing in place.objects:
            ink = paint(replace(place, objects=(thing,)), size).owner == 0
            rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
            x0, y0, x1, y1 = (edge * size for edge in thing.box)
            assert columns[0] > x0 - 1
            assert rows[0] > y0 - 1
            assert columns[-1] + 1 < x1 + 1
            assert rows[-1] + 1 < y1 + 1


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("angle", [0.0, 90.0, -90.0])
def test_at_right_angles_a_box_is_the_ink_s_own(angle, mirrored):
    size = 128
    for index in range(0, len(sprites()), 13):
        thing = SceneObject(
            sprite=sprites()[index],
            style="noto",
            x=0.5,
            y=0.5,
            size=0.5,
            angle=angle,
            mirrored=mirrored,
        )
        ink = paint(replace(scene(0, 0), objects=(thing,)), size).owner == 0
        rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
        own = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
        assert np.abs(np.array(thing.box) * size - own).max() <= 2, thing.noun


@pytest.mark.parametrize("split", ["train", "test", "style"])
def test_held_out_shapes_never_show_outside_the_compositional_split(split):
    things = [thing for place in many(split) for thing in place.objects]
    assert any(thing.color is not None for thing in things)
    assert not any((thing.color, thing.noun) in HELD_OUT_SHAPES for thing in things)


def test_the_compositional_split_shows_every_held_out_shape_and_others():
    found = Counter(
        (thing.color, thing.noun) in HELD_OUT_SHAPES
        for place in many("composition")
        for thing in place.objects
        if thing.color is not None
    )
    shown = {(o.color, o.noun) for place in many("composition") for o in place.objects}
    assert set(HELD_OUT_SHAPES) <= shown
    assert found[False] > 0


def test_each_split_keeps_to_its_styles():
    styles = {s: {o.style for place in many(s) for o in place.objects} for s in SPLITS}
    assert styles.pop("style") == {HELD_OUT_STYLE}
    assert all(found == set(STYLES) for found in styles.values())


def test_held_out_words_never_lose_a_colour_or_a_shape():
    # Each colour and each shape of a held-out pair is seen in training, in other company.
    seen = {(o.color, o.noun) for i in range(1500) for o in scene(1, i).objects if o.color}
    for color, shape in HELD_OUT_SHAPES:
        assert any(c == color and s != shape for c, s in seen)
        assert any(c != color and s == shape for c, s in seen)


def test_one_noun_and_relation_in_eight_is_held_out():
    relations = ("left", "right", "above", "below")
    held = [is_held_out(noun, relation) for noun in nouns() for relation in relations]
    assert 0.10 < sum(held) / len(held) < 0.15
    assert not any(all(is_held_out(noun, r) for r in relations) for noun in nouns())


def test_choose_is_even_and_takes_the_whole_range():
    assert choose("abc", lambda: 0.0) == "a"
    assert choose("abc", lambda: 1 - 2**-53) == "c"
    assert [choose("abc", lambda at=at: at / 9) for at in range(9)] == list("aaabbbccc")


def test_an_unknown_split_is_refused():
    with pytest.raises(ValueError, match=r"split must be one of .*, got 'val'"):
        scene(0, 0, split="val")
