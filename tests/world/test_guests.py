"""Laws of the guests: who draws what, and that nobody of them is the held-out style."""

import numpy as np
import pytest

from vilt_core.world.guests import GUEST_CELL, GUESTS, drawn_by, guest_pyramids
from vilt_core.world.inking import ink
from vilt_core.world.rendering import LEVELS, paint
from vilt_core.world.scenes import scene
from vilt_core.world.sprites import HELD_OUT_STYLE, STYLES, atlas, build_pyramid, pyramid, sprites


@pytest.mark.parametrize("guest", GUESTS)
def test_a_guest_draws_many_nouns_and_no_shape(guest):
    cells = drawn_by(guest)
    assert cells.shape == (len(sprites()), GUEST_CELL, GUEST_CELL, 4)
    assert (cells[..., :3] <= cells[..., 3:]).all()
    drawn = set(np.flatnonzero(cells[..., 3].any(axis=(1, 2))))
    assert len(drawn) > 100
    assert drawn.isdisjoint(sprite.index for sprite in sprites() if sprite.color is not None)


def test_all_guests_together_draw_most_nouns():
    together = np.stack([drawn_by(guest)[..., 3].any(axis=(1, 2)) for guest in GUESTS])
    drawn = together.any(axis=0)
    assert drawn.sum() > 0.8 * sum(sprite.color is None for sprite in sprites())


def test_nobody_draws_as_another_does():
    """Not even as the training styles or the held-out one do, but for what is plain."""
    homes = [pyramid(style)[1].astype(int) for style in (*STYLES, HELD_OUT_STYLE)]
    guests = [drawn_by(guest).astype(int) for guest in GUESTS]
    for place, guest in enumerate(guests):
        drawn = guest[..., 3].any(axis=(1, 2))
        for other in (*homes, *guests[:place]):
            both = drawn & other[..., 3].any(axis=(1, 2))
            apart = np.abs(guest[both] - other[both]).mean(axis=(1, 2, 3))
            assert np.median(apart) > 10


def test_a_guest_of_each_style_and_each_has_its_turn():
    seen = {style: set() for style in STYLES}
    dog = next(sprite.index for sprite in sprites() if sprite.name == "dog")
    for turn in range(len(GUESTS)):
        for style, levels in guest_pyramids(turn).items():
            assert tuple(len(level[0]) for level in levels) == LEVELS
            seen[style].add(levels[1][dog].tobytes())
    assert all(len(dogs) == len(GUESTS) for dogs in seen.values())


def test_what_no_guest_has_drawn_is_drawn_at_home_and_nothing_is_missing():
    homes = {cell.tobytes() for style in STYLES for cell in atlas(style)}
    for levels in guest_pyramids(1).values():
        assert levels[0][..., 3].any(axis=(1, 2)).all()
        for sprite in sprites():
            if sprite.color is not None:
                assert levels[0][sprite.index].tobytes() in homes


def test_guests_can_be_inked():
    plain, inked = (guest_pyramids(0, inked=inked)["noto"] for inked in (False, True))
    some = plain[0][:3]
    assert np.array_equal(inked[1][:3], build_pyramid(np.stack([ink(cell) for cell in some]))[1])


def test_a_scene_among_guests_has_the_same_truth_in_other_pixels():
    seen = scene(0, 20)
    home, guest = paint(seen), paint(seen, icons=guest_pyramids(0))
    assert not np.array_equal(home.pixels, guest.pixels)
    assert set(np.unique(home.owner)) == set(np.unique(guest.owner))


def test_an_unknown_guest_is_told():
    with pytest.raises(ValueError, match="guest must be one of noto-v1"):
        drawn_by("openmoji")
