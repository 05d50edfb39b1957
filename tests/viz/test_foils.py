"""Two sides of a foil: what is drawn is what was given, on one scale."""

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from vilt_core.viz.blend import blend, veil
from vilt_core.viz.foils import Side, board, differences, script

GRID = (2, 3)
PAIRS = [(0, 0), (1, 1), (None, 2)]


def side(words, seed, **changes):
    draw = np.random.default_rng(seed)
    plan = draw.random((len(words), 6))
    parts = draw.random(len(words))
    settings = {
        "title": "Sentence",
        "pixels": np.full((24, 36, 3), 200, np.uint8),
        "words": words,
        "probability": 0.75,
        "distance": float(parts.sum()),
        "parts": parts,
        "plan": plan,
        "heat": plan / 2,
        "grid": GRID,
    }
    return Side(**{**settings, **changes})


@pytest.fixture
def first():
    return side(["a", "cat"], 0, truth=True)


@pytest.fixture
def second():
    return side(["A", "dog", "here"], 1, title="Changed", probability=0.25, truth=False)


def images(html, name):
    found = re.findall(rf'<img[^>]*?class="{name}"[^>]*?src="data:image/png;base64,([^"]+)"', html)
    return [np.array(Image.open(io.BytesIO(base64.b64decode(data)))) for data in found]


def test_the_differences_of_words_add_up_to_that_of_the_distances(first, second):
    found = differences(first, second, PAIRS)
    assert [name for name, _ in found] == ["a", "cat → dog", "∅ → here"]
    total = sum(amount for _, amount in found)
    assert total == pytest.approx(second.distance - first.distance)
    assert f"<b>{total:+.3f}</b>" in board(first, second, pairs=PAIRS)


def test_a_line_tells_what_matching_makes_of_both(first, second):
    html = board(first, replace(second, title='"Changed"', probability=0.0004), pairs=PAIRS)
    (said,) = re.findall(r'data-said="([^"]*)"', html)
    assert said == "P(match): Sentence 75.0 %, &quot;Changed&quot; &lt; 0.1 %"
    assert f'aria-label="{said}"' in html


def test_changed_words_are_marked_and_one_of_them_is_on_show(first, second):
    html = board(first, second, pairs=PAIRS)
    marked = re.findall(r'class="vf-word vf-changed"[^>]*>(\w+)<', html)
    assert marked == ["cat", "dog", "here"]
    pressed = re.findall(r'data-pair="(\d)" aria-pressed="true"', html)
    assert set(pressed) in ({"1"}, {"2"})
    assert "✓ true" in html
    assert "✗ false" in html


def test_what_is_underlined_is_explained_where_anything_is(first, second):
    assert "Underlined: what was changed." in board(first, second, pairs=PAIRS)
    assert "Underlined" not in board(first, first, pairs=[(0, 0), (1, 1)])


def test_a_pair_of_words_is_drawn_on_one_scale(first, second):
    hot = replace(second, heat=4 * second.heat)
    before, after = (images(board(first, other, pairs=PAIRS), "vf-heat") for other in (second, hot))
    assert len(before) == 5
    assert all(heat.shape == (*GRID, 4) for heat in before)
    # The cat is dimmer beside a hotter dog, though its own heat is as before.
    assert (before[1] != after[1]).any()
    top = max(first.heat[1].max(), second.heat[1].max())
    np.testing.assert_array_equal(before[1], veil(first.heat[1].reshape(GRID), top=top))


def test_plans_share_the_strongest_colour(first, second):
    html = board(first, second, pairs=PAIRS)
    found = re.findall(r'<img src="data:image/png;base64,([^"]+)" alt="Plan of', html)
    one, other = (np.array(Image.open(io.BytesIO(base64.b64decode(data)))) for data in found)
    assert one.shape == (2, 6, 4)
    assert other.shape == (3, 6, 4)
    top = max(first.plan.max(), second.plan.max())
    for plan, drawn in ((first.plan, one), (second.plan, other)):
        np.testing.assert_allclose(drawn[..., 3], 255 * np.sqrt(plan / top), atol=0.51)


def test_dumbbells_stand_where_the_numbers_are(first, second):
    html = board(first, second, pairs=PAIRS)
    assert 'aria-label="P(match): Sentence 75.0 %, Changed 25.0 %"' in html
    assert re.search(r'vf-bar" style="left:25.00%;width:50.00%', html)
    assert "less likely to match" in html
    assert "more likely to match" in board(second, first, pairs=[(0, 0), (1, 1), (2, None)])


def test_what_was_changed_of_a_picture_is_framed(first, second):
    marked = replace(second, marks=[(0.25, 0.5, 0.75, 1.0)])
    html = board(first, marked, pairs=PAIRS)
    assert html.count('<i class="vf-box"') == 1
    assert "left:25.0%;top:50.0%;width:50.0%;height:50.0%" in html


def test_words_are_text(first, second):
    html = board(replace(first, words=["<b>", "cat"]), second, pairs=PAIRS)
    assert "<b>cat" not in html
    assert "&lt;b&gt;" in html


@pytest.mark.parametrize("pairs", [[(0, 0), (1, 1)], [(0, 0), (1, 1), (None, 1)], []])
def test_every_word_is_paired_once(first, second, pairs):
    with pytest.raises(ValueError, match="each of"):
        board(first, second, pairs=pairs)


def test_a_plan_that_does_not_fit(first, second):
    with pytest.raises(ValueError, match="shape"):
        board(replace(first, grid=(3, 3)), second, pairs=PAIRS)


def test_a_veil_over_a_picture_is_the_blend():
    draw = np.random.default_rng(3)
    pixels = draw.integers(0, 256, (4, 6, 3), dtype=np.uint8)
    heat = draw.random((4, 6))
    over = veil(heat).astype(float)
    alpha = over[..., 3:] / 255
    np.testing.assert_allclose(
        alpha * over[..., :3] + (1 - alpha) * pixels, blend(pixels, heat, smooth=False), atol=2.0
    )


def test_the_script_listens_to_words():
    assert ".vf-word" in script()
