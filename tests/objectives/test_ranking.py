import math

import pytest
import torch
from torch.testing import assert_close

from vilt_core.objectives import ranking


@pytest.fixture
def scores():
    return torch.randn(4, 16, generator=torch.Generator().manual_seed(0)) * 3


@pytest.mark.parametrize("candidates", [1, 2, 16])
def test_undecided_costs_the_logarithm_of_the_candidates(candidates):
    found = float(ranking(torch.full((3, candidates), -2.5)))
    assert found == pytest.approx(math.log(candidates))


def test_certain_and_right_costs_nothing_and_wrong_its_margin(scores):
    scores = torch.zeros_like(scores)
    scores[:, 0] = 60
    assert float(ranking(scores)) < 1e-6
    scores[:, 5] = 160
    assert float(ranking(scores)) == pytest.approx(100)


def test_the_order_of_the_negatives_and_a_row_s_height_do_not_matter(scores):
    order = torch.randperm(15, generator=torch.Generator().manual_seed(1)) + 1
    shuffled = scores[:, torch.cat([torch.tensor([0]), order])]
    assert_close(ranking(shuffled), ranking(scores))
    assert_close(ranking(scores + torch.tensor([[1.0], [-7.0], [0.5], [20.0]])), ranking(scores))


def test_it_is_the_mean_over_rows_of_log_shares(scores):
    shares = [math.exp(row[0]) / sum(map(math.exp, row)) for row in scores.tolist()]
    assert float(ranking(scores)) == pytest.approx(-sum(map(math.log, shares)) / 4, rel=1e-5)


def test_gradients_lift_the_true_one_and_lower_the_others_by_their_shares(scores):
    scores.requires_grad_()
    ranking(scores).backward()
    shares = scores.detach().softmax(dim=1)
    expected = shares.clone()
    expected[:, 0] -= 1
    assert_close(scores.grad, expected / 4)
