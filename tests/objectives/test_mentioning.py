"""Laws of mention: one question a patch, and silence where nothing is asked."""

import math

import pytest
import torch
from torch.nn.functional import softplus
from torch.testing import assert_close

from vilt_core.objectives import mentioning
from vilt_core.objectives.mlm import IGNORED


@pytest.fixture
def asked() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 8, generator=generator)
    truth = torch.randint(2, (3, 8), generator=generator)
    truth.view(-1)[::3] = IGNORED
    return logits, truth


def test_it_is_the_mean_logistic_loss_of_the_patches_asked_about(asked):
    logits, truth = asked
    real = truth != IGNORED
    signs = torch.where(truth[real] == 1, 1.0, -1.0)
    assert_close(mentioning(logits, truth), softplus(-signs * logits[real]).mean())


def test_certain_and_right_costs_nothing_and_undecided_a_bit(asked):
    _, truth = asked
    assert float(mentioning(truth.clamp(min=0) * 200.0 - 100, truth)) < 1e-6
    assert float(mentioning(torch.zeros(3, 8), truth)) == pytest.approx(math.log(2))


def test_what_is_not_asked_has_no_influence_and_no_gradient(asked):
    logits, truth = asked
    ignored = truth == IGNORED
    loud = logits.masked_fill(ignored, 1e4).requires_grad_()
    loss = mentioning(loud, truth)
    assert_close(loss, mentioning(logits, truth))
    loss.backward()
    assert loud.grad is not None
    assert (loud.grad[ignored] == 0).all()
    assert (loud.grad[~ignored] != 0).all()


def test_nothing_asked_costs_nothing():
    assert float(mentioning(torch.ones(2, 4), torch.full((2, 4), IGNORED))) == 0
