"""IPOT on the CPU, compiled by numba: one sweep over K an iteration.

T after t iterations is A to the power of t between two diagonals, u and v, the products of all
sigma and of all delta. Told in them, the algorithm is Sinkhorn's on a kernel K = A^t that sharpens
as it goes, and whose text scaling is carried on by the step that it took last:

    v = 1 / (n * ((u * sigma) @ K)),  u' = 1 / (l * (K @ v)),  sigma' = u' / u,  K' = A * K

As soon as a row of K has given its u it is sharpened and added to the column sums that the next v
needs, while it is still at hand.

Nothing underflows for good. Before u and v leave the dtype's range, T is written afresh from its
logarithm, and a new stretch of iterations begins with it as K. There A is scaled by two diagonals
too, the last sigma and delta, which those to come take back. They stay near 1 then, and so do u
and v: a stretch may last for hundreds of iterations.
"""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple, no_type_check

import numpy as np
import torch
from jaxtyping import Bool, Float
from numba import njit
from torch import Tensor

from vilt_core.transport.problem import check_problem


class _Range(NamedTuple):
    """How far a stretch may go in a dtype."""

    floor: float  # of K; times that of A it is not subnormal, which would be slow
    floor_of_A: float
    wide: float  # how far u and v may go from 1, and an entry from the floor ...
    too_wide: float  # ... and u and v in a single step: beyond it the floor would begin to count
    longest: float  # iterations: the rounding of K grows with them


_SINGLE = _Range(floor=1e-28, floor_of_A=1e-9, wide=1e5, too_wide=1e7, longest=64.0)
_DOUBLE = _Range(floor=1e-150, floor_of_A=1e-150, wide=1e25, too_wide=1e50, longest=256.0)
_SHORT = 100  # iterations that float32 bears: logarithms are of float64, K and A of float32 there
_FURTHEST = math.log(np.finfo(np.float64).max)  # from the cheapest cost to a row's or a column's
_WORTH_A_THREAD = 1_000_000  # entries times iterations: about 0.3 ms


def solve(
    cost: Float[Tensor, "b l n"],
    text_mask: Bool[Tensor, "b l"] | None = None,
    image_mask: Bool[Tensor, "b n"] | None = None,
    *,
    beta: float,
    iterations: int,
) -> Float[Tensor, "b l n"] | None:
    """The plans of ``ipot`` with one inner step.

    Computed in float64, and in float32 where the cost is and the iterations are few. None if any
    pair has a cost that is not finite, or costs too far apart for beta.
    """
    check_problem(cost, text_mask, image_mask)
    cost = cost.detach().to(torch.promote_types(cost.dtype, torch.float32)).contiguous()
    b, l, n = cost.shape
    text = np.ones((b, l), bool) if text_mask is None else text_mask.contiguous().numpy()
    image = np.ones((b, n), bool) if image_mask is None else image_mask.contiguous().numpy()
    workers = max(1, min(torch.get_num_threads(), b, cost.numel() * iterations // _WORTH_A_THREAD))
    shares = min(b, 8 * workers) if workers > 1 else 1
    ranges = [_DOUBLE]
    if cost.dtype == torch.float32 and iterations <= _SHORT:
        ranges.insert(0, _SINGLE)
    for limits in ranges:
        costs = cost.numpy().astype(np.float32 if limits is _SINGLE else np.float64, copy=False)
        plans = np.zeros_like(costs)
        solve_share = partial(
            _solve_share, costs, text, image, float(beta), int(iterations), limits, plans, shares
        )
        if _all(solve_share, shares, workers):
            return torch.from_numpy(plans.astype(cost.numpy().dtype, copy=False))
    return None


def _all(solve_share: Callable[[int], bool], shares: int, workers: int) -> bool:
    """Whether every share is solved; this thread is one of the workers."""
    # The others are our own: numba's must not be called from several of a server's at once.
    left = iter(range(shares))

    def work() -> bool:
        return all(map(solve_share, left))

    if workers == 1:
        return work()
    with ThreadPoolExecutor(workers - 1) as pool:
        others = [pool.submit(work) for _ in range(workers - 1)]
        return work() and all(other.result() for other in others)


_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
# What Python does not call needs no wrapper, and compiles sooner without.
_INNER: dict[str, Any] = _OPTIONS | {"no_cpython_wrapper": True}

# Sums and maxima may be taken in any order, hence in lanes. Nothing is NaN: the costs are finite,
# and the floors keep every denominator above 0.
_part = njit(fastmath={"reassoc", "contract", "nsz", "nnan", "arcp"}, **_INNER)


def _entry(function):
    """Compile what Python calls, with all that it calls, and keep the outcome on disk."""
    try:
        return njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # neither the package's folder nor the user's own cache can be written to
        return njit(**_OPTIONS)(function)


@njit(fastmath={"contract"}, **_INNER)
@no_type_check
def _exp(x):
    """exp(x) for -708 < x < 709 to the last bit or two; no branch, so that it runs in lanes."""
    # x = k log 2 + r. The sum rounds to the integer k, and its lowest bits are k + 1023, which
    # eleven places higher are those of 2^k.
    shifted = x * 1.4426950408889634 + (1.5 * 2**52 + 1023)
    k = shifted - (1.5 * 2**52 + 1023)
    r = (x - k * 6.93147180369123816490e-01) - k * 1.90821492927058770002e-10
    p = 1 / 479001600
    p = p * r + 1 / 39916800
    p = p * r + 1 / 3628800
    p = p * r + 1 / 362880
    p = p * r + 1 / 40320
    p = p * r + 1 / 5040
    p = p * r + 1 / 720
    p = p * r + 1 / 120
    p = p * r + 1 / 24
    p = p * r + 1 / 6
    p = p * r + 1 / 2
    p = p * r + 1
    p = p * r + 1
    return p * np.int64(np.float64(shifted).view(np.int64) << 52).view(np.float64)


@_part
@no_type_check
def _one_row(i, K, A, v, floor, over_u, weights, totals):
    """Scale a row, sharpen it, and add it to the column sums with its weight, u * sigma."""
    l, n = K.shape
    total = K.dtype.type(0)
    for j in range(n):
        total += K[i, j] * v[j]
    last, over_u[i] = over_u[i], l * total
    weights[i] = last / (l * total) ** 2
    weight = weights[i]
    for j in range(n):
        entry = max(K[i, j] * A[i, j], floor)
        K[i, j] = entry
        totals[j] += weight * entry


@_part
@no_type_check
def _two_rows(i, K, A, v, floor, over_u, weights, totals):
    """``_one_row`` for a row and the next: they share the loads and the wait for a division."""
    l, n = K.shape
    total, next_total = K.dtype.type(0), K.dtype.type(0)
    for j in range(n):
        total += K[i, j] * v[j]
        next_total += K[i + 1, j] * v[j]
    last, over_u[i] = over_u[i], l * total
    next_last, over_u[i + 1] = over_u[i + 1], l * next_total
    weights[i], weights[i + 1] = last / (l * total) ** 2, next_last / (l * next_total) ** 2
    weight, next_weight = weights[i], weights[i + 1]
    for j in range(n):
        entry = max(K[i, j] * A[i, j], floor)
        next_entry = max(K[i + 1, j] * A[i + 1, j], floor)
        K[i, j], K[i + 1, j] = entry, next_entry
        totals[j] += weight * entry + next_weight * next_entry


@_part
@no_type_check
def _scale_rows(K, A, v, floor, over_u, weights, totals):
    """The second half of an iteration, and K and its column sums for the next."""
    l = len(over_u)
    totals[:] = 0
    for i in range(0, l - 1, 2):
        _two_rows(i, K, A, v, floor, over_u, weights, totals)
    if l % 2:
        _one_row(l - 1, K, A, v, floor, over_u, weights, totals)


@_part
@no_type_check
def _scale_columns(totals, v, last_v):
    """The first half."""
    one, n = v.dtype.type(1), v.dtype.type(len(v))
    for j in range(len(v)):
        last_v[j] = v[j]
        v[j] = one / (n * totals[j])


@_part
@no_type_check
def _width(over_u, v):
    """How far from 1 u and v go, up or down."""
    least, greatest = over_u[0], over_u[0]
    for i in range(len(over_u)):
        least, greatest = min(least, over_u[i]), max(greatest, over_u[i])
    for j in range(len(v)):
        least, greatest = min(least, v[j]), max(greatest, v[j])
    return max(greatest, 1 / least)


@_part
@no_type_check
def _start(log_A, beta, f, g, weights):
    """Turn minus the costs into log A, and write its first diagonals, exp(f) and exp(g).

    They lift the greatest entry of every column, then of every row, to 1; return how far that is.
    The algorithm's sigma, before the first iteration the same for all rows, takes f back.
    """
    l, n = log_A.shape
    for j in range(n):
        g[j] = log_A[0, j]
    for i in range(1, l):
        for j in range(n):
            g[j] = max(g[j], log_A[i, j])
    cheapest, reach = g[0], 0.0
    for j in range(n):
        cheapest = max(cheapest, g[j])
    for j in range(n):
        g[j] = (cheapest - g[j]) * (1 / beta)
        reach = max(reach, g[j])
    for i in range(l):
        greatest = -np.inf
        for j in range(n):
            log_A[i, j] = (log_A[i, j] - cheapest) * (1 / beta)
            greatest = max(greatest, log_A[i, j] + g[j])
        f[i] = -greatest
        weights[i] = math.exp(greatest)
        reach = max(reach, f[i])
    return reach


@_part
@no_type_check
def _begin(log_A, f, g, weights, limits, A, K, totals):
    """Begin a stretch: A between its diagonals, K from T, which lies in it, and K's column sums.

    Return how many iterations the stretch may last.
    """
    l, n = K.shape
    greatest = math.log(limits.wide) / limits.longest
    log_floor, floor = math.log(limits.floor_of_A), K.dtype.type(limits.floor)
    totals[:] = 0
    for i in range(l):
        for j in range(n):
            greatest = max(greatest, log_A[i, j] + f[i] + g[j])
        for j in range(n):
            A[i, j] = _exp(max(log_A[i, j] + f[i] + g[j], log_floor))
        for j in range(n):
            K[i, j] = max(K[i, j] * A[i, j], floor)
            totals[j] += weights[i] * K[i, j]
    return math.ceil(math.log(limits.wide) / greatest)


@_part
@no_type_check
def _absorb(log_A, f, g, stretch, over_u, v, last_v, weights, limits, log_T, T):
    """End a stretch: T from its logarithm, and the last sigma and delta into the diagonals."""
    l, n = T.shape
    log_floor, column = math.log(limits.floor), np.empty(n)
    for j in range(n):
        column[j] = stretch * g[j] + math.log(v[j])
    for i in range(l):
        row = stretch * f[i] - math.log(over_u[i])
        for j in range(n):
            log_T[i, j] += stretch * log_A[i, j] + (row + column[j])
            T[i, j] = _exp(max(log_T[i, j], log_floor))
        f[i] += math.log(weights[i] * over_u[i])  # log sigma
        over_u[i], weights[i] = 1, 1
    for j in range(n):
        g[j] += math.log(v[j] / last_v[j])  # log delta
        v[j] = 1


@_part
@no_type_check
def _write_plan(K, v, rows, columns, over_u, plan):
    """The second half of the last iteration, and T = diag(u) K diag(v)."""
    l, n = K.shape
    dense = n == plan.shape[1]
    for i in range(l):
        total = K.dtype.type(0)
        for j in range(n):
            total += K[i, j] * v[j]
        over_u[i] = l * total
        u = 1 / (l * total)
        for j in range(n):
            plan[rows[i], j if dense else columns[j]] = u * K[i, j] * v[j]


@njit(**_INNER)
@no_type_check
def _real(mask):
    """The indices of the real ones."""
    found, count = np.empty(len(mask), np.int64), 0
    for index in range(len(mask)):
        if mask[index]:
            found[count] = index
            count += 1
    return found[:count]


@njit(**_INNER)
@no_type_check
def _solve_pair(cost, rows, columns, beta, iterations, limits, plan):
    """Fill the plan of a pair; False where that cannot be done."""
    l, n = len(rows), len(columns)
    log_A, log_T, f, g = np.empty((l, n)), np.empty((l, n)), np.empty(l), np.empty(n)
    A, K = np.empty((l, n), cost.dtype), np.empty((l, n), cost.dtype)
    over_u, weights = np.empty(l, cost.dtype), np.empty(l, cost.dtype)
    v, last_v = np.empty(n, cost.dtype), np.empty(n, cost.dtype)
    totals, floor = np.empty(n, cost.dtype), cost.dtype.type(limits.floor)
    dense, finite = n == cost.shape[1], 0
    for i in range(l):
        over_u[i] = 1
        for j in range(n):
            log_A[i, j] = -cost[rows[i], j if dense else columns[j]]
        for j in range(n):
            finite += math.isfinite(log_A[i, j])
        for j in range(n):
            log_T[i, j], K[i, j] = -math.log(l * n), 1 / (l * n)
    if finite < l * n:
        return False
    for j in range(n):
        v[j] = 1
    if _start(log_A, beta, f, g, weights) > _FURTHEST:
        return False
    longest = _begin(log_A, f, g, weights, limits, A, K, totals)
    stretch = 0.0
    for _ in range(iterations - 1):
        _scale_columns(totals, v, last_v)
        _scale_rows(K, A, v, floor, over_u, weights, totals)
        stretch += 1
        width = _width(over_u, v)
        if width > limits.too_wide:
            return False
        if width > limits.wide or stretch == longest:
            _absorb(log_A, f, g, stretch, over_u, v, last_v, weights, limits, log_T, K)
            longest = _begin(log_A, f, g, weights, limits, A, K, totals)
            stretch = 0.0
    _scale_columns(totals, v, last_v)
    _write_plan(K, v, rows, columns, over_u, plan)
    return _width(over_u, v) <= limits.too_wide


@_entry
@no_type_check
def _solve_share(costs, text, image, beta, iterations, limits, plans, step, first):
    """Fill the plan of every ``step``-th pair; False where that cannot be done."""
    for pair in range(first, len(costs), step):
        cost, rows, columns = costs[pair], _real(text[pair]), _real(image[pair])
        if not _solve_pair(cost, rows, columns, beta, iterations, limits, plans[pair]):
            return False
    return True
