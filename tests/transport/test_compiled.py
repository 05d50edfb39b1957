"""Compiled, IPOT gives the plans of the steps in torch, in any company and on any thread."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numba.core.caching
import pytest
import torch
from torch.testing import assert_close

from vilt_core.transport import compiled, cosine_cost, ipot, ipot_steps
from vilt_core.transport.trace import run


def problem(seed, *, b=1, l=None, n=None, kinds=None):
    """Words and patches of a few kinds, or of none, with ragged masks; in float64."""
    draw = torch.Generator().manual_seed(seed)
    l = l or int(torch.randint(1, 40, (), generator=draw))
    n = n or int(torch.randint(1, 200, (), generator=draw))
    centres = torch.randn(kinds or 1, 16, generator=draw, dtype=torch.float64)

    def scattered(count):
        kind = torch.randint(kinds or 1, (b, count), generator=draw)
        noise = torch.randn(b, count, 16, generator=draw, dtype=torch.float64)
        return centres[kind] + 0.4 * noise if kinds else noise

    def ragged(count):
        mask = torch.rand(b, count, generator=draw) < 0.7
        mask[:, torch.randint(count, (), generator=draw)] = True
        return mask

    return cosine_cost(scattered(l), scattered(n)), ragged(l), ragged(n)


def by_steps(*problem, beta, iterations):
    plan, _ = run(ipot_steps(*problem, beta=beta), iterations=iterations)
    return plan


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("seed", range(24))
def test_the_plans_are_those_of_the_steps(seed, masked):
    cost, *masks = problem(seed, b=2, kinds=3 if seed % 2 else None)
    beta = (0.02, 0.05, 0.2, 0.5, 2.0)[seed % 5]
    iterations = (1, 2, 7, 50, 300)[seed % 7 % 5]
    arguments = (cost, *masks) if masked else (cost,)
    expected = by_steps(*arguments, beta=beta, iterations=iterations)
    plan = compiled.solve(*arguments, beta=beta, iterations=iterations)
    assert plan is not None
    assert_close(plan, expected, atol=1e-10, rtol=0)


@pytest.mark.parametrize(
    ("l", "n", "beta", "iterations"),
    [
        (1, 1, 0.02, 50),
        (2, 500, 0.1, 300),
        (500, 2, 0.1, 300),
        (40, 600, 0.5, 100),
        (5, 9, 2.0, 20_000),
        (5, 9, 0.02, 20_000),
    ],
)
def test_sizes_and_lengths_at_the_edge(l, n, beta, iterations):
    cost, *masks = problem(0, l=l, n=n)
    expected = by_steps(cost, *masks, beta=beta, iterations=iterations)
    plan = compiled.solve(cost, *masks, beta=beta, iterations=iterations)
    assert plan is not None
    assert_close(plan, expected, atol=1e-9, rtol=0)


@pytest.mark.parametrize("seed", range(24))
def test_a_few_iterations_in_float32_stay_near_float64(seed):
    cost, *masks = problem(seed, b=2, kinds=4 if seed % 2 else None)
    settings = {"beta": (0.02, 0.1, 0.5, 2.0)[seed % 4], "iterations": (1, 2, 50, 100)[seed // 6]}
    single = ipot(cost.float(), *masks, **settings)
    double = ipot(cost.float().double(), *masks, **settings)
    assert single.dtype == torch.float32
    assert_close(single.double(), double, atol=2e-7, rtol=0)


def test_more_iterations_are_float64_rounded_once():
    cost, *masks = problem(1, b=3, kinds=3)
    settings = {"beta": 0.05, "iterations": 1 + compiled._SHORT}
    single = ipot(cost.float(), *masks, **settings)
    assert torch.equal(single, ipot(cost.float().double(), *masks, **settings).float())


def test_what_leaves_the_range_of_float32_is_float64_rounded_once(monkeypatch):
    cost, *masks = problem(1, b=3, kinds=3)
    monkeypatch.setattr(compiled, "_SINGLE", compiled._SINGLE._replace(too_wide=1.0))
    expected = ipot(cost.float().double(), *masks).float()
    assert torch.equal(ipot(cost.float(), *masks), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_neither_padding_nor_company_nor_threads_change_a_bit(dtype):
    cost, text_mask, image_mask = problem(2, b=12, l=30, n=120)
    cost, settings = cost.to(dtype), {"beta": 0.2, "iterations": 80}
    before = torch.get_num_threads()
    try:
        plans = []
        for threads in (1, 3):
            torch.set_num_threads(threads)
            plans.append(ipot(cost, text_mask, image_mask, **settings))
    finally:
        torch.set_num_threads(before)
    assert cost.numel() * settings["iterations"] > 3 * compiled._WORTH_A_THREAD
    assert torch.equal(*plans)
    for row, (words, patches) in enumerate(zip(text_mask, image_mask, strict=True)):
        alone = ipot(cost[row : row + 1, words][:, :, patches], **settings)
        assert torch.equal(plans[0][row, words][:, patches], alone[0])


def test_many_threads_may_call_at_once():
    problems = [problem(seed, b=2, l=12, n=60) for seed in range(16)]
    expected = [ipot(*one, iterations=200) for one in problems]
    with ThreadPoolExecutor(8) as pool:
        plans = list(pool.map(lambda one: ipot(*one, iterations=200), problems * 4))
    assert all(torch.equal(*pair) for pair in zip(plans, expected * 4, strict=True))


def test_no_pairs_give_no_plans():
    assert ipot(torch.rand(0, 3, 4)).shape == (0, 3, 4)


def test_the_layout_of_the_arguments_does_not_matter():
    cost, text_mask, image_mask = problem(3, b=2, l=8, n=20)
    expected = ipot(cost, text_mask, image_mask)
    strided = torch.stack([cost, cost], -1)[..., 0], text_mask.mT.contiguous().mT
    assert torch.equal(ipot(*strided, image_mask.expand(2, 20)), expected)
    with torch.inference_mode():
        assert torch.equal(ipot(cost.clone(), text_mask, image_mask), expected)


def test_what_cannot_be_solved_is_handed_back():
    cost, *masks = problem(4, l=8, n=20)
    assert compiled.solve(cost, *masks, beta=1e-4, iterations=5) is None
    cost[0, masks[0][0].nonzero()[0], masks[1][0].nonzero()[0]] = torch.inf
    assert compiled.solve(cost, *masks, beta=0.5, iterations=5) is None


def test_without_numba_torch_does_it(monkeypatch):
    cost, *masks = problem(5, b=2)
    expected = ipot(cost, *masks)
    fast_road = sys.modules["vilt_core.transport.ipot"]._fast_road
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "vilt_core.transport.compiled")
    monkeypatch.delattr("vilt_core.transport.compiled")
    fast_road.cache_clear()
    try:
        assert fast_road("cpu") is None
        plan = ipot(cost, *masks)
    finally:
        fast_road.cache_clear()
    assert torch.equal(plan, by_steps(cost, *masks, beta=0.5, iterations=50))
    assert_close(plan, expected, atol=1e-13, rtol=0)


def test_numba_and_triton_are_imported_on_first_use_alone():
    asked = subprocess.run(
        [sys.executable, "-c", "import sys, vilt_core.transport; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not {"numba", "triton"} & set(asked.stdout.split())


def test_a_cache_that_cannot_be_written_is_done_without(monkeypatch):
    monkeypatch.setattr(numba.core.caching.CompileResultCacheImpl, "_locator_classes", [])
    with pytest.raises(RuntimeError, match="cannot cache"):
        numba.njit(cache=True)(lambda x: x + 1)
    assert compiled._entry(lambda x: x + 1)(1) == 2


def test_under_torch_compile_the_steps_are_traced(monkeypatch):
    cost, *masks = problem(6, b=2)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    assert torch.equal(ipot(cost, *masks), by_steps(cost, *masks, beta=0.5, iterations=50))
