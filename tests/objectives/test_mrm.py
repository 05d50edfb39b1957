"""Laws of masked region modelling: closed forms, and silence where nothing is hidden."""

import math

import pytest
import torch
from torch.testing import assert_close

from vilt_core.objectives import region_class, region_kl, region_regression

CLASSES = 7


@pytest.fixture
def hidden() -> tuple[torch.Tensor, torch.Tensor]:
    """Scores of 5 hidden regions, and what the detector is sure of, some of it not at all."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(5, CLASSES, generator=generator)
    truth = torch.rand(5, CLASSES, generator=generator)
    truth[:, :2] = 0
    return logits, truth / truth.sum(dim=-1, keepdim=True)


def test_the_divergence_is_its_definition(hidden):
    logits, truth = hidden
    chances = logits.softmax(dim=-1)
    each = [
        sum(t * math.log(t / p) for t, p in zip(ts, ps, strict=True) if t)
        for ts, ps in zip(truth.tolist(), chances.tolist(), strict=True)
    ]
    assert float(region_kl(logits, truth)) == pytest.approx(sum(each) / 5, rel=1e-5)


def test_the_detectors_own_distribution_costs_nothing(hidden):
    logits, truth = hidden
    assert_close(region_kl(logits, logits.softmax(dim=-1)), torch.tensor(0.0))
    assert float(region_kl(logits, truth)) > 0


def test_no_idea_costs_what_the_detector_knows(hidden):
    """KL to the uniform distribution is log k less the entropy."""
    _, truth = hidden
    entropy = -torch.special.xlogy(truth, truth).sum(dim=-1).mean()
    assert_close(region_kl(torch.zeros(5, CLASSES), truth), math.log(CLASSES) - entropy)


def test_a_sure_detector_makes_it_the_cross_entropy(hidden):
    logits, _ = hidden
    entries = torch.tensor([0, 3, 6, 2, 2])
    sure = torch.nn.functional.one_hot(entries, CLASSES).float()
    assert_close(region_kl(logits, sure), region_class(logits, entries))


def test_undecided_costs_log_k_and_sure_and_right_nothing():
    entries = torch.tensor([0, 3, 6])
    right = torch.nn.functional.one_hot(entries, CLASSES) * 100.0
    assert float(region_class(torch.zeros(3, CLASSES), entries)) == pytest.approx(math.log(CLASSES))
    assert float(region_class(right, entries)) < 1e-6


def test_regression_is_the_square_of_the_distance():
    features = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    assert region_regression(features, features) == 0
    assert_close(region_regression(features + 0.5, features), torch.tensor(0.25))


def test_half_precision_is_computed_in_float32(hidden):
    logits, truth = hidden
    assert region_kl(logits.bfloat16(), truth).dtype == torch.float32
    assert region_regression(logits.bfloat16(), truth).dtype == torch.float32
    assert region_class(logits.bfloat16(), torch.zeros(5).long()).dtype == torch.float32


@pytest.mark.parametrize("loss", [region_kl, region_regression, region_class])
def test_nothing_hidden_costs_nothing_and_teaches_nothing(loss):
    weight = torch.ones(CLASSES, requires_grad=True)
    truth = torch.zeros(0).long() if loss is region_class else torch.zeros(0, CLASSES)
    cost = loss(torch.zeros(0, CLASSES) * weight, truth)
    cost.backward()
    assert cost == 0
    assert weight.grad is not None
    assert (weight.grad == 0).all()
