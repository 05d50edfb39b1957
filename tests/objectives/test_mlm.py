"""Laws of masked language modelling, and of patch naming, which is the same over patches."""

import math

import pytest
import torch
from torch.testing import assert_close

from vilt_core.objectives import mlm, naming
from vilt_core.objectives.mlm import IGNORED

CLASSES = 11


@pytest.fixture
def asked() -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (3, 5, k) and labels of which every second one is asked about."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 5, CLASSES, generator=generator)
    labels = torch.randint(CLASSES, (3, 5), generator=generator)
    labels.view(-1)[::2] = IGNORED
    return logits, labels


@pytest.mark.parametrize("loss", [mlm, naming])
def test_certain_and_right_costs_nothing(asked, loss):
    _, labels = asked
    right = torch.nn.functional.one_hot(labels.clamp(min=0), CLASSES) * 100.0
    assert float(loss(right, labels)) < 1e-6


@pytest.mark.parametrize("loss", [mlm, naming])
def test_undecided_costs_log_k(asked, loss):
    _, labels = asked
    assert float(loss(torch.zeros(3, 5, CLASSES), labels)) == pytest.approx(math.log(CLASSES))


def test_it_is_the_mean_over_the_tokens_asked_about(asked):
    logits, labels = asked
    chances = logits.softmax(-1)
    each = [
        -math.log(chances[row, at, labels[row, at]])
        for row in range(3)
        for at in range(5)
        if labels[row, at] != IGNORED
    ]
    assert float(mlm(logits, labels)) == pytest.approx(sum(each) / len(each), rel=1e-5)


def test_what_is_not_asked_has_no_influence_and_no_gradient(asked):
    logits, labels = asked
    ignored = labels == IGNORED
    loud = logits.masked_fill(ignored[..., None], 1e4).requires_grad_()
    loss = mlm(loud, labels)
    assert_close(loss, mlm(logits, labels))
    loss.backward()
    assert loud.grad is not None
    assert (loud.grad[ignored] == 0).all()
    assert (loud.grad[~ignored] != 0).any()


def test_any_leading_axes_give_the_same(asked):
    logits, labels = asked
    chosen = labels != IGNORED
    assert_close(mlm(logits[chosen], labels[chosen]), mlm(logits, labels))


def test_nothing_asked_costs_nothing():
    nothing = torch.full((2, 4), IGNORED)
    logits = torch.randn(2, 4, CLASSES, generator=torch.Generator().manual_seed(0))
    assert float(mlm(logits, nothing)) == 0
    assert float(mlm(logits[:0, 0], nothing[:0, 0])) == 0
