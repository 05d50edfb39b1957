"""IPOT on a GPU in one Triton kernel: a pair is a program, its matrices stay in registers.

The algorithm as ``compiled`` tells it, in float32: K and A are on the chip from the first iteration
to the last, and memory is read and written once. The range of float32 is small, and so stretches
are short; between them the logarithm of T waits where the plan will be.
"""

from typing import no_type_check

import torch
import triton
import triton.language as tl
from jaxtyping import Bool, Float
from torch import Tensor

from vilt_core.transport.problem import check_problem

_LARGEST = 2**15  # entries of a pair, padding included, of which K and A stay on the chip


def solve(
    cost: Float[Tensor, "b l n"],
    text_mask: Bool[Tensor, "b l"] | None = None,
    image_mask: Bool[Tensor, "b n"] | None = None,
    *,
    beta: float,
    iterations: int,
) -> Float[Tensor, "b l n"] | None:
    """The plans of ``ipot`` with one inner step; None in float64, and for pairs too large."""
    check_problem(cost, text_mask, image_mask)
    b, l, n = cost.shape
    # 38 words are two blocks of 32 and 8 rows: a single one would have to be of 64.
    upper = max(1, triton.next_power_of_2(l) // 2)
    lower = triton.next_power_of_2(max(1, l - upper))
    columns = triton.next_power_of_2(n)
    if cost.dtype == torch.float64 or (upper + lower) * columns > _LARGEST:
        return None
    cost = cost.detach().float().contiguous()
    plan = torch.empty_like(cost)
    if b == 0:
        return plan
    lanes = min(32, columns)
    # K and A take 160 of a thread's 255 registers at 80 entries.
    warps = min(8, triton.next_power_of_2(triton.cdiv((upper + lower) * columns, 80 * 32)))
    with torch.cuda.device_of(cost):
        _solve_pair[(b,)](
            cost,
            cost.new_ones(b, l) if text_mask is None else text_mask.float().contiguous(),
            cost.new_ones(b, n) if image_mask is None else image_mask.float().contiguous(),
            plan,
            l,
            n,
            1 / beta,
            iterations,
            COLUMNS=columns // lanes,
            UPPER=triton.cdiv(upper, warps),
            LOWER=triton.cdiv(lower, warps),
            WARPS=warps,
            LANES=lanes,
            CHECK=4 if beta > 0.1 else 1,
            **{"num_warps": warps, "enable_fp_fusion": True},
        )
    return plan


@triton.jit
@no_type_check
def _sum_of_rows(x):
    return tl.sum(tl.sum(x, 0, keep_dims=True), 3, keep_dims=True)


@triton.jit
@no_type_check
def _sum_of_columns(x, y):
    both = tl.sum(x, 1, keep_dims=True) + tl.sum(y, 1, keep_dims=True)
    return tl.sum(both, 2, keep_dims=True)


@triton.jit
@no_type_check
def _max_of_rows(x):
    return tl.max(tl.max(x, 0, keep_dims=True), 3, keep_dims=True)


@triton.jit
@no_type_check
def _max_of_columns(x, y):
    both = tl.maximum(tl.max(x, 1, keep_dims=True), tl.max(y, 1, keep_dims=True))
    return tl.max(both, 2, keep_dims=True)


@triton.jit
@no_type_check
def _width(x, y, z):
    """How far from 1 the scalings go, up or down: the rows' x and y, and the columns' z."""
    rows = _max_of_columns(tl.maximum(x, 1 / x), tl.maximum(y, 1 / y))
    columns = _max_of_rows(tl.maximum(z, 1 / z))
    return tl.max(tl.maximum(rows, columns))


@triton.jit
@no_type_check
def _log_A(pointer, entry, real, cheapest, inverse_beta):
    cost = tl.load(pointer + entry, mask=real, other=float("inf"))
    return (cheapest - cost) * inverse_beta


@triton.jit
@no_type_check
def _scale_rows(K, v, words, padding, last_over_u):
    """1 / u, and what the rows weigh in the sums of the columns: u * sigma."""
    over_u = words * _sum_of_rows(K * v) + padding
    u = 1 / over_u
    return over_u, u * u * last_over_u


@triton.jit
@no_type_check
def _absorb(pointer, entry, real, log_A, stretch, over_u, over_v):
    """T at the end of a stretch, by its logarithm: entries that K has lost come back."""
    log_T = tl.load(pointer + entry, mask=real, other=-float("inf"))
    log_T += stretch * log_A - (tl.log(over_u) + tl.log(over_v))
    tl.store(pointer + entry, log_T, mask=real)
    return tl.exp(log_T)


@triton.jit(do_not_specialize=["l", "n", "iterations"])
@no_type_check
def _solve_pair(
    cost_pointer,
    text_pointer,
    image_pointer,
    plan_pointer,
    l,
    n,
    inverse_beta,
    iterations,
    COLUMNS: tl.constexpr,
    UPPER: tl.constexpr,
    LOWER: tl.constexpr,
    WARPS: tl.constexpr,
    LANES: tl.constexpr,
    CHECK: tl.constexpr,  # iterations between two looks at the range, after the first ones
):
    # The axes of a matrix, (COLUMNS, rows, WARPS, LANES), say how it is dealt out: a warp holds
    # whole rows, each of its threads every 32nd entry of them. A row or a column is a matrix with
    # 1 in place of some axes. The upper rows are called x, the lower ones y.
    pair = tl.program_id(0).to(tl.int64)
    cost_pointer += pair * l * n
    plan_pointer += pair * l * n
    lane = tl.arange(0, LANES)[None, None, None, :].to(tl.int64)
    warp = tl.arange(0, WARPS)[None, None, :, None].to(tl.int64)
    column = tl.arange(0, COLUMNS)[:, None, None, None] * LANES + lane
    x_row = tl.arange(0, UPPER)[None, :, None, None] * WARPS + warp
    y_row = tl.arange(UPPER, UPPER + LOWER)[None, :, None, None] * WARPS + warp
    x_text = tl.load(text_pointer + pair * l + x_row, mask=x_row < l, other=0.0)
    y_text = tl.load(text_pointer + pair * l + y_row, mask=y_row < l, other=0.0)
    image = tl.load(image_pointer + pair * n + column, mask=column < n, other=0.0)
    x_entry, x_real = x_row * n + column, x_text * image > 0
    y_entry, y_real = y_row * n + column, y_text * image > 0

    # Masses are 1 / words and 1 / patches. Padding has K = 0, and 1 for its u and v.
    words, patches = _sum_of_columns(x_text, y_text), _sum_of_rows(image)
    x_padding, y_padding, padding = 1 - x_text, 1 - y_text, 1 - image

    # The first diagonals of A, exp(f) and exp(g), lift the greatest entry of every column, then of
    # every row, to 1. The algorithm's sigma, at first the same for all rows, takes f back.
    x_cost = tl.load(cost_pointer + x_entry, mask=x_real, other=float("inf"))
    y_cost = tl.load(cost_pointer + y_entry, mask=y_real, other=float("inf"))
    cheapest = -_max_of_rows(_max_of_columns(-x_cost, -y_cost))
    x_log_A, y_log_A = (cheapest - x_cost) * inverse_beta, (cheapest - y_cost) * inverse_beta
    g = tl.where(padding > 0, 0.0, -_max_of_columns(x_log_A, y_log_A))
    x_f = tl.where(x_padding > 0, 0.0, -_max_of_rows(x_log_A + g))
    y_f = tl.where(y_padding > 0, 0.0, -_max_of_rows(y_log_A + g))
    x_weight, y_weight = tl.exp(-x_f), tl.exp(-y_f)
    x_A, y_A = tl.exp(x_log_A + x_f + g), tl.exp(y_log_A + y_f + g)
    reach = tl.maximum(_max_of_rows(g), _max_of_columns(x_f, y_f))
    x_K, y_K = tl.where(reach > 709.0, float("nan"), x_A), y_A
    tl.store(plan_pointer + x_entry, x_A * 0, mask=x_real)  # log T
    tl.store(plan_pointer + y_entry, y_A * 0, mask=y_real)

    over_xu, over_yu, over_v = x_text * 0 + 1, y_text * 0 + 1, image * 0 + 1  # 1 / u and 1 / v
    stretch, longest = 0.0, 32.0
    for iteration in range(iterations):
        last_xu, last_yu, last_v = over_xu, over_yu, over_v
        over_v = patches * _sum_of_columns(x_K * x_weight, y_K * y_weight) + padding
        v = 1 / over_v
        over_xu, x_weight = _scale_rows(x_K, v, words, x_padding, last_xu)
        over_yu, y_weight = _scale_rows(y_K, v, words, y_padding, last_yu)
        stretch += 1
        if iteration < iterations - 1:
            wide = stretch >= longest
            if (iteration < 8) | (iteration % CHECK == 0):
                wide = wide | (_width(over_xu, over_yu, over_v) > 1e8)
            if wide:
                x_log_A = _log_A(cost_pointer, x_entry, x_real, cheapest, inverse_beta)
                y_log_A = _log_A(cost_pointer, y_entry, y_real, cheapest, inverse_beta)
                x_K = _absorb(
                    plan_pointer, x_entry, x_real, x_log_A + x_f + g, stretch, over_xu, over_v
                )
                y_K = _absorb(
                    plan_pointer, y_entry, y_real, y_log_A + y_f + g, stretch, over_yu, over_v
                )
                x_f += tl.log(last_xu / over_xu)
                y_f += tl.log(last_yu / over_yu)
                g += tl.log(last_v / over_v)
                x_log_A += x_f + g
                y_log_A += y_f + g
                x_A, y_A = tl.exp(x_log_A), tl.exp(y_log_A)
                # What K has lost may rise by no more than exp(18) until T is written again.
                rise = tl.max(_max_of_rows(_max_of_columns(x_log_A, y_log_A)))
                longest = tl.minimum(32.0, 18.0 / tl.maximum(rise, 0.1))
                over_xu, over_yu, over_v = x_text * 0 + 1, y_text * 0 + 1, image * 0 + 1
                x_weight, y_weight = x_text * 0 + 1, y_text * 0 + 1
                stretch = 0.0
            x_K *= x_A
            y_K *= y_A
    tl.store(plan_pointer + x_entry, x_K / (over_xu * over_v), mask=(x_row < l) & (column < n))
    tl.store(plan_pointer + y_entry, y_K / (over_yu * over_v), mask=(y_row < l) & (column < n))
