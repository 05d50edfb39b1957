"""The interpreter: small scenes whose truth can be seen with the naked eye."""

import json

import pytest

from vilt_core.world.programs import (
    EXTREMES,
    RELATIONS,
    answer_word,
    execute,
    place,
    related,
    stands_out,
)
from vilt_core.world.scenes import Scene, SceneObject
from vilt_core.world.sprites import sprites

ALL = ("all",)


def sticker(label: str, x: float, y: float, size: float = 0.2) -> SceneObject:
    sprite = next(sprite for sprite in sprites() if sprite.label == label)
    return SceneObject(sprite=sprite, style="noto", x=x, y=y, size=size, angle=0.0, mirrored=False)


def picture(*objects: SceneObject, background: str = "blue") -> Scene:
    return Scene(
        seed=0,
        index=0,
        split="test",
        background=background,
        texture="dots",
        texture_seed=0.5,
        objects=objects,
    )


ROW = picture(
    sticker("cat", 0.2, 0.5, 0.3),
    sticker("dog", 0.5, 0.5),
    sticker("cat", 0.8, 0.5),
    sticker("red heart", 0.5, 0.9),
)
CATS = ("filter", "noun", "cat", ALL)
DOGS = ("filter", "noun", "dog", ALL)
REDS = ("filter", "color", "red", ALL)


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (ALL, (0, 1, 2, 3)),
        (("count", CATS), 2),
        (("exists", ("filter", "noun", "cow", ALL)), False),
        (("exists", ("filter", "category", "animal", ALL)), True),
        (("filter", "place", "middle", ALL), (1,)),
        (("filter", "place", "bottom", ALL), (3,)),
        (("related", "left", ALL, DOGS), (0,)),
        (("related", "above", ALL, REDS), (0, 1, 2)),
        (("related", "left", CATS, CATS), (0,)),
        (("extreme", "rightmost", CATS), (2,)),
        (("extreme", "largest", CATS), (0,)),
        (("color", REDS), "red"),
        (("noun", REDS), "heart"),
        (("only", DOGS), 1),
        (("background",), "blue"),
        (("texture",), "dots"),
        (("equal", ("sequence", "y", REDS), ("labels", "red heart")), True),
        (("more", ("count", CATS), ("count", DOGS)), True),
        (("not", ("and", ("exists", CATS), ("more", 1, 2))), True),
        (("or", ("more", 1, 2), ("exists", DOGS)), True),
    ],
)
def test_every_form_means_what_it_says(program, expected):
    assert execute(program, ROW) == expected
    assert execute(json.loads(json.dumps(program)), ROW) == expected


def test_a_pair_is_two_scenes():
    other = picture(sticker("cow", 0.5, 0.5), background="green")
    cows = ("exists", ("filter", "noun", "cow", ALL))
    assert execute(("right", cows), ROW, other)
    assert not execute(("left", cows), ROW, other)
    assert execute(("sum", ("left", ("count", ALL)), ("right", ("count", ALL))), ROW, other) == 5


@pytest.mark.parametrize(
    "program",
    [
        ("nonsense",),
        ("filter", "taste", "sweet", ALL),
        ("noun", ALL),
        ("only", CATS),
        ("right", ALL),
    ],
)
def test_what_cannot_be_decided_is_refused(program):
    with pytest.raises(ValueError, match=r"no such program|exactly one"):
        execute(program, ROW)


def test_an_unknown_relation_is_refused():
    with pytest.raises(ValueError, match="relation must be one of"):
        related(ROW.objects[0], "inside", ROW.objects[1])


@pytest.mark.parametrize(("relation", "opposite"), [("left", "right"), ("above", "below")])
def test_opposites_mirror_each_other_and_leave_room_for_doubt(relation, opposite):
    here = sticker("cat", 0.5, 0.5)
    for step in range(-40, 41):
        there = sticker("dog", 0.5 + step / 100, 0.5 + step / 100)
        assert related(here, relation, there) == related(there, opposite, here)
        assert not (related(here, relation, there) and related(here, opposite, there))
    assert related(here, relation, sticker("dog", 0.58, 0.58)) is None


def test_next_to_is_mutual():
    for x in (0.3, 0.45, 0.6, 0.75, 0.9):
        a, b = sticker("cat", 0.2, 0.5), sticker("dog", x, 0.5)
        assert related(a, "near", b) == related(b, "near", a)
    assert set(RELATIONS) == {"left", "right", "above", "below", "near"}


def test_places_follow_the_picture():
    assert place(sticker("cat", 0.1, 0.1)) == "top left"
    assert place(sticker("cat", 0.5, 0.5)) == "middle"
    assert place(sticker("cat", 0.9, 0.5)) == "right"
    assert place(sticker("cat", 0.5, 0.9)) == "bottom"


@pytest.mark.parametrize("extreme", EXTREMES)
def test_nothing_stands_out_from_its_equal(extreme):
    here = sticker("cat", 0.5, 0.5)
    assert not stands_out(here, [here], extreme)


def test_the_large_and_the_small_stand_out():
    large, small = sticker("cat", 0.3, 0.3, 0.4), sticker("cat", 0.7, 0.7, 0.2)
    assert stands_out(large, [small], "largest")
    assert stands_out(small, [large], "smallest")
    assert not stands_out(small, [large], "largest")


def test_answers_are_words():
    assert [answer_word(v) for v in (True, False, 1, 0, "cat")] == ["yes", "no", "1", "0", "cat"]


def test_doubt_counts_as_asked_and_changes_nothing_that_is_plain():
    close = picture(sticker("cat", 0.42, 0.5), sticker("dog", 0.5, 0.5))
    group = ("exists", ("related", "left", ("filter", "noun", "cat", ALL), ALL))
    assert not execute(group, close)
    assert execute(group, close, doubt=True)
    assert execute(group, ROW, doubt=True) == execute(group, ROW)
    assert execute(("left", group), close, close, doubt=True)
