"""Sinkhorn's algorithm for entropic optimal transport, in the log domain.

Cuturi, "Sinkhorn Distances: Lightspeed Computation of Optimal Transport", NeurIPS 2013; in
logarithms as in Peyre and Cuturi, "Computational Optimal Transport", section 4.4.
"""

from collections.abc import Iterable
from typing import Literal, overload

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from vilt_core.transport.problem import check_count, check_positive, uniform_problem
from vilt_core.transport.trace import Snapshot, Steps, Trace, kept_iterations, run, trace_of


def sinkhorn_steps(
    cost: Float[Tensor, "b l n"],
    text_mask: Bool[Tensor, "b l"] | None = None,
    image_mask: Bool[Tensor, "b n"] | None = None,
    *,
    epsilon: float = 0.05,
) -> Steps:
    """Scale columns, then rows, without end; a snapshot on offer after each iteration."""
    problem = uniform_problem(cost, text_mask, image_mask)
    log_p, log_q = problem.text_marginal.log(), problem.image_marginal.log()
    log_kernel = -problem.cost / epsilon
    log_sigma, log_delta = torch.zeros_like(log_p), torch.zeros_like(log_q)

    def snapshot() -> Snapshot:
        return Snapshot(
            plan=torch.exp(log_sigma + log_kernel + log_delta),
            log_sigma=rearrange(log_sigma, "b l 1 -> b l"),
            log_delta=rearrange(log_delta, "b 1 n -> b n"),
        )

    while True:
        log_delta = log_q - _log_sum(log_kernel + log_sigma, dim=1)
        log_sigma = log_p - _log_sum(log_kernel + log_delta, dim=2)
        yield snapshot


def _log_sum(logarithms: Tensor, *, dim: int) -> Tensor:
    # The sum over padding is 0: a finite logarithm in its place keeps log 0 - log 0 at log 0.
    total = torch.logsumexp(logarithms, dim=dim, keepdim=True)
    return total.clamp_min(torch.finfo(total.dtype).min)


@overload
def sinkhorn(
    cost: Float[Tensor, "b l n"],
    text_mask: Bool[Tensor, "b l"] | None = None,
    image_mask: Bool[Tensor, "b n"] | None = None,
    *,
    epsilon: float = 0.05,
    iterations: int = 100,
    trace: Literal[False] = False,
    trace_at: None = None,
) -> Float[Tensor, "b l n"]: ...


@overload
def sinkhorn(
    cost: Float[Tensor, "b l n"],
    text_mask: Bool[Tensor, "b l"] | None = None,
    image_mask: Bool[Tensor, "b n"] | None = None,
    *,
    epsilon: float = 0.05,
    iterations: int = 100,
    trace: Literal[True],
    trace_at: Iterable[int] | None = None,
) -> tuple[Float[Tensor, "b l n"], Trace]: ...


def sinkhorn(
    cost: Float[Tensor, "b l n"],
    text_mask: Bool[Tensor, "b l"] | None = None,
    image_mask: Bool[Tensor, "b n"] | None = None,
    *,
    epsilon: float = 0.05,
    iterations: int = 100,
    trace: bool = False,
    trace_at: Iterable[int] | None = None,
) -> Float[Tensor, "b l n"] | tuple[Float[Tensor, "b l n"], Trace]:
    """The entropic plan of each pair: argmin <C, T> - epsilon H(T) under uniform marginals.

    T = diag(sigma) exp(-C / epsilon) diag(delta), with H the entropy. ``epsilon`` is a blur: the
    plan tends to the exact optimum as it falls, and needs more iterations to settle. In the log
    domain a small one overflows nothing; the plan's relative precision is the dtype's, times
    cost / epsilon.

    The conventions are those of ``ipot``: text is scaled last, so each token's mass is exact after
    every iteration; the plan is a constant for autograd; padding gets exactly 0 and changes
    nothing else.

    Args:
        cost: cost of each pair; half precision is computed, and returned, as float32.
        text_mask: True where a token is real; every token by default.
        image_mask: True where a patch is real; every patch by default.
        epsilon: weight of the entropy, in units of cost.
        iterations: rounds of scaling.
        trace: hand back a ``Trace`` beside the plan.
        trace_at: the iterations to keep in it, counted from 1; every one by default.

    Raises:
        ValueError: for masks of another shape or dtype, a pair with no real token or no real
            patch, a cost that is not finite (values on the CPU alone, see ``ipot``), or settings
            out of range.
    """
    check_positive("epsilon", epsilon)
    check_count("iterations", iterations)
    kept = kept_iterations(iterations=iterations, trace=trace, trace_at=trace_at)
    steps = sinkhorn_steps(cost, text_mask, image_mask, epsilon=epsilon)
    plan, snapshots = run(steps, iterations=iterations, keep=kept)
    if not trace:
        return plan
    return plan, trace_of(snapshots, cost, text_mask, image_mask, iterations=kept)
