"""Laws of comparing: differences cost their distance, and what is not asked costs nothing."""

import math

import torch
from torch.testing import assert_close

from vilt_core.objectives import asked_differences, comparing

TRUTH = torch.tensor([[1.0, -2.0, 3.0], [math.nan, math.nan, -1.0], [math.nan] * 3])


def test_right_costs_nothing_whatever_is_said_where_nothing_is_asked():
    said = TRUTH.nan_to_num(nan=7.0)
    assert comparing(said, TRUTH) == 0


def test_a_difference_costs_its_distance():
    """Beyond beta = 0.5, smooth L1 is the distance less a quarter; the mean is of what is asked."""
    said = TRUTH.nan_to_num(nan=0.0)
    said[0, 1] += 2.0
    assert_close(comparing(said, TRUTH), torch.tensor(1.75 / 4))
    assert asked_differences(TRUTH) == 4


def test_what_is_not_asked_gets_no_gradient():
    said = torch.zeros_like(TRUTH, requires_grad=True)
    comparing(said, TRUTH).backward()
    assert said.grad is not None
    assert ((said.grad != 0) == ~TRUTH.isnan()).all()


def test_nothing_asked_costs_nothing():
    nothing = torch.full((2, 3), math.nan)
    assert comparing(torch.ones(2, 3), nothing) == 0
    assert asked_differences(nothing) == 0
