"""Laws of locating: a number and a place for each noun, and silence where nothing is asked."""

import math

import pytest
import torch
from torch.testing import assert_close

from vilt_core.objectives import locating, scaled
from vilt_core.objectives.mlm import IGNORED

NUMBERS = torch.tensor([[2, IGNORED, 0, 1], [IGNORED, IGNORED, 3, IGNORED]])


@pytest.fixture
def guess() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randn(2, 4, last, generator=generator) for last in (7, 2, 2))


def test_sure_and_right_costs_nothing(guess):
    _, _, truth = guess
    sure = torch.nn.functional.one_hot(NUMBERS.clamp(min=0), 7) * 100.0
    assert float(locating(sure, truth, NUMBERS, truth)) < 1e-6


def test_no_idea_of_the_number_costs_its_logarithm(guess):
    _, _, truth = guess
    assert_close(locating(torch.zeros(2, 4, 7), truth, NUMBERS, truth), torch.tensor(math.log(7)))


def test_a_place_costs_its_distance_and_only_where_there_is_one(guess):
    numbers, _, truth = guess
    right = locating(numbers, truth, NUMBERS, truth)
    # A step of 1 to the right is far beyond beta: 1 - beta / 2 each, for three of the four asked.
    assert_close(
        locating(numbers, truth + torch.tensor([1.0, 0.0]), NUMBERS, truth) - right,
        torch.tensor(0.75 * 3 / 4),
    )


def test_what_is_not_asked_has_no_say_and_no_gradient(guess):
    numbers, centres, truth = guess
    silent = NUMBERS == IGNORED
    loud = numbers.masked_fill(silent[..., None], 1e4).requires_grad_()
    moved = centres.masked_fill((NUMBERS <= 0)[..., None], 1e4).requires_grad_()
    loss = locating(loud, moved, NUMBERS, truth)
    assert_close(loss, locating(numbers, centres, NUMBERS, truth))
    loss.backward()
    assert loud.grad is not None
    assert moved.grad is not None
    assert (loud.grad[silent] == 0).all()
    assert (loud.grad[~silent] != 0).all()
    assert (moved.grad[NUMBERS <= 0] == 0).all()


def test_nothing_asked_costs_nothing(guess):
    numbers, centres, truth = guess
    assert float(locating(numbers, centres, torch.full((2, 4), IGNORED), truth)) == 0


def test_the_unit_square_is_spread_around_its_middle():
    corners = torch.tensor([[0.0, 0.0], [0.5, 0.5], [1.0, 0.75]])
    assert_close(scaled(corners), torch.tensor([[-2.0, -2.0], [0.0, 0.0], [2.0, 1.0]]))
