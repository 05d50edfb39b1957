"""Laws of retouching: nothing happens by itself, places stay, plain shapes keep their colour."""

import colorsys
import random
from dataclasses import replace

import numpy as np
import pytest

from vilt_core.world.rendering import paint
from vilt_core.world.retouching import Retouch, retouches
from vilt_core.world.scenes import Scene, scene

SIZE = 128
AS_IT_IS = Retouch(warp=np.eye(2), colors=np.eye(3))


def alone(place: Scene, index: int) -> Scene:
    return replace(place, objects=(place.objects[index],), background="white", texture="plain")


@pytest.mark.parametrize("index", range(5))
def test_a_retouch_that_changes_nothing_paints_the_same_picture(index):
    place = scene(4, index)
    plain = paint(place, SIZE)
    same = paint(place, SIZE, retouches=[AS_IT_IS] * len(place.objects))
    np.testing.assert_array_equal(same.pixels, plain.pixels)
    np.testing.assert_array_equal(same.owner, plain.owner)


def test_the_same_draws_the_same_retouches_and_others_other_ones():
    place = scene(4, 0)
    one, same, other = (
        paint(place, SIZE, retouches=retouches(place, random.Random(seed).random)).pixels
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_stickers_stay_about_where_and_as_large_as_they_were():
    for index in range(20):
        place = alone(scene(4, index), 0)
        before, after = (
            paint(place, SIZE, retouches=found).owner == 0
            for found in (None, retouches(place, random.Random(index).random))
        )
        assert after.sum() == pytest.approx(before.sum(), rel=0.12)
        middles = [np.argwhere(seen).mean(axis=0) for seen in (before, after)]
        assert np.abs(middles[0] - middles[1]).max() < 5


def test_the_owner_of_a_pixel_is_the_sticker_that_is_seen_there():
    for index in range(10):
        place = alone(scene(5, index), 0)
        painted = paint(place, SIZE, retouches=retouches(place, random.Random(index).random))
        bare = paint(replace(place, objects=()), SIZE).pixels
        changed = (painted.pixels.astype(int) - bare != 0).any(axis=-1)
        assert changed[painted.owner == 0].mean() > 0.8  # white stickers on white are hardly seen
        assert changed[painted.owner < 0].mean() < 0.1  # the soft edge


def hue(pixels: np.ndarray) -> float:
    return colorsys.rgb_to_hsv(*(np.median(pixels, axis=0) / 255))[0]


def test_a_plain_shape_keeps_its_hue():
    shapes = [
        alone(place, at)
        for place in (scene(6, index) for index in range(60))
        for at, thing in enumerate(place.objects)
        if thing.color in ("red", "yellow", "green", "blue", "purple")
    ]
    assert len(shapes) > 15
    for at, place in enumerate(shapes):
        hues = []
        for found in (None, retouches(place, random.Random(at).random)):
            painted = paint(place, SIZE, retouches=found)
            hues.append(hue(painted.pixels[painted.owner == 0]))
        turn = abs(hues[0] - hues[1])
        assert min(turn, 1 - turn) < 0.02, place.objects[0].sprite.label


def test_gray_stays_gray_whatever_the_hue():
    for index in range(20):
        for retouch in retouches(scene(7, index), random.Random(index).random):
            red, green, blue = retouch.colors @ np.full(3, 0.5)
            assert red == pytest.approx(green)
            assert green == pytest.approx(blue)
            assert np.linalg.det(retouch.warp) == pytest.approx(1.0)
