"""What a model is said to see is what it read."""

import numpy as np
import pytest
from PIL import Image

from vilt_core.data.image import fitted_size
from vilt_core.evaluation.families import families
from vilt_core.evaluation.papers import FACTS
from vilt_core.evaluation.passing import pass_through

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (120, 200, 3), np.uint8))
IDS = (1, 7, 10**6, 2)  # the third is of another vocabulary


@pytest.mark.parametrize("name", families())
def test_tokens_are_the_cells_or_the_regions(name):
    found = pass_through(name, PICTURE, IDS, size="mini", runs=1)
    image, text = found.tokens
    assert text == len(IDS)
    if FACTS[name].sees == "regions":
        assert found.grid is None
        assert len(found.boxes) == image
    else:
        rows, columns = found.grid
        assert rows * columns == image
        assert found.boxes == ()
    assert found.cost.image_size == found.seen.shape[:2]
    assert set(found.milliseconds) == {"visual", "text", "interaction"}
    assert sum(found.milliseconds.values()) == pytest.approx(found.cost.total.milliseconds)


def test_the_picture_is_shown_as_it_was_read():
    plain = Image.new("RGB", (90, 60), (255, 0, 127))
    found = pass_through("vilt", plain, IDS, size="mini", runs=1)
    assert found.seen.dtype == np.uint8
    assert np.abs(found.seen.astype(int) - (255, 0, 127)).max() <= 1


@pytest.mark.slow
def test_vilt_sees_the_whole_picture_in_its_shape():
    found = pass_through("vilt", PICTURE, IDS, runs=1)
    width, height = fitted_size(*PICTURE.size, size=384, patch_size=32)
    assert found.seen.shape[:2] == (height, width) == (352, 608)
    assert found.grid == (11, 19)


def test_what_is_called_between_the_stages_ends_it():
    called = []

    def between() -> None:
        called.append(1)
        if len(called) == 5:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        pass_through("uniter", PICTURE, IDS, size="mini", runs=1, between=between)
    assert len(called) == 5
