"""A trace is the same run, watched."""

from functools import partial
from itertools import islice

import pytest
import torch
from torch.testing import assert_close

from vilt_core.transport import (
    cosine_cost,
    entropy,
    ipot,
    ipot_steps,
    marginal_error,
    sinkhorn,
    transport_cost,
)

SOLVERS = pytest.mark.parametrize("solve", [ipot, sinkhorn])

# Unwatched, ipot may take a faster road, which rounds otherwise.
same = partial(assert_close, atol=1e-15, rtol=1e-12)


@pytest.fixture
def problem():
    draw = torch.Generator().manual_seed(0)
    text = torch.randn(2, 6, 16, generator=draw, dtype=torch.float64)
    image = torch.randn(2, 10, 16, generator=draw, dtype=torch.float64)
    text_mask = torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    image_mask = torch.tensor([[True] * 10, [True] * 7 + [False] * 3])
    return cosine_cost(text, image), text_mask, image_mask


@SOLVERS
def test_watching_changes_nothing(solve, problem):
    plan, trace = solve(*problem, iterations=30, trace=True)
    same(plan, solve(*problem, iterations=30))
    assert torch.equal(plan, trace.plans[-1])
    assert trace.iterations == tuple(range(1, 31))


@SOLVERS
def test_iteration_k_of_a_trace_is_a_run_of_k_iterations(solve, problem):
    _, trace = solve(*problem, iterations=30, trace=True)
    for k in (1, 2, 17):
        same(trace.plans[k - 1], solve(*problem, iterations=k))


@SOLVERS
def test_chosen_iterations_are_those_of_the_full_trace(solve, problem):
    _, full = solve(*problem, iterations=30, trace=True)
    plan, chosen = solve(*problem, iterations=30, trace=True, trace_at=[30, 1, 5, 5])
    assert chosen.iterations == (1, 5, 30)
    assert torch.equal(plan, full.plans[-1])
    rows = [0, 4, 29]
    for field in ("plans", "log_sigma", "log_delta", "transport_cost", "entropy"):
        assert torch.equal(getattr(chosen, field), getattr(full, field)[rows])
    assert torch.equal(chosen.text_marginal_error, full.text_marginal_error[rows])
    assert torch.equal(chosen.image_marginal_error, full.image_marginal_error[rows])


@SOLVERS
def test_the_last_iteration_need_not_be_kept(solve, problem):
    plan, trace = solve(*problem, iterations=30, trace=True, trace_at=range(1, 4))
    assert trace.iterations == (1, 2, 3)
    same(plan, solve(*problem, iterations=30))


@SOLVERS
def test_the_numbers_shown_are_those_of_the_plans_shown(solve, problem):
    cost, *masks = problem
    _, trace = solve(cost, *masks, iterations=12, trace=True, trace_at=(1, 12))
    for row, plan in enumerate(trace.plans):
        text_error, image_error = marginal_error(plan, *masks)
        assert torch.equal(trace.text_marginal_error[row], text_error)
        assert torch.equal(trace.image_marginal_error[row], image_error)
        assert torch.equal(trace.transport_cost[row], transport_cost(cost, plan))
        assert torch.equal(trace.entropy[row], entropy(plan))


def test_ipots_scalings_lead_from_each_plan_to_the_next(problem):
    cost, text_mask, image_mask = problem
    _, trace = ipot(cost, text_mask, image_mask, beta=0.3, iterations=12, trace=True)
    kernel = torch.exp(-cost / 0.3)
    previous = torch.ones_like(cost)
    for plan, sigma, delta in zip(trace.plans, trace.sigma, trace.delta, strict=True):
        assert_close(plan, sigma[:, :, None] * kernel * previous * delta[:, None])
        previous = plan
    assert (trace.sigma[:, ~text_mask] == 0).all()
    assert (trace.delta[:, ~image_mask] == 0).all()


def test_sinkhorns_scalings_lead_from_the_kernel_to_each_plan(problem):
    cost, text_mask, image_mask = problem
    _, trace = sinkhorn(cost, text_mask, image_mask, epsilon=0.3, iterations=12, trace=True)
    kernel = torch.exp(-cost / 0.3)
    assert_close(trace.plans, trace.sigma[..., None] * kernel * trace.delta[:, :, None])


def test_beta_log_sigma_becomes_the_price_of_a_word():
    """At the optimum the scalings are dual prices: what a used pair costs, and at most any pair."""
    draw = torch.Generator().manual_seed(0)
    cost = torch.rand(1, 5, 8, generator=draw, dtype=torch.float64)
    plan, trace = ipot(cost, beta=0.1, iterations=3000, trace=True, trace_at=[3000])
    price = 0.1 * (trace.log_sigma[0][:, :, None] + trace.log_delta[0][:, None])
    assert (price <= cost + 1e-6).all()
    assert_close(price[plan > 1e-3], cost[plan > 1e-3], atol=1e-6, rtol=0)


def test_snapshots_are_copies(problem):
    first, second = (snapshot() for snapshot in islice(ipot_steps(*problem), 2))
    assert not torch.equal(first.plan, second.plan)
    same(first.plan, ipot(*problem, iterations=1))


@SOLVERS
@pytest.mark.parametrize("trace_at", [[], [0], [1, 31]])
def test_iterations_that_never_come_are_refused(solve, problem, trace_at):
    with pytest.raises(ValueError, match="trace_at must lie in 1 to 30, got"):
        solve(*problem, iterations=30, trace=True, trace_at=trace_at)


@SOLVERS
def test_choosing_iterations_without_a_trace_is_refused(solve, problem):
    with pytest.raises(ValueError, match="trace_at needs trace=True"):
        solve(*problem, trace_at=[1])
