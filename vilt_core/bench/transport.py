"""Word-patch alignment: our IPOT beside the published algorithm and POT's exact solver."""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from vilt_core.bench.peers import need, original_ipot
from vilt_core.bench.results import Row, machine, result
from vilt_core.bench.setting import Setting
from vilt_core.bench.timing import race
from vilt_core.transport import cosine_cost, ipot

_WIDTH = 32  # of the random states that words and patches are: few, so that costs differ
# (pairs, words, patches, iterations, beta): a heatmap, a training batch, and one for a GPU alone
CASES = ((1, 38, 144, 1000, 0.1), (64, 38, 200, 50, 0.5))
GPU_CASES = (*CASES, (4096, 38, 200, 50, 0.5))


def race_transport(setting: Setting) -> dict[str, Any]:
    """Race ``ipot`` on random costs. A rehearsal has fewer pairs."""
    where = machine(setting.device)
    rows, notes = [], []
    for pairs, words, patches, iterations, beta in GPU_CASES if setting.on_gpu else CASES:
        pairs = min(pairs, 2) if setting.rehearsal else pairs
        cost = random_cost(pairs, words, patches, device=setting.device)
        settings = {"beta": beta, "iterations": iterations}
        runs: dict[str, Callable[[], Tensor]] = {
            "ours": partial(ipot, cost, **settings),
            "the published algorithm": partial(original_ipot, cost, **settings),
        }
        if pairs == 1 and find_spec("ot") is not None:
            runs["POT, the exact optimum"] = partial(exact_plan, cost)
        plans = {name: run() for name, run in runs.items()}
        times = race(runs, device=setting.device, seconds=setting.seconds)
        rows += [
            Row(
                case=f"{pairs} x {words} words x {patches} patches, {iterations} iterations, "
                f"beta {beta}",
                ours_ms=times["ours"],
                peer=peer,
                peer_ms=times[peer],
                max_difference=float((plans["ours"] - plans[peer]).abs().max()),
            )
            for peer in runs
            if peer != "ours"
        ]
    if find_spec("ot") is None:
        notes.append("POT is not installed, so nothing was raced against the exact optimum.")
    return result("transport", where, rows, notes=notes)


def random_cost(
    pairs: int, words: int, patches: int, *, device: torch.device
) -> Float[Tensor, "b l n"]:
    """Cosine costs of random states, the same ones every time."""
    generator = torch.Generator().manual_seed(0)
    text, image = (
        torch.randn(pairs, count, _WIDTH, generator=generator).to(device)
        for count in (words, patches)
    )
    return cosine_cost(text, image)


def exact_plan(cost: Float[Tensor, "1 l n"]) -> Float[Tensor, "1 l n"]:
    """The optimum of the linear program, by POT's network simplex on the CPU."""
    ot = need("ot")
    _, l, n = cost.shape
    plan = ot.emd([1 / l] * l, [1 / n] * n, cost[0].double().cpu().numpy())
    return torch.from_numpy(plan)[None].to(cost)
