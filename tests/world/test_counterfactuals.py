"""Every counterfactual turns a true answer, by one change that leads nowhere strange."""

import random
from dataclasses import replace
from functools import cache

from vilt_core.world.composing import beyond_training, composed, empty_scene, from_code, to_code
from vilt_core.world.counterfactuals import CHANGES, counterfactuals
from vilt_core.world.reading import true_answer
from vilt_core.world.scenes import scene

SCENES = [composed(scene(31, index, split="test")) for index in range(120)]


@cache
def found(here, seed=0):
    return counterfactuals(here, random.Random(seed).random)


def test_the_truth_turns_and_is_the_worlds_own():
    changes = set()
    for here in SCENES:
        for one in found(here):
            assert one.before != one.after
            assert true_answer(one.question, here) == one.before
            assert true_answer(one.question, one.scene) == one.after
            changes.add(one.change)
    assert changes == set(CHANGES)


def test_one_sticker_changes_and_all_others_stay():
    for here in SCENES:
        for one in found(here):
            old, new = set(here.objects), set(one.scene.objects)
            assert len(new - old) <= 1
            assert len(old - new) <= 1
            assert len(one.scene.objects) - len(here.objects) == {"remove": -1, "add": 1}.get(
                one.change, 0
            )


def test_no_change_leaves_the_training_scenes_or_the_grid():
    for here in SCENES:
        for one in found(here):
            assert set(beyond_training(one.scene)) <= set(beyond_training(here))
            assert from_code(to_code(one.scene)) == one.scene


def test_the_same_chance_gives_the_same_ideas_and_at_most_one_a_change():
    for here in SCENES[:20]:
        assert found(here, 5) == found.__wrapped__(here, 5)
        made = [one.change for one in found(here)]
        assert made == [change for change in CHANGES if change in made]


def test_of_an_empty_and_of_a_crowded_scene_nothing_is_asked():
    cat = SCENES[0].objects[0]
    assert found(empty_scene()) == []
    assert found(replace(empty_scene(), objects=(cat,) * 7)) == []
