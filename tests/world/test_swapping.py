"""A sticker swapped: it lies where the other lay, and nothing else has moved."""

import random

import numpy as np
import pytest

from vilt_core.world.rendering import paint
from vilt_core.world.scenes import scene
from vilt_core.world.sprites import sprites
from vilt_core.world.swapping import kin_of, swapped

SIZE = 96


@pytest.mark.parametrize("index", range(8))
def test_pixels_change_where_the_sticker_lies_alone(index):
    place = scene(12, index, split="test")
    at = index % len(place.objects)
    other = swapped(place, at, kin_of(place, at, random.Random(index).random))
    moved = (paint(place, SIZE).pixels != paint(other, SIZE).pixels).any(axis=-1)
    assert moved.any()
    rows, columns = (moved.nonzero()[axis] / SIZE for axis in (0, 1))
    thing = place.objects[at]
    reach = thing.size / 2**0.5 + 1 / SIZE  # of a square cell, however it is turned
    assert np.hypot(columns - thing.x, rows - thing.y).max() <= reach


def test_all_but_the_sprite_stays():
    place = scene(12, 3)
    new = sprites()[7]
    other = swapped(place, 0, new)
    assert other.objects[0].sprite is new
    assert other.objects[1:] == place.objects[1:]
    assert (other.objects[0].x, other.objects[0].size) == (
        place.objects[0].x,
        place.objects[0].size,
    )
    assert swapped(other, 0, place.objects[0].sprite) == place


def test_kin_is_of_the_same_category_and_not_there_yet():
    for index in range(40):
        place = scene(12, index)
        found = kin_of(place, 0, random.Random(index).random)
        assert found.category == place.objects[0].category
        assert found not in [thing.sprite for thing in place.objects]


def test_a_sticker_that_is_not_there():
    place = scene(12, 3)
    with pytest.raises(ValueError, match=f"has {len(place.objects)} stickers"):
        swapped(place, len(place.objects), sprites()[0])
    assert np.array_equal(paint(place, SIZE).pixels, paint(scene(12, 3), SIZE).pixels)
