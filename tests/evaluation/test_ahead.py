"""Laws of what is made in the background: in order, so many at a time, each picture once."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from vilt_core.data.image import stack, to_pixels
from vilt_core.evaluation import inference
from vilt_core.evaluation.ahead import ahead
from vilt_core.evaluation.inference import evaluating, image_batches, levels_ahead, read_batches
from vilt_core.world.scenes import scene

DEADLINE = 60  # seconds after which a test has failed rather than waited


@pytest.fixture
def photographs(tmp_path):
    """Files of chance, of two sizes."""
    chance, paths = np.random.default_rng(0), []
    for at in range(10):
        shape = (80, 100 if at % 3 else 60, 3)
        paths.append(tmp_path / f"{at}.png")
        Image.fromarray(chance.integers(0, 256, shape, dtype=np.uint8)).save(paths[-1])
    return paths


@pytest.mark.parametrize("most", [1, 3, 100])
def test_everything_comes_in_order(most):
    assert list(ahead(lambda at: at * at, range(20), most=most)) == [at * at for at in range(20)]
    assert list(ahead(str, [], most=most)) == []


@pytest.mark.parametrize("most", [1, 4])
def test_so_many_are_begun_ahead_and_no_more(most):
    begun = []

    def given():
        for at in range(20):
            begun.append(at)
            yield at

    for done, _ in enumerate(ahead(int, given(), most=most), start=1):
        assert len(begun) == min(done + most, 20)


def test_what_follows_is_made_while_the_first_is_used():
    made = [threading.Event() for _ in range(3)]

    def make(at):
        made[at].set()
        return at

    for at in ahead(make, range(3), most=2):
        for later in range(at, min(at + 3, 3)):
            assert made[later].wait(DEADLINE)


def test_an_error_comes_where_a_loop_would_raise_it():
    def make(at):
        if at in (3, 5):
            raise ValueError(f"number {at}")
        return at

    some = ahead(make, range(9), most=9)
    assert [next(some) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="number 3"):
        next(some)


def test_who_stops_asking_leaves_no_thread_behind():
    some = ahead(int, range(1000), most=2)
    next(some)
    assert any(thread.name.startswith("ahead") for thread in threading.enumerate())
    some.close()
    assert not any(thread.name.startswith("ahead") for thread in threading.enumerate())


@pytest.mark.parametrize("size", [1, 4, 64])
def test_batches_are_those_of_pictures_read_one_by_one(bundle, photographs, size):
    levels = {"mean": (0.48, 0.46, 0.41), "std": (0.27, 0.26, 0.28)}
    bundle = replace(bundle, pictures=replace(bundle.processing, **levels))
    to, told = bundle.processing, []
    found = image_batches(
        bundle, photographs, size=size, progress=lambda done, total: told.append((done, total))
    )
    for rows, image in found:
        one_by_one = stack(
            [
                to_pixels(Image.open(photographs[row]), size=to.size, patch_size=8, **levels)
                for row in rows
            ]
        )
        assert torch.equal(image.pixels, one_by_one.pixels)
        assert (image.mask is None) == (one_by_one.mask is None)
        if image.mask is not None:
            assert torch.equal(image.mask, one_by_one.mask)
    ends = [*range(size, 10, size), 10]
    assert told == [(end, 10) for end in ends]


def test_a_picture_is_decoded_once_for_all_that_a_batch_asks_of_it(
    bundle, photographs, monkeypatch
):
    opened, decoded = [], inference.decoded

    def watched(picture):
        opened.append(picture)
        return decoded(picture)

    monkeypatch.setattr(inference, "decoded", watched)
    first, second = photographs[:2]
    batches = [[first, first, second, first], [second, second]]
    found = list(levels_ahead(bundle, batches))
    assert sorted(opened) == sorted([first, second, second])
    assert [len(levels) for levels in found] == [4, 2]
    assert torch.equal(found[0][2], found[1][0])
    assert torch.equal(found[0][0], found[0][3])


def test_pictures_of_the_next_batch_are_decoded_while_this_one_is_read(
    bundle, photographs, monkeypatch
):
    """And those after it are not: what waits is bounded."""
    opened, decoded = [], inference.decoded
    ready = {path: threading.Event() for path in photographs}

    def watched(picture):
        opened.append(picture)
        found = decoded(picture)
        ready[picture].set()
        return found

    monkeypatch.setattr(inference, "decoded", watched)
    with evaluating(bundle.model):
        for read in read_batches(bundle, photographs, ["a cat"] * 10, batch_size=2):
            for path in photographs[: read.rows.stop + 2]:
                assert ready[path].wait(DEADLINE)
            assert len(opened) == min(read.rows.stop + 2, 10)


def test_scenes_are_drawn_in_the_background_as_well(bundle):
    scenes = [scene(0, at, split="test") for at in range(4)]
    [[_, image]] = image_batches(bundle, scenes, size=4)
    alone = torch.stack([inference.pixels_of(one, bundle) for one in scenes])
    assert torch.equal(image.pixels, alone)
