"""One true caption and its near misses: each false for one kind of change, all of one sentence."""

import random

import pytest

from vilt_core.world.captions import FORMS
from vilt_core.world.negatives import CHANGES, near_misses
from vilt_core.world.programs import execute
from vilt_core.world.scenes import SPLITS, scene


@pytest.mark.parametrize("split", SPLITS)
def test_the_sentence_is_true_and_every_near_miss_false(split):
    met = set()
    for index in range(60):
        place = scene(31, index, split=split)
        found = near_misses(place, random.Random(index).random)
        positive = found[0].positive
        assert execute(positive.program, place) is True
        for one in found:
            assert one.positive == positive
            assert one.text != positive.text
            assert execute(one.program, place) is False
        changes = [one.changed for one in found]
        assert changes == [change for change in CHANGES if change in changes]
        met |= set(changes)
    assert met == set(CHANGES)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_can_be_asked_for(form):
    place = scene(31, 4, split="test")
    one, same = (near_misses(place, random.Random(9).random, form=form) for _ in range(2))
    assert one == same


def test_an_unknown_form():
    with pytest.raises(ValueError, match="form must be one of"):
        near_misses(scene(31, 0), random.Random(0).random, form="haiku")
