"""Races: the lab beside what people use today, with the same weights, inputs and machine.

found = bench("inference", device="cpu")
print(markdown(found))
"""

from collections.abc import Callable
from typing import Any

from vilt_core.bench.inference import race_inference
from vilt_core.bench.results import markdown
from vilt_core.bench.scoring import race_scoring
from vilt_core.bench.setting import Setting, setting_of
from vilt_core.bench.throughput import measure_throughput
from vilt_core.bench.training import race_training
from vilt_core.bench.transport import race_transport

__all__ = ["BENCHES", "Setting", "bench", "markdown", "setting_of"]

BENCHES: dict[str, Callable[[Setting], dict[str, Any]]] = {
    "inference": race_inference,
    "transport": race_transport,
    "training": race_training,
    "scoring": race_scoring,
    "throughput": measure_throughput,
}


def bench(
    name: str,
    *,
    device: str = "auto",
    seconds: float = 10.0,
    limit: int = 1000,
    rehearsal: bool = False,
) -> dict[str, Any]:
    """Run one of ``BENCHES``.

    Args:
        name: Which.
        device: "cpu", "cuda" or "auto", which is the GPU where there is one.
        seconds: For each case, beyond the rounds that are run anyway.
        limit: Pictures, and texts, that are scored.
        rehearsal: Use a tiny model, to see that everything runs; its times mean nothing.

    Returns:
        {"bench", "hardware", "software", "threads", "company", "rows": [{"case", "ours_ms", "peer",
        "peer_ms", "speedup", "max_difference"}], "notes"} and what else was measured: everything
        in it is JSON.

    Raises:
        ValueError: No such bench or device, or a peer that is not installed.
    """
    if name not in BENCHES:
        raise ValueError(f"bench must be one of {', '.join(BENCHES)}, got {name!r}")
    found = BENCHES[name](setting_of(device, seconds=seconds, limit=limit, rehearsal=rehearsal))
    if rehearsal:
        found["notes"].append("A rehearsal with a tiny model: its times mean nothing.")
    return found
