"""IPOT, the inexact proximal point method behind word-patch alignment (section 3.2).

Xie, Wang, Wang and Zha, "A Fast Proximal Point Method for Computing Exact Wasserstein Distance",
UAI 2019 (arXiv:1802.04307), algorithm 1, with the uniform marginals of UNITER and ViLT. The names
are the algorithm's: C cost, T plan, A kernel, sigma and delta the scalings of text and image.
"""

import math
from collections.abc import Callable, Iterable
from functools import cache
from typing import Literal, overload

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from vilt_core.transport.problem import Problem, check_count, check_positive, uniform_problem
from vilt_core.transport.trace import Snapshot, Steps, Trace, kept_iterations, run, trace_of

# One pair without padding, l tokens and n patches: valid Python where exp and ones are torch's.
ALGORITHM: tuple[str, ...] = (
    "A = exp(-C / beta)",
    "T = ones(l, n)",
    "sigma = ones(l) / l",
    "for iteration in range(iterations):",
    "    Q = A * T",
    "    for _ in range(inner_steps):",
    "        delta = 1 / (n * (sigma @ Q))",
    "        sigma = 1 / (l * (Q @ delta))",
    "    T = sigma[:, None] * Q * delta",
)


def ipot_steps(
    cost: Float[Tensor, "b l n"],
    text_mask: Bool[Tensor, "b l"] | None = None,
    image_mask: Bool[Tensor, "b n"] | None = None,
    *,
    beta: float = 0.5,
    inner_steps: int = 1,
) -> Steps:
    """Iterate ``ALGORITHM`` in place and without end, a snapshot on offer after each iteration.

    The matrix-vector products are written as products and sums, which cost no more at these sizes
    and keep full precision under autocast, TF32 and reduced float32 matrix products.
    """
    problem = uniform_problem(cost, text_mask, image_mask)
    p, q = problem.text_marginal, problem.image_marginal
    # Padding has mass 0 and Q = 0; adding 1 to its sum turns 0 / 0 into 0.
    text_padding = None if text_mask is None else (p == 0).to(p.dtype)
    image_padding = None if image_mask is None else (q == 0).to(q.dtype)

    # Counting cost from the cheapest pair keeps small beta in range and leaves every plan as it
    # was: a constant factor of A divides delta and cancels in T.
    C = problem.cost - problem.cheapest
    A = (C / -beta).exp_()  # A = exp(-C / beta)
    log_T = torch.zeros_like(A)  # T = ones(l, n)
    sigma = p.clone()  # sigma = ones(l) / l
    delta, Q, T = torch.empty_like(q), torch.empty_like(A), torch.empty_like(A)

    def snapshot() -> Snapshot:
        return Snapshot(
            plan=T.clone(),
            log_sigma=rearrange(sigma.log(), "b l 1 -> b l"),
            log_delta=rearrange(delta.log() + problem.cheapest / beta, "b 1 n -> b n"),
        )

    # An entry of T that underflows would stay 0, though later iterations may want it back. But T
    # is A to the power of the iteration between two diagonals, the products of all sigma and of
    # all delta, so its logarithm never leaves us: every few iterations T is written afresh from it.
    sigmas, deltas = torch.ones_like(p), torch.ones_like(q)
    stretch = _iterations_in_range(problem, beta)
    faintest = 0.9 * math.log(torch.finfo(A.dtype).tiny)  # underflow makes exp many times slower
    while True:
        torch.clamp(log_T, min=faintest, out=T).exp_()
        for _ in range(stretch):
            torch.mul(A, T, out=Q)  # Q = A * T
            for _ in range(inner_steps):
                # T is free to hold the products until the last line needs the second of them.
                torch.mul(Q, sigma, out=T)
                _scale(T, q, image_padding, dim=1, out=delta)  # delta = 1 / (n * (sigma @ Q))
                torch.mul(Q, delta, out=T)
                _scale(T, p, text_padding, dim=2, out=sigma)  # sigma = 1 / (l * (Q @ delta))
            T.mul_(sigma)  # T = sigma[:, None] * Q * delta
            sigmas.mul_(sigma)
            deltas.mul_(delta)
            yield snapshot
        log_T.sub_(C, alpha=stretch / beta).add_(sigmas.log_()).add_(deltas.log_())
        sigmas.fill_(1)
        deltas.fill_(1)


def _iterations_in_range(problem: Problem, beta: float) -> int:
    """How many iterations the products of sigma and of delta stay well inside the dtype's range.

    One iteration scales by about exp(range of the costs / beta) and by the number of tokens. The
    range is read on the CPU; elsewhere it is taken to be 2, that of the cosine cost.
    """
    cost = problem.cost
    spread = (problem.dearest - problem.cheapest).max().item() if cost.is_cpu else 2.0
    growth = spread / beta + math.log(1 + cost.shape[1])
    return max(1, int(math.log(torch.finfo(cost.dtype).max) / 2 / growth))


def _scale(
    products: Tensor, marginal: Tensor, padding: Tensor | None, *, dim: int, out: Tensor
) -> None:
    torch.sum(products, dim=dim, keepdim=True, out=out)
    if padding is not None:
        out.add_(padding)
    torch.div(marginal, out, out=out)


@cache
def _fast_road(device: str) -> Callable[..., Tensor | None] | None:
    """What solves the plain case faster on this device, if the package that it needs is there."""
    try:
        if device == "cpu":
            from vilt_core.transport.compiled import solve
        elif device == "cuda":
            from vilt_core.transport.fused import solve
        else:
            return None
    except ImportError:
        return None
    return solve


@overload
def ipot(
    cost: Float[Tensor, "b l n"],
    text_mask: Bool[Tensor, "b l"] | None = None,
    image_mask: Bool[Tensor, "b n"] | None = None,
    *,
    beta: float = 0.5,
    iterations: int = 50,
    inner_steps: int = 1,
    trace: Literal[False] = False,
    trace_at: None = None,
) -> Float[Tensor, "b l n"]: ...


@overload
def ipot(
    cost: Float[Tensor, "b l n"],
    text_mask: Bool[Tensor, "b l"] | None = None,
    image_mask: Bool[Tensor, "b n"] | None = None,
    *,
    beta: float = 0.5,
    iterations: int = 50,
    inner_steps: int = 1,
    trace: Literal[True],
    trace_at: Iterable[int] | None = None,
) -> tuple[Float[Tensor, "b l n"], Trace]: ...


def ipot(
    cost: Float[Tensor, "b l n"],
    text_mask: Bool[Tensor, "b l"] | None = None,
    image_mask: Bool[Tensor, "b n"] | None = None,
    *,
    beta: float = 0.5,
    iterations: int = 50,
    inner_steps: int = 1,
    trace: bool = False,
    trace_at: Iterable[int] | None = None,
) -> Float[Tensor, "b l n"] | tuple[Float[Tensor, "b l n"], Trace]:
    """The transport plan of each pair in the batch, on its way to the exact optimum.

    Iteration k solves T_k = argmin <C, T> + beta KL(T | T_k-1) inexactly, by ``inner_steps``
    rounds of Sinkhorn scaling. Unlike Sinkhorn's epsilon, ``beta`` is no blur but the inverse of a
    step size: solved exactly, N iterations give the entropic plan of epsilon = beta / N, so that
    iterations / beta alone decides how far one gets. With one inner step that holds up to a
    small error, and the limit is the optimum of the linear program whatever beta. ViLT trains at
    50 / 0.5 = 100 and draws its heatmaps at 1000 / 0.1 = 10,000.

    Text is scaled last, as in the reference: after every iteration each token's mass is exact,
    while the patches' mass converges. The plan is a constant for autograd. Padding gets exactly 0
    and changes nothing else, whatever values its costs have.

    With one inner step and no trace, the CPU runs ``compiled`` and a GPU ``fused``: the same plans
    up to rounding, many times faster.

    Args:
        cost: cost of each pair; half precision is computed, and returned, as float32.
        text_mask: True where a token is real; every token by default.
        image_mask: True where a patch is real; every patch by default.
        beta: weight of the proximal term, in units of cost.
        iterations: outer iterations.
        inner_steps: rounds of scaling in each (the reference implementations fail above 1).
        trace: hand back a ``Trace`` beside the plan.
        trace_at: the iterations to keep in it, counted from 1; every one by default.

    Raises:
        ValueError: for masks of another shape or dtype, a pair with no real token or no real
            patch, a cost that is not finite, settings out of range, or a beta so small that
            exp(-cost / beta) leaves the dtype's range. Values are checked on the CPU alone: on
            other devices that would wait for the queue, and such pairs get a plan of NaN.
    """
    check_positive("beta", beta)
    check_count("iterations", iterations)
    check_count("inner_steps", inner_steps)
    kept = kept_iterations(iterations=iterations, trace=trace, trace_at=trace_at)
    plain = not trace and inner_steps == 1 and not torch.compiler.is_compiling()
    solve = _fast_road(cost.device.type) if plain else None
    if solve is not None:
        plan = solve(cost, text_mask, image_mask, beta=beta, iterations=iterations)
        if plan is not None:  # where it cannot, the steps below can, or say why not
            return plan
    steps = ipot_steps(cost, text_mask, image_mask, beta=beta, inner_steps=inner_steps)
    plan, snapshots = run(steps, iterations=iterations, keep=kept)
    if plan.is_cpu and not plan.sum().isfinite():
        remedy = "" if plan.dtype == torch.float64 else ", or pass the cost in float64"
        raise ValueError(
            f"beta must be large enough for exp(-cost / beta) in {plan.dtype}, got {beta}: "
            f"raise it{remedy}"
        )
    if not trace:
        return plan
    return plan, trace_of(snapshots, cost, text_mask, image_mask, iterations=kept)
