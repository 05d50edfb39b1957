"""Sinkhorn gives the entropic plan, for every epsilon."""

import numpy as np
import ot
import pytest
import torch
from torch.testing import assert_close

from vilt_core.transport import cosine_cost, entropy, marginal_error, sinkhorn, transport_cost


@pytest.fixture
def cost():
    draw = torch.Generator().manual_seed(0)
    text = torch.randn(2, 8, 32, generator=draw, dtype=torch.float64)
    image = torch.randn(2, 25, 32, generator=draw, dtype=torch.float64)
    return cosine_cost(text, image)


@pytest.mark.parametrize("iterations", [1, 10, 100])
@pytest.mark.parametrize("epsilon", [0.02, 0.05, 1.0])
def test_it_equals_pot_iteration_by_iteration(cost, epsilon, iterations):
    for pair, plan in zip(
        cost, sinkhorn(cost, epsilon=epsilon, iterations=iterations), strict=True
    ):
        masses = [np.full(side, 1 / side) for side in pair.shape]
        peer = ot.sinkhorn(
            *masses, pair.numpy(), epsilon, numItermax=iterations, stopThr=0, warn=False
        )
        assert_close(plan, torch.from_numpy(peer), atol=1e-12, rtol=0)


@pytest.mark.parametrize("epsilon", [1e-3, 1e-4, 1e-5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_small_epsilon_overflows_nothing(cost, epsilon, dtype):
    plan = sinkhorn(cost.to(dtype), epsilon=epsilon)
    precision = torch.finfo(dtype).eps * float(cost.max()) / epsilon
    assert plan.isfinite().all()
    assert_close(plan.sum(-1), torch.full((2, 8), 1 / 8, dtype=dtype), atol=0, rtol=4 * precision)


def test_epsilon_is_a_blur(cost):
    """From exact to independent: cost and entropy both rise with epsilon."""
    plans = [sinkhorn(cost, epsilon=e, iterations=3000) for e in (0.01, 0.1, 1.0, 100.0)]
    costs = torch.stack([transport_cost(cost, plan) for plan in plans])
    entropies = torch.stack([entropy(plan) for plan in plans])
    assert (costs.diff(dim=0) > 0).all()
    assert (entropies.diff(dim=0) > 0).all()
    assert_close(plans[-1], torch.full_like(cost, 1 / (8 * 25)), atol=1e-4, rtol=0)


def test_the_image_marginal_converges(cost):
    errors = [marginal_error(sinkhorn(cost, iterations=i))[1].max() for i in (1, 10, 100, 1000)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-9


@pytest.mark.parametrize("epsilon", [0.0, -1.0, float("nan")])
def test_epsilon_is_positive(cost, epsilon):
    with pytest.raises(ValueError, match=f"epsilon must be .* greater than 0, got {epsilon}"):
        sinkhorn(cost, epsilon=epsilon)
