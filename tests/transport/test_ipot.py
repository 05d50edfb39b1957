"""IPOT is the published algorithm, and tends to the exact optimum."""

import inspect
import sys
from pathlib import Path

import numpy as np
import ot
import pytest
import torch
from torch.testing import assert_close

from vilt_core.transport import ALGORITHM, cosine_cost, entropy, ipot, sinkhorn, transport_cost

GOLDEN = Path(__file__).parents[3] / "shared" / "golden" / "ipot_reference.npz"


@pytest.fixture(params=["fast", "torch"])
def road(request, monkeypatch):
    """What comes for the plain case on this machine, and what comes where that is not there."""
    if request.param == "torch":
        module = sys.modules["vilt_core.transport.ipot"]
        monkeypatch.setattr(module, "_fast_road", lambda device: None)


on_each_road = pytest.mark.usefixtures("road")


@pytest.fixture
def cost():
    draw = torch.Generator().manual_seed(0)
    text = torch.randn(2, 8, 32, generator=draw, dtype=torch.float64)
    image = torch.randn(2, 25, 32, generator=draw, dtype=torch.float64)
    return cosine_cost(text, image)


def exact_optimum(cost):
    uniform = [np.full(side, 1 / side) for side in cost.shape]
    return float(ot.emd2(*uniform, cost.numpy()))


@on_each_road
@pytest.mark.skipif(not GOLDEN.exists(), reason=f"no reference plans at {GOLDEN}")
@pytest.mark.parametrize("case", ["train_default", "demo_heatmap", "long_f64"])
def test_the_plans_of_the_reference_implementations(case):
    with np.load(GOLDEN) as file:
        golden = {key.split("/")[1]: torch.from_numpy(file[key]) for key in file if case in key}
    beta, iterations, inner_steps = golden["par"].tolist()
    masks = ~golden["xpad"], ~golden["ypad"]

    cost = cosine_cost(golden["x"], golden["y"])
    plan = ipot(
        golden["cost"],
        *masks,
        beta=beta,
        iterations=int(iterations),
        inner_steps=int(inner_steps),
    )
    distance = transport_cost(golden["cost"], plan, *masks)
    real = masks[0][:, :, None] & masks[1][:, None, :]
    assert_close(cost[real], golden["cost"][real], atol=1e-6, rtol=0)
    assert_close(plan, golden["T"].mT, atol=1e-6, rtol=0)
    assert_close(distance, golden["dist"], atol=1e-6, rtol=0)


@on_each_road
@pytest.mark.parametrize(
    ("beta", "iterations", "inner_steps"), [(0.5, 1, 1), (0.5, 50, 1), (0.1, 300, 1), (0.5, 20, 4)]
)
def test_the_lines_shown_are_the_lines_that_run(cost, beta, iterations, inner_steps):
    plans = ipot(cost, beta=beta, iterations=iterations, inner_steps=inner_steps)
    for C, plan in zip(cost, plans, strict=True):
        names = {
            "C": C,
            "l": C.shape[0],
            "n": C.shape[1],
            "beta": beta,
            "iterations": iterations,
            "inner_steps": inner_steps,
            "exp": torch.exp,
            "ones": lambda *shape: torch.ones(*shape, dtype=torch.float64),
        }
        exec("\n".join(ALGORITHM), names)
        assert_close(plan, names["T"], atol=1e-13, rtol=0)


def test_every_line_shown_is_named_beside_its_code():
    source = inspect.getsource(sys.modules["vilt_core.transport.ipot"])
    statements = [line.strip() for line in ALGORITHM if not line.strip().startswith("for")]
    assert all(f"# {line}" in source for line in statements)


@on_each_road
@pytest.mark.parametrize("beta", [0.05, 0.1, 0.5])
def test_it_tends_to_the_exact_optimum_as_iterations_over_beta_grow(cost, beta):
    optimum = torch.tensor([exact_optimum(pair) for pair in cost], dtype=torch.float64)
    gaps = [
        (transport_cost(cost, ipot(cost, beta=beta, iterations=int(ratio * beta))) - optimum).abs()
        for ratio in (20, 200, 20_000)
    ]
    assert (gaps[0] > gaps[1]).all()
    assert (gaps[1] > gaps[2]).all()
    assert gaps[2].max() < 1e-6


@on_each_road
def test_the_exact_optimum_is_sparse(cost):
    plan = ipot(cost, beta=0.1, iterations=3000)
    assert ((plan > 1e-6).sum((1, 2)) <= 8 + 25 - 1).all()
    assert (entropy(plan) < np.log(8 + 25 - 1)).all()


def test_solved_exactly_only_iterations_over_beta_matters(cost):
    """N exact proximal steps of weight beta are the entropic plan of epsilon = beta / N."""
    entropic = sinkhorn(cost, epsilon=0.05, iterations=3000)
    for beta, iterations in [(0.05, 1), (0.25, 5), (0.5, 10)]:
        plan = ipot(cost, beta=beta, iterations=iterations, inner_steps=1000)
        assert_close(plan, entropic, atol=1e-10, rtol=0)


@on_each_road
def test_with_one_inner_step_that_nearly_holds(cost):
    costs = [
        transport_cost(cost, ipot(cost, beta=beta, iterations=iterations))
        for beta, iterations in [(1.0, 100), (0.5, 50), (0.25, 25), (0.1, 10)]
    ]
    for other in costs[1:]:
        assert_close(other, costs[0], atol=1e-3, rtol=0)


def test_the_gradient_of_the_distance_is_the_plan(cost):
    cost.requires_grad_()
    plan = ipot(cost)
    transport_cost(cost, plan).sum().backward()
    assert torch.equal(cost.grad, plan)


def clusters(seed, *, l=12, n=64, kinds=4):
    """The cost of a model that has learned: words and patches of one kind are close, others far."""
    draw = torch.Generator().manual_seed(seed)
    centres = torch.randn(kinds, 32, generator=draw)

    def scattered(count):
        kind = torch.randint(kinds, (count,), generator=draw)
        return (centres[kind] + 0.3 * torch.randn(count, 32, generator=draw))[None]

    return cosine_cost(scattered(l), scattered(n))


def ipot_of_logarithms(cost, *, beta, iterations):
    """The same algorithm where nothing can underflow."""
    log_p, log_q = -np.log(cost.shape[1]), -np.log(cost.shape[2])
    log_T, log_sigma = torch.zeros_like(cost), log_p
    for _ in range(iterations):
        log_Q = log_T - cost / beta
        log_delta = log_q - torch.logsumexp(log_Q + log_sigma, 1, keepdim=True)
        log_sigma = log_p - torch.logsumexp(log_Q + log_delta, 2, keepdim=True)
        log_T = log_Q + log_delta + log_sigma
    return log_T.exp()


@on_each_road
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("beta", "iterations", "tolerance"),
    [(0.5, 50, 1e-6), (0.5, 2000, 1e-6), (0.1, 1000, 1e-5), (0.05, 500, 1e-4)],
)
def test_entries_that_underflow_come_back(seed, beta, iterations, tolerance):
    """Where words and patches of a kind differ in number, mass has to find its way late.

    Left alone, float32 ends in NaN or in another plan here from beta = 0.1 down, and float64 from
    0.03. What remains is rounding, which such a problem amplifies on the way to its optimum.
    """
    cost = clusters(seed)
    expected = ipot_of_logarithms(cost.double(), beta=beta, iterations=iterations)
    single = ipot(cost, beta=beta, iterations=iterations)
    double = ipot(cost.double(), beta=beta, iterations=iterations)
    assert_close(double, expected, atol=1e-11, rtol=0)
    assert_close(single.double(), expected, atol=tolerance, rtol=0)


@on_each_road
@pytest.mark.parametrize("beta", [0.01, 0.03])
def test_small_beta_keeps_its_precision_in_float64(beta):
    cost = clusters(2).double()
    expected = ipot_of_logarithms(cost, beta=beta, iterations=200)
    assert_close(ipot(cost, beta=beta, iterations=200), expected, atol=1e-11, rtol=0)


@on_each_road
@pytest.mark.parametrize("cheapest", [2.0, 1000.0])
def test_only_the_range_of_the_costs_has_to_fit(cheapest):
    """exp(-2 / 0.02) is 0 in float32."""
    cost = cheapest + clusters(2)
    plan = ipot(cost, beta=0.02, iterations=100)
    expected = ipot_of_logarithms(cost.double(), beta=0.02, iterations=100)
    assert_close(plan.double(), expected, atol=1e-4, rtol=0)


@on_each_road
def test_a_beta_out_of_the_range_of_the_dtype_is_refused(cost):
    with pytest.raises(ValueError, match=r"beta must be large enough .* torch.float32, got 0.0001"):
        ipot(cost.float(), beta=1e-4)


@on_each_road
@pytest.mark.parametrize(("dtype", "offered"), [(torch.float32, True), (torch.float64, False)])
def test_float64_is_offered_to_those_who_do_not_have_it(cost, dtype, offered):
    with pytest.raises(ValueError, match="beta must be large enough") as caught:
        ipot(cost.to(dtype), beta=1e-6)
    assert ("pass the cost in float64" in str(caught.value)) == offered


@pytest.mark.parametrize("beta", [0.0, -0.5, float("nan"), float("inf")])
def test_beta_is_positive(cost, beta):
    with pytest.raises(ValueError, match=f"beta must be finite and greater than 0, got {beta}"):
        ipot(cost, beta=beta)


def test_there_is_at_least_one_inner_step(cost):
    with pytest.raises(ValueError, match="inner_steps must be an integer of at least 1, got 0"):
        ipot(cost, inner_steps=0)
