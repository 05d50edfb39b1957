"""Laws of referring: regions that fit cost little where they score high, others where low."""

import math

import torch
from torch.testing import assert_close

from vilt_core.objectives import referring

OVERLAP = torch.tensor([[0.0, 0.5, 0.9, 0.49], [1.0, 0.1, 0.0, 0.0]])
MASK = torch.tensor([[True, True, True, True], [True, True, False, False]])


def test_undecided_costs_the_logarithm_of_two_for_every_region():
    assert_close(referring(torch.zeros(2, 4), OVERLAP, MASK), torch.tensor(6 / 2 * math.log(2)))


def test_certain_and_right_costs_nothing_and_wrong_its_margin():
    right = torch.where(OVERLAP >= 0.5, 50.0, -50.0)
    assert float(referring(right, OVERLAP, MASK)) < 1e-6
    assert_close(referring(-right, OVERLAP, MASK), torch.tensor(6 / 2 * 50.0))


def test_it_is_the_logistic_loss_of_every_region():
    scores = torch.randn(2, 4, generator=torch.Generator().manual_seed(0))
    expected = sum(
        math.log1p(math.exp(-score if fits else score))
        for score, fits in zip(scores[MASK].tolist(), (OVERLAP >= 0.5)[MASK].tolist(), strict=True)
    )
    assert_close(referring(scores, OVERLAP, MASK), torch.tensor(expected / 2))


def test_padding_has_no_say_and_no_slope():
    scores = torch.zeros(2, 4, requires_grad=True)
    referring(scores, OVERLAP, MASK).backward()
    assert scores.grad is not None
    assert (scores.grad[~MASK] == 0).all()
    assert (scores.grad[MASK] != 0).all()
    changed = torch.where(MASK, 0.0, 99.0)
    assert_close(referring(changed, OVERLAP, MASK), referring(scores.detach(), OVERLAP, MASK))
