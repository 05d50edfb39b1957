"""Laws of multiple choice: what the ranking of the first among others costs, wherever it stands."""

import math

import pytest
import torch
from torch.testing import assert_close

from vilt_core.objectives import choice, ranking


def test_it_is_ranking_with_the_true_one_anywhere():
    scores = torch.randn(5, 4, generator=torch.Generator().manual_seed(0)) * 3
    truth = torch.tensor([0, 3, 1, 2, 2])
    first = torch.stack([row.roll(-int(at)) for row, at in zip(scores, truth, strict=True)])
    assert_close(choice(scores, truth), ranking(first))


@pytest.mark.parametrize("candidates", [1, 4])
def test_undecided_costs_the_logarithm_of_the_candidates(candidates):
    found = choice(torch.full((3, candidates), -2.5), torch.zeros(3, dtype=torch.long))
    assert float(found) == pytest.approx(math.log(candidates))
