"""Laws of the optimiser and its schedule."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import nn

from vilt_core.training.optim import build_optimizer, learning_rate, set_rate
from vilt_core.training.stages import Stage

STAGE = Stage(name="any", steps=100, mix={"patches": 1.0}, learning_rate=3e-4, weight_decay=0.1)


def rates(stage: Stage) -> list[float]:
    return [learning_rate(stage, step) for step in range(stage.steps)]


def test_the_rate_rises_to_its_peak_and_falls_to_nothing():
    found = rates(STAGE)
    assert found[0] == pytest.approx(3e-5)
    assert found[9] == found[10] == max(found) == pytest.approx(3e-4)
    assert all(a < b for a, b in pairwise(found[:10]))
    assert all(a > b for a, b in pairwise(found[10:]))
    assert found[-1] == pytest.approx(3e-4 / 90)
    assert learning_rate(STAGE, 100) == 0


def test_it_rises_and_falls_in_straight_lines():
    found = torch.tensor(rates(STAGE), dtype=torch.float64)
    assert float(found[:10].diff().diff().abs().max()) < 1e-15
    assert float(found[10:].diff().diff().abs().max()) < 1e-15


def test_a_horizon_beyond_the_last_step_keeps_the_rate_up():
    early = replace(STAGE, steps=60, horizon=100)
    assert rates(early) == rates(STAGE)[:60]


def test_a_stage_of_one_step_trains_at_its_peak():
    assert rates(replace(STAGE, steps=1)) == [STAGE.learning_rate]
    assert rates(replace(STAGE, steps=2, warmup=0.0))[0] == STAGE.learning_rate


def test_matrices_decay_and_vectors_do_not():
    model = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Embedding(5, 4))
    frozen = nn.Linear(4, 4).requires_grad_(False)
    decayed, spared = build_optimizer(nn.Sequential(model, frozen), STAGE).param_groups
    assert decayed["weight_decay"] == 0.1
    assert spared["weight_decay"] == 0.0
    assert {id(p) for p in decayed["params"]} == {id(model[0].weight), id(model[2].weight)}
    assert {id(p) for p in spared["params"]} == {id(p) for p in model.parameters() if p.ndim == 1}


def test_a_step_is_adam_with_decoupled_decay():
    weight = torch.tensor([[1.0, -2.0, 3.0]])
    model = nn.Linear(3, 1, bias=False)
    model.weight.data = weight.clone()
    optimizer = build_optimizer(model, STAGE)
    model.weight.grad = torch.tensor([[0.5, -0.1, 0.0]])
    optimizer.step()
    # In the first step Adam moves by the rate, whatever the gradient's length.
    expected = weight * (1 - 3e-4 * 0.1) - 3e-4 * torch.tensor([[1.0, -1.0, 0.0]])
    torch.testing.assert_close(model.weight.data, expected, atol=1e-7, rtol=0)


def test_adam_is_that_of_the_published_code():
    for group in build_optimizer(nn.Linear(3, 1), STAGE).param_groups:
        assert (group["betas"], group["eps"], group["lr"]) == ((0.9, 0.98), 1e-8, 3e-4)


def test_heads_keep_their_own_times_the_rate_in_every_step():
    model = nn.ModuleDict({"encoder": nn.Linear(4, 4), "vqa": nn.Linear(4, 4)})
    optimizer = build_optimizer(model, replace(STAGE, head_rate=10.0))
    heads = {id(parameter) for parameter in model["vqa"].parameters()}
    for rate in (1e-4, 3e-5):
        set_rate(optimizer, rate)
        rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
        assert len(rates) == 4
        for parameter, found in rates.items():
            assert found == pytest.approx(10 * rate if parameter in heads else rate)
