"""The fused kernel gives the plans of the CPU: interpreted, and on a GPU where there is one."""

import os
import subprocess
import sys

import pytest
import torch
from torch.testing import assert_close

from vilt_core.transport import cosine_cost, ipot

fused = pytest.importorskip("vilt_core.transport.fused", reason="triton is not installed")

SOLVE = """
import sys
import torch
from vilt_core.transport.fused import solve
folder = sys.argv[1]
problems = torch.load(f"{folder}/problems.pt")
torch.save([solve(*one, **settings) for one, settings in problems], f"{folder}/plans.pt")
"""


def problem(seed, *, b, l, n, kinds=None, masked=True):
    draw = torch.Generator().manual_seed(seed)
    centres = torch.randn(kinds or 1, 16, generator=draw)

    def scattered(count):
        kind = torch.randint(kinds or 1, (b, count), generator=draw)
        noise = torch.randn(b, count, 16, generator=draw)
        return centres[kind] + 0.4 * noise if kinds else noise

    def ragged(count):
        mask = torch.rand(b, count, generator=draw) < 0.7
        mask[:, torch.randint(count, (), generator=draw)] = True
        return mask

    return cosine_cost(scattered(l), scattered(n)), *((ragged(l), ragged(n)) if masked else ())


PROBLEMS = {
    "one pair": (problem(0, b=1, l=5, n=7, masked=False), {"beta": 0.5, "iterations": 12}),
    "padding": (problem(1, b=3, l=6, n=9), {"beta": 0.5, "iterations": 10}),
    "a word, a patch": (problem(2, b=2, l=1, n=1), {"beta": 0.5, "iterations": 2}),
    "one word": (problem(3, b=1, l=1, n=5), {"beta": 0.5, "iterations": 3}),
    "one patch": (problem(4, b=1, l=5, n=1), {"beta": 0.02, "iterations": 3}),
    "one iteration": (problem(5, b=2, l=3, n=4), {"beta": 0.5, "iterations": 1}),
    "several warps": (problem(6, b=1, l=38, n=144), {"beta": 0.1, "iterations": 4}),
    "small beta": (problem(7, b=1, l=8, n=12, kinds=3), {"beta": 0.03, "iterations": 30}),
    "long stretches": (problem(8, b=1, l=3, n=4), {"beta": 2.0, "iterations": 80}),
}


def spoiled():
    """Two pairs of which the second has no plan, by its costs; and by their range over beta."""
    cost, far = problem(9, b=2, l=3, n=4, masked=False)[0], torch.ones(2, 3, 4)
    cost[1, 2, 3] = torch.nan
    far[1, 0] = 0
    return [((cost,), {"beta": 0.5, "iterations": 3}), ((far,), {"beta": 1e-3, "iterations": 3})]


@pytest.fixture(scope="module")
def plans(tmp_path_factory):
    """By Triton's interpreter, which has to be chosen before triton is imported."""
    folder = tmp_path_factory.mktemp("fused")
    torch.save([*PROBLEMS.values(), *spoiled()], folder / "problems.pt")
    subprocess.run(
        [sys.executable, "-c", SOLVE, str(folder)],
        env=os.environ | {"TRITON_INTERPRET": "1"},
        check=True,
        capture_output=True,
    )
    return dict(zip([*PROBLEMS, "costs", "range"], torch.load(folder / "plans.pt"), strict=True))


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_plans_are_those_of_the_cpu(plans, name):
    arguments, settings = PROBLEMS[name]
    assert plans[name].dtype == torch.float32
    assert_close(plans[name], ipot(*arguments, **settings), atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", [name for name, (one, _) in PROBLEMS.items() if len(one) == 3])
def test_padding_gets_exactly_nothing(plans, name):
    (_, text_mask, image_mask), _ = PROBLEMS[name]
    assert (plans[name][~(text_mask[:, :, None] & image_mask[:, None, :])] == 0).all()


@pytest.mark.parametrize("name", ["costs", "range"])
def test_a_pair_that_has_no_plan_gets_nan_and_the_others_theirs(plans, name):
    assert plans[name][0].isfinite().all()
    assert plans[name][1].isnan().all()


def test_float64_and_large_pairs_are_handed_back():
    settings = {"beta": 0.5, "iterations": 5}
    assert fused.solve(torch.rand(1, 3, 4, dtype=torch.float64), **settings) is None
    assert fused.solve(torch.rand(1, 64, 1024), **settings) is None


def test_no_pairs_give_no_plans():
    assert fused.solve(torch.rand(0, 3, 4), beta=0.5, iterations=5).shape == (0, 3, 4)


@pytest.mark.slow
@pytest.mark.parametrize("block", [(8, 1, 1, 1, 32), (8, 8, 2, 4, 32), (1, 2, 2, 1, 16)])
def test_it_compiles_for_a_gpu_that_is_not_there(block):
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource, compile

    kernel = fused._solve_pair
    types = dict.fromkeys(kernel.arg_names[:4], "*fp32") | {"l": "i32", "n": "i32"}
    types |= {"inverse_beta": "fp32", "iterations": "i32"}
    constants = dict(zip(("COLUMNS", "UPPER", "LOWER", "WARPS", "LANES"), block, strict=True))
    constants["CHECK"] = 4
    compiled = compile(
        ASTSource(kernel, types | dict.fromkeys(constants, "constexpr"), constants),
        target=GPUTarget("cuda", 90, 32),
        options={"num_warps": block[3], "enable_fp_fusion": True},
    )
    assert compiled.asm["cubin"]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    ("b", "l", "n", "beta", "iterations"),
    [
        (1, 1, 1, 0.5, 3),
        (3, 2, 500, 0.5, 50),
        (5, 40, 600, 0.5, 50),
        (2, 38, 144, 0.1, 1000),
        (4096, 38, 200, 0.5, 50),
        (2, 12, 64, 0.02, 100),
        (1, 80, 900, 0.5, 20),
    ],
)
def test_a_gpu_gives_the_plans_of_the_cpu(b, l, n, beta, iterations, masked):
    arguments = problem(0, b=b, l=l, n=n, masked=masked)
    settings = {"beta": beta, "iterations": iterations}
    plan = ipot(*(argument.cuda() for argument in arguments), **settings)
    assert_close(plan.cpu(), ipot(*arguments, **settings), atol=1e-6, rtol=0)
    again = ipot(*(argument.cuda() for argument in arguments), **settings)
    assert torch.equal(plan, again)
