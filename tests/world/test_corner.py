"""A corner of the world is the world's own, with fewer things in it."""

import random
from dataclasses import replace

import pytest

from vilt_core.data.text import Tokenizer
from vilt_core.interop.folders import SHIPPED
from vilt_core.world.captions import caption
from vilt_core.world.corner import NOUNS, Corner, corner_scene
from vilt_core.world.programs import execute

CORNER = Corner(kinds=5, crowd=3, artists=2)
SCENES = [corner_scene(CORNER, 0, index) for index in range(200)]


def test_scenes_show_nothing_else_and_each_kind_once():
    shown = [[thing.noun for thing in seen.objects] for seen in SCENES]
    assert {noun for nouns in shown for noun in nouns} == set(CORNER.nouns)
    assert all(len(set(nouns)) == len(nouns) for nouns in shown)
    assert {len(nouns) for nouns in shown} == {1, 2, 3}
    assert {thing.style for seen in SCENES for thing in seen.objects} == {"noto", "twemoji"}


def test_a_scene_is_a_function_of_its_place():
    assert corner_scene(CORNER, 0, 7) == SCENES[7]
    others = (corner_scene(CORNER, 1, 7), corner_scene(CORNER, 0, 7, split="test"))
    assert all(replace(other, seed=0, split="train") != SCENES[7] for other in others)


def test_captions_are_true_and_name_the_corner_alone():
    for seen in SCENES[:50]:
        said = caption(seen, random.Random(seen.index).random, form=CORNER.form)
        assert execute(said.program, seen)
        assert {seen.objects[i].noun for m in said.mentions for i in m.objects} <= set(CORNER.nouns)


def test_the_smallest_corners_hold_words_of_one_piece_and_of_several():
    tokenizer = Tokenizer.from_file(SHIPPED / "vilt-mini" / "tokenizer.json")
    pieces = {len(tokenizer.pieces(noun)) for noun in NOUNS[:4]}
    assert min(pieces) == 1
    assert max(pieces) > 1


@pytest.mark.parametrize(
    "wrong", [{"kinds": 1}, {"kinds": 99}, {"crowd": 0}, {"artists": 9}, {"form": "song"}]
)
def test_what_a_corner_cannot_be_is_said(wrong):
    with pytest.raises(ValueError, match=f"^{next(iter(wrong))} must"):
        Corner(**wrong)


def test_a_corner_has_no_held_out_style():
    with pytest.raises(ValueError, match="split of a corner"):
        corner_scene(CORNER, 0, 0, split="style")
