"""A fair race: everyone in turn, in one process, and the median of each counts."""

import statistics
import time
from collections.abc import Callable, Mapping

import torch

WARM_UP = 2  # rounds that do not count
LEAST = 3  # rounds that count


def race(
    contestants: Mapping[str, Callable[[], object]],
    *,
    device: torch.device,
    seconds: float,
    warm_up: int = WARM_UP,
    least: int = LEAST,
) -> dict[str, float]:
    """Median milliseconds of each contestant.

    They run one after the other, round after round, so that whatever else the machine does slows
    all of them.

    Args:
        contestants: By name, in the order in which they run.
        device: Where they compute; a GPU is waited for.
        seconds: After which no further round begins.
        warm_up: Rounds before the clock starts.
        least: Rounds that are run however long they take.
    """
    for _ in range(warm_up):
        for run in contestants.values():
            run()
    found: dict[str, list[float]] = {name: [] for name in contestants}
    begun, rounds = time.perf_counter(), 0
    while rounds < least or time.perf_counter() - begun < seconds:
        for name, run in contestants.items():
            found[name].append(milliseconds(run, device))
        rounds += 1
    return {name: statistics.median(times) for name, times in found.items()}


def milliseconds(run: Callable[[], object], device: torch.device) -> float:
    """How long one call takes, to the end of what it gave the GPU to do."""
    if device.type != "cuda":
        begun = time.perf_counter()
        run()
        return 1000 * (time.perf_counter() - begun)
    first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize(device)
    first.record()
    run()
    last.record()
    last.synchronize()
    return first.elapsed_time(last)
