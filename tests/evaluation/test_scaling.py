"""What grows with the sequence, and how."""

import pytest

from vilt_core.evaluation.scaling import base_model, side_costs, token_costs


@pytest.fixture(scope="module")
def small():
    return base_model("mini")


def test_products_are_linear_in_tokens_but_for_attention(small):
    one, two = token_costs(small, counts=(10, 20), runs=1)
    d, depth = small.config.width, small.config.depth
    attention = 2 * depth * 2 * d  # of each pair of tokens
    assert two.flops - 2 * one.flops == attention * (20**2 - 2 * 10**2)
    assert one.milliseconds > 0


def test_a_picture_is_as_long_as_its_patches(small):
    patch = small.config.patch_size
    points = list(side_costs(small, sides=(patch, 2 * patch), runs=1))
    assert [point.tokens for point in points] == [40 + 1 + 1, 40 + 1 + 4]
    assert [point.side for point in points] == [patch, 2 * patch]
    assert points[0].flops < points[1].flops


def test_the_next_point_waits_to_be_asked_for(small):
    points = token_costs(small, counts=(4, 10**9), runs=1)
    assert next(points).tokens == 4
    points.close()
    with pytest.raises(ValueError, match="runs must be an integer of at least 1"):
        next(token_costs(small, runs=0))
