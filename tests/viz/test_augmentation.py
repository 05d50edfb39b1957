"""The figure of augmentation shows what it is given, each panel in a place of its own."""

import io
from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from vilt_core.viz.augmentation import Mixture, Panel, augmentation_figure

TITLES = ("operations", "draws", "a mixture")


def panel(label, *, shade=0, height=20, width=30):
    return Panel(label=label, pixels=np.full((height, width, 3), shade, dtype=np.uint8))


def drawn(*, operations=7, draws=3, height=20, width=30, caption="a cat"):
    size = {"height": height, "width": width}
    mixture = Mixture(
        first=panel("a cat", shade=200, **size),
        second=panel("a dog", shade=210, **size),
        mixed=panel(caption, shade=220, **size),
    )
    return augmentation_figure(
        [panel(f"operation {at}", shade=at, **size) for at in range(operations)],
        [panel(f"draw {at}", shade=100 + at, **size) for at in range(draws)],
        mixture,
        titles=TITLES,
    )


def test_every_picture_and_every_word_is_there():
    figure = drawn()
    shades = [axes.images[0].get_array()[0, 0, 0] for axes in figure.axes]
    assert shades == [*range(7), 100, 101, 102, 200, 210, 220]
    said = {text.get_text() for text in figure.texts}
    assert said >= {*TITLES, "operation 6", "draw 2", "a dog", "+", "="}


@pytest.mark.parametrize(("height", "width"), [(20, 30), (30, 20), (20, 20)])
@pytest.mark.parametrize(("operations", "draws"), [(15, 5), (1, 1), (6, 7)])
def test_nothing_overlaps_and_nothing_is_cut_off(operations, draws, height, width):
    long = "a cat on a red sofa beside a lamp " * 3
    figure = drawn(operations=operations, draws=draws, height=height, width=width, caption=long)
    figure.savefig(io.BytesIO())
    page = figure.bbox
    boxes = [axes.get_window_extent() for axes in figure.axes]
    boxes += [text.get_window_extent() for text in figure.texts]
    for box in boxes:
        assert page.x0 <= box.x0 < box.x1 <= page.x1
        assert page.y0 <= box.y0 < box.y1 <= page.y1
    for one, other in combinations(boxes, 2):
        across = min(one.x1, other.x1) - max(one.x0, other.x0)
        down = min(one.y1, other.y1) - max(one.y0, other.y0)
        assert min(across, down) <= 1  # pixels


def test_pictures_of_a_part_have_one_size_and_keep_their_shape():
    figure = drawn(height=20, width=30)
    boxes = [axes.get_window_extent() for axes in figure.axes]
    for part in (boxes[:10], boxes[10:]):
        sizes = np.array([(box.width, box.height) for box in part])
        np.testing.assert_allclose(sizes, np.broadcast_to(sizes[0], sizes.shape), atol=0.01)
        np.testing.assert_allclose(sizes[0, 0] / sizes[0, 1], 1.5, atol=0.01)


def test_it_saves_as_a_picture():
    held = io.BytesIO()
    drawn().savefig(held, dpi=30)
    assert Image.open(held).format == "PNG"


def test_nothing_to_show_is_refused():
    with pytest.raises(ValueError, match="one of them is missing"):
        drawn(draws=0)
