"""Laws of image-text matching."""

import math

import pytest
import torch
from torch.testing import assert_close

from vilt_core.objectives import itm


def test_certain_and_right_costs_nothing():
    matched = torch.tensor([True, False, True])
    logits = torch.where(torch.stack((~matched, matched), dim=1), 50.0, -50.0)
    assert float(itm(logits, matched)) < 1e-6
    assert float(itm(-logits, matched)) == pytest.approx(100.0)


def test_undecided_costs_one_bit():
    assert float(itm(torch.zeros(4, 2), torch.tensor([True, False, True, True]))) == pytest.approx(
        math.log(2)
    )


def test_it_is_the_logistic_loss_of_the_difference():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(16, 2, generator=generator)
    matched = torch.rand(16, generator=generator) < 0.5
    margin = (logits[:, 1] - logits[:, 0]) * torch.where(matched, 1.0, -1.0)
    assert_close(itm(logits, matched), torch.nn.functional.softplus(-margin).mean())


def test_half_precision_is_computed_in_float32():
    logits = torch.randn(8, 2, generator=torch.Generator().manual_seed(0)).bfloat16()
    matched = torch.arange(8) % 2 == 0
    loss = itm(logits, matched)
    assert loss.dtype == torch.float32
    assert_close(loss, itm(logits.float(), matched))
