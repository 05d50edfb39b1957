"""Laws of gathering: attention on one's own object costs nothing, elsewhere it costs its log."""

import math

import torch
from torch.testing import assert_close

from vilt_core.objectives import gathering


def test_even_attention_costs_the_log_of_how_much_of_it_misses():
    truth = torch.zeros(1, 2, 8, dtype=torch.bool)
    truth[0, 0, :2] = True
    assert_close(gathering(torch.full((1, 2, 8), 1 / 8), truth), torch.tensor(math.log(8 / 2)))


def test_all_attention_on_the_object_costs_nothing_however_it_is_spread():
    truth = torch.zeros(1, 1, 4, dtype=torch.bool)
    truth[0, 0, 1:3] = True
    for spread in ([0.0, 1.0, 0.0, 0.0], [0.0, 0.25, 0.75, 0.0]):
        assert_close(gathering(torch.tensor([[spread]]), truth), torch.tensor(0.0))


def test_attention_on_other_tokens_counts_as_missing():
    truth = torch.ones(1, 1, 4, dtype=torch.bool)
    assert_close(gathering(torch.full((1, 1, 4), 1 / 8), truth), torch.tensor(math.log(2)))


def test_tokens_without_an_object_have_no_say():
    generator = torch.Generator().manual_seed(0)
    attention = torch.rand(2, 3, 6, generator=generator) / 6
    truth = torch.zeros(2, 3, 6, dtype=torch.bool)
    truth[0, 1, 4] = True
    changed = attention.clone()
    changed[1] = 0.0
    assert_close(gathering(changed, truth), gathering(attention, truth))
    assert gathering(attention, torch.zeros_like(truth)) == 0


def test_attention_that_misses_altogether_is_dear_and_finite():
    truth = torch.zeros(1, 1, 2, dtype=torch.bool)
    truth[0, 0, 0] = True
    missing = torch.tensor([[[0.0, 1.0]]], requires_grad=True)
    loss = gathering(missing, truth)
    loss.backward()
    assert 50 < float(loss.detach()) < 100
    assert missing.grad is not None
    assert missing.grad.isfinite().all()
