import math

import pytest
import torch
from torch.testing import assert_close

from vilt_core.objectives import nlvr2

TRUTH = torch.tensor([True, False, False])


def test_undecided_costs_log_2():
    assert float(nlvr2(torch.full((3, 2), 0.7), TRUTH)) == pytest.approx(math.log(2))


def test_certain_and_right_costs_nothing_and_wrong_its_margin():
    right = torch.stack([~TRUTH, TRUTH], dim=1) * 50.0
    assert float(nlvr2(right, TRUTH)) < 1e-6
    assert float(nlvr2(right, ~TRUTH)) == pytest.approx(50)


def test_it_is_a_logistic_loss_of_the_difference():
    logits = torch.randn(3, 2, generator=torch.Generator().manual_seed(0))
    margins = logits[:, 1] - logits[:, 0]
    expected = [
        math.log1p(math.exp(-m if true else m))
        for m, true in zip(margins.tolist(), TRUTH.tolist(), strict=True)
    ]
    assert float(nlvr2(logits, TRUTH)) == pytest.approx(sum(expected) / 3, rel=1e-5)


def test_saying_the_opposite_of_the_opposite_costs_the_same():
    logits = torch.randn(3, 2, generator=torch.Generator().manual_seed(1))
    assert_close(nlvr2(logits, TRUTH), nlvr2(logits.flip(1), ~TRUTH))
