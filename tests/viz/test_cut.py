"""Every patch and piece can be touched under its own number, and what is written is text."""

import re

import numpy as np
import pytest

from vilt_core.viz.cut import cut_picture, cut_sentence, enlarged, patch_of

PIXELS = np.arange(32 * 48 * 3, dtype=np.uint8).reshape(32, 48, 3)
GRID = (2, 3)


def rects(html, kind):
    pattern = rf'<rect {kind} x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"/>'
    return [tuple(map(float, found)) for found in re.findall(pattern, html)]


def test_the_parts_to_touch_tile_the_picture_in_raster_order():
    html = cut_picture(PIXELS, GRID, says="six patches")
    assert re.findall(r'data-place="(\d+)"', html) == list("012345")
    tiles = rects(html, r'data-place="\d+"')
    assert tiles == [(16.0 * c, 16.0 * r, 16.0, 16.0) for r in range(2) for c in range(3)]
    assert 'viewBox="0 0 48 32"' in html


def test_the_chosen_and_the_faded_lie_on_their_own_cells():
    html = cut_picture(PIXELS, GRID, says="", chosen=4, faded={0, 5})
    assert set(rects(html, 'class="vc-chosen"')) == {(16.0, 16.0, 16.0, 16.0)}
    assert rects(html, 'class="vc-faded"') == [(0.0, 0.0, 16.0, 16.0), (32.0, 16.0, 16.0, 16.0)]


def test_there_is_a_line_between_two_patches_and_none_around():
    lines = re.search(r'<path d="([^"]+)"', cut_picture(PIXELS, GRID, says="")).group(1)
    assert lines == "M0 16H48M16 0V32M32 0V32"
    assert "<path" not in cut_picture(PIXELS, GRID, says="", lines=False)


def test_true_places_are_in_shares_of_the_sides():
    html = cut_picture(PIXELS, GRID, says="", boxes=[(0.25, 0.5, 0.75, 1.0)])
    assert rects(html, 'class="vc-box"') == [(12.0, 16.0, 24.0, 16.0)]


def test_heat_changes_the_picture_and_letters_are_named():
    plain = cut_picture(PIXELS, GRID, says="")
    hot = cut_picture(PIXELS, GRID, says="", heat=np.eye(2, 3))
    assert plain != hot
    lettered = cut_picture(PIXELS, GRID, says="", letters={1: "A", 5: "<"})
    assert re.findall(r"<text>([^<]+)</text>", lettered) == ["A", "&lt;"]


def test_words_are_text():
    html = cut_picture(PIXELS, GRID, says='"><script>') + cut_sentence(["<b>"], notes=["<i>"])
    assert "<script>" not in html
    assert "<b>" not in html
    assert "<i>" not in html


def test_pieces_are_numbered_and_one_is_pressed():
    html = cut_sentence(["[CLS]", "cat", "[SEP]"], chosen=1, special=(0, 2))
    assert re.findall(r'data-place="(\d)"', html) == ["0", "1", "2"]
    assert re.findall(r'" aria-pressed="(\w+)"', html) == ["false", "true", "false"]
    assert html.count('class="vc-special"') == 2


def test_patches_together_are_the_picture():
    patches = [patch_of(PIXELS, GRID, place) for place in range(6)]
    rows = [np.concatenate(patches[first : first + 3], axis=1) for first in (0, 3)]
    np.testing.assert_array_equal(np.concatenate(rows), PIXELS)
    with pytest.raises(ValueError, match="6 patches, got 6"):
        patch_of(PIXELS, GRID, 6)


def test_an_enlarged_patch_keeps_its_colours():
    import base64
    import io

    from PIL import Image

    small = PIXELS[:4, :4]
    data = enlarged(small).removeprefix("data:image/png;base64,")
    large = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    zoom = large.shape[0] // 4
    assert zoom > 1
    np.testing.assert_array_equal(large[::zoom, ::zoom], small)
    np.testing.assert_array_equal(large[zoom - 1 :: zoom, zoom - 1 :: zoom], small)
