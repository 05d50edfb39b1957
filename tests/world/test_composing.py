"""Composed scenes: what is written is what is read, and nothing else can be read."""

import base64
import json
import random
import string
from dataclasses import replace

import numpy as np
import pytest

from vilt_core.world import composing
from vilt_core.world.composing import (
    MOST,
    beyond_training,
    composed,
    empty_scene,
    from_code,
    from_json,
    to_code,
    to_json,
)
from vilt_core.world.rendering import paint
from vilt_core.world.scenes import (
    BACKGROUNDS,
    HELD_OUT_SHAPES,
    SPLITS,
    TEXTURES,
    Scene,
    SceneObject,
    scene,
)
from vilt_core.world.sprites import sprites

LETTERS = string.ascii_letters + string.digits + "-_"


def sticker(label: str = "cat", **changes) -> SceneObject:
    sprite = next(sprite for sprite in sprites() if sprite.label == label)
    whole = SceneObject(
        sprite=sprite, style="noto", x=0.5, y=0.5, size=0.3, angle=0.0, mirrored=False
    )
    return replace(whole, **changes)


def of(*things: SceneObject) -> Scene:
    return replace(empty_scene(), objects=things)


def anything(seed: int) -> Scene:
    """A scene from all over what may be composed, its limits included."""
    draw = random.Random(seed)

    def number(low: float, high: float) -> float:
        return float(draw.choice((low, high, round(draw.uniform(low, high), 3))))

    things = [
        sticker(
            draw.choice(sprites()).label,
            style=draw.choice(composing.ART),
            x=number(0, 1),
            y=number(0, 1),
            size=number(composing.SMALL, composing.LARGE),
            angle=float(draw.randint(-composing.MOST_TURN, composing.MOST_TURN)),
            mirrored=draw.random() < 0.5,
        )
        for _ in range(draw.randint(0, MOST))
    ]
    bare = empty_scene(background=draw.choice(tuple(BACKGROUNDS)), texture=draw.choice(TEXTURES))
    return replace(bare, texture_seed=number(0, 0.999), objects=tuple(things))


def test_what_is_written_is_what_is_read():
    for seed in range(400):
        here = anything(seed)
        assert from_json(json.loads(json.dumps(to_json(here)))) == here
        assert from_code(to_code(here)) == here


@pytest.mark.parametrize("split", SPLITS)
def test_scenes_of_the_world_can_be_composed(split):
    for index in range(60):
        drawn = scene(5, index, split=split)
        here = composed(drawn)
        assert composed(here) == here == from_code(to_code(here))
        difference = paint(here, 128).pixels.astype(int) - paint(drawn, 128).pixels
        assert np.abs(difference).mean() < 3.5  # the edges of textures move by a thousandth too


def test_a_code_fits_into_any_address():
    longest = max((to_code(anything(seed)) for seed in range(200)), key=len)
    assert set(longest) <= set(LETTERS)
    assert len(longest) <= 119
    assert to_code(of(*[sticker()] * MOST)).startswith("1")


def test_links_of_the_past_can_be_read():
    old = from_code("1j5RDqEyJYUCKOX1fSvEsduzKX0PpGJDolw")
    assert [thing.sprite.label for thing in old.objects] == ["cat", "dog", "green circle"]
    assert (old.background, old.texture, old.objects[0].x, old.objects[0].angle) == (
        "blue",
        "dots",
        0.2,
        5.0,
    )


def test_every_name_has_a_sum_of_its_own_and_every_list_its_order():
    assert len(composing._names()) == len(sprites())
    assert set(composing._ORDER_OF_BACKGROUNDS) == set(BACKGROUNDS)
    assert set(composing._ORDER_OF_TEXTURES) == set(TEXTURES)
    assert set(composing._ORDER_OF_ART) == set(composing.ART)


def test_a_code_with_any_letter_changed_or_cut_off_is_refused():
    code = to_code(anything(7))
    for at in range(len(code)):
        for letter in ("A", "z", "=", "é", "/"):
            if code[at] != letter:
                with pytest.raises(ValueError, match="link"):
                    from_code(code[:at] + letter + code[at + 1 :])
        with pytest.raises(ValueError, match="link"):
            from_code(code[:at])
    for more in ("A", "AA", " ", "\n", code):
        with pytest.raises(ValueError, match="link"):
            from_code(code + more)


def test_nonsense_is_refused_in_one_short_sentence():
    draw = random.Random(0)
    for _ in range(2000):
        code = "1" + "".join(draw.choice(LETTERS) for _ in range(draw.randint(0, 140)))
        with pytest.raises(ValueError, match="link") as caught:
            from_code(code)
        assert len(str(caught.value)) < 120


def test_a_whole_code_of_what_cannot_be_is_refused():
    body = bytes([0, 0]) + bytes([255] * 7)
    raw = body + composing._checksum(body)
    code = "1" + base64.urlsafe_b64encode(raw).decode().rstrip("=")
    with pytest.raises(ValueError, match="no sticker"):
        from_code(code)


GOOD = {
    "name": "cat", "style": "noto", "x": 0.5, "y": 0.5, "size": 0.3, "angle": 0, "mirrored": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "unicorn cat"}, "no sticker"),
        ({"name": ["cat"]}, "no sticker"),
        ({"style": "oil"}, "style"),
        ({"style": None}, "style"),
        ({"x": -0.001}, "x must"),
        ({"x": "0.5"}, "x must"),
        ({"y": True}, "y must"),
        ({"y": float("nan")}, "y must"),
        ({"y": 10**300}, "y must"),
        ({"size": float("inf")}, "size"),
        ({"size": 0}, "size"),
        ({"angle": 61}, "angle"),
        ({"mirrored": 1}, "mirrored"),
        ({"onload": "alert(1)"}, "a sticker must have"),
    ],
)
def test_a_sticker_out_of_its_range_is_refused(changes, said):
    given = to_json(empty_scene()) | {"stickers": [GOOD]}
    assert len(from_json(given).objects) == 1
    with pytest.raises(ValueError, match=said) as caught:
        from_json(given | {"stickers": [GOOD, GOOD | changes]})
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": 2}, "version"),
        ({"version": True}, "version"),
        ({"background": "plaid"}, "background"),
        ({"texture": {}}, "texture"),
        ({"texture_seed": 1}, "texture_seed"),
        ({"stickers": {"0": GOOD}}, "list"),
        ({"stickers": [GOOD] * 13}, "12 stickers"),
        ({"stickers": [[]]}, "a sticker must have"),
        ({"more": 1}, "a scene must have"),
    ],
)
def test_a_scene_that_is_none_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        from_json(to_json(empty_scene()) | changes)


@pytest.mark.parametrize("given", [None, 7, "a cat", [], {}, {"stickers": []}])
def test_anything_else_is_refused(given):
    with pytest.raises(ValueError, match="a scene must have"):
        from_json(given)


def test_no_training_scene_is_beyond_training():
    for index in range(1500):
        drawn = scene(0, index)
        assert beyond_training(drawn) == []
        assert beyond_training(composed(drawn)) == []


@pytest.mark.parametrize(
    ("things", "said"),
    [
        ((), "no stickers"),
        ([sticker(x=0.2 + 0.1 * at) for at in range(7)], "7 stickers"),
        ([sticker(size=0.7)], "larger than 55 %"),
        ([sticker(size=0.1)], "smaller than 20 %"),
        ([sticker(angle=-25.0)], "18 degrees"),
        ([sticker(x=0.05)], "cut off"),
        ([sticker(), sticker(x=0.6)], "cover one another"),
        ([sticker(style="openmoji")], "openmoji"),
        ([sticker(" ".join(HELD_OUT_SHAPES[0]))], "purple circle"),
    ],
)
def test_what_leaves_the_training_scenes_is_said(things, said):
    assert any(said in clause for clause in beyond_training(of(*things)))
