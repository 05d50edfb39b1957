import numpy as np
import pytest

from vilt_core.viz.answers import answer_bars
from vilt_core.viz.blend import blend, veil
from vilt_core.viz.curves import trace_curves
from vilt_core.viz.heatmap import overlay
from vilt_core.viz.palette import ON_DARK, ON_LIGHT, ramp, rgb
from vilt_core.viz.plan import plan_matrix


@pytest.mark.parametrize("stops", [ON_LIGHT, ON_DARK])
def test_the_ramp_passes_through_its_stops_and_clips(stops):
    at = np.linspace(0, 1, len(stops))
    assert [tuple(color) for color in ramp(at, stops).tolist()] == [rgb(stop) for stop in stops]
    assert (ramp(np.array([-1.0, 2.0]), stops) == ramp(np.array([0.0, 1.0]), stops)).all()


@pytest.mark.parametrize("smooth", [True, False])
def test_heat_has_no_unit(smooth):
    pixels = np.random.default_rng(0).integers(0, 255, (24, 36, 3)).astype(np.uint8)
    heat = np.random.default_rng(1).random((2, 3))
    drawn = blend(pixels, heat, smooth=smooth)
    assert drawn.shape == pixels.shape
    np.testing.assert_array_equal(drawn, blend(pixels, heat * 7, smooth=smooth))


def test_patches_are_exact_and_cold_ones_dark():
    pixels = np.full((16, 16, 3), 200, dtype=np.uint8)
    heat = np.array([[0.0, 1.0], [0.0, 0.5]])
    drawn = blend(pixels, heat, smooth=False)
    for row in range(2):
        for column in range(2):
            patch = drawn[8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
            assert (patch == patch[0, 0]).all()
    assert drawn[0, 0].mean() < drawn[15, 15].mean() < drawn[0, 15].mean()


def test_a_layer_over_the_picture_is_the_blend():
    pixels = np.random.default_rng(0).integers(0, 255, (2, 3, 3)).astype(np.uint8)
    heat = np.random.default_rng(1).random((2, 3))
    over = veil(heat).astype(float)
    opacity = over[..., 3:] / 255
    laid = opacity * over[..., :3] + (1 - opacity) * pixels
    assert np.abs(laid - blend(pixels, heat, smooth=False)).max() < 2


def test_an_overlay_draws_its_boxes_and_saves():
    figure = overlay(
        np.zeros((32, 64, 3), dtype=np.uint8),
        np.ones((2, 4)),
        title="cat",
        grid=True,
        boxes=[(0.0, 0.0, 0.5, 0.5), (0.5, 0.5, 1.0, 1.0)],
    )
    assert len(figure.axes[0].patches) == 2


def test_the_matrix_shows_the_plan_with_its_names():
    plan = np.random.default_rng(0).random((2, 6))
    figure = plan_matrix(plan, words=["a", "a"], grid=(2, 3))
    np.testing.assert_array_equal(figure.data[0].z, plan)
    assert figure.data[0].x[4] == "(2, 2)"
    assert len(set(figure.data[0].y)) == 2
    with pytest.raises(ValueError, match=r"expected a plan of shape \(1, 6\)"):
        plan_matrix(plan, words=["a"], grid=(2, 3))


def test_the_curves_are_the_numbers():
    numbers = [np.random.default_rng(seed).random(5) for seed in range(4)]
    figure = trace_curves(*numbers, iterations=range(1, 6), optimum=0.25)
    for drawn, given in zip(figure.data, numbers, strict=True):
        np.testing.assert_allclose(drawn.y, given)
    assert figure.layout.shapes[0].y0 == 0.25


def test_answer_bars_mark_right_and_wrong_and_escape():
    right = answer_bars(["cat", "<b>dog</b>"], [0.75, 0.25], truth="cat")
    assert "width:75.00%" in right
    assert 'aria-label="right"' in right
    assert 'aria-label="wrong"' not in right
    assert "<b>" not in right
    wrong = answer_bars(["cat", "dog"], [0.9999, 0.0001], truth="dog")
    assert wrong.index('aria-label="wrong"') < wrong.index('aria-label="right"')
    assert "&lt; 0.1 %" in wrong
    assert "aria-label" not in answer_bars(["cat"], [1.0])
