import numpy as np

from vilt_core.world.inking import ink
from vilt_core.world.sprites import atlas


def test_ink_darkens_the_outline_and_keeps_what_is_premultiplied():
    for cell in atlas("noto")[:40:7]:
        drawn = ink(cell)
        assert (drawn[..., :3] <= drawn[..., 3:]).all()
        opaque = cell[..., 3] > 128
        assert drawn[..., 3][opaque].min() > 128
        edge = opaque & ~_eroded(opaque)
        assert drawn[edge][:, :3].mean() < 0.5 * max(cell[edge][:, :3].mean(), 1)


def test_nothing_stays_nothing():
    assert not ink(np.zeros((32, 32, 4), np.uint8)).any()


def _eroded(mask: np.ndarray) -> np.ndarray:
    inside = mask.copy()
    for axis in (0, 1):
        for step in (-1, 1):
            inside &= np.roll(mask, step, axis)
    return inside
