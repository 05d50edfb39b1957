"""How long a visitor waits: for the page after ``python app.py``, and for an answer.

python benchmarks/app.py [--model NAME] [--json FILE]
"""

import argparse
import os
import random
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from report import Row, tell  # noqa: E402

import vilt_core  # noqa: E402
from vilt_core.evaluation.machine import Company, hardware, versions  # noqa: E402
from vilt_core.world.questions import question  # noqa: E402
from vilt_core.world.rendering import paint  # noqa: E402
from vilt_core.world.scenes import scene  # noqa: E402

REPEATS = 50
PATIENCE = 120.0  # seconds, after which the page counts as broken
SIDE = 512  # of the pictures, pixels: as the page shows them


def milliseconds(
    work: Callable[[int], object], clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """The time of each of ``REPEATS`` calls, after some that do not count."""
    for index in range(5):
        work(index)
    found = []
    for index in range(5, 5 + REPEATS):
        begun = clock()
        work(index)
        found.append(1000 * (clock() - begun))
    return found


def answering(model: str) -> list[Row]:
    """A fresh question about a fresh scene each time, from pixels to probabilities."""
    predictor = vilt_core.load(model)
    draw = random.Random(0).random
    places = [scene(0, index, split="test") for index in range(REPEATS + 5)]
    pictures = [paint(place, SIDE).pixels for place in places]
    asked = [question(place, draw) for place in places]
    texts = ["what is this?" if one is None else one.text for one in asked]

    def answer(at: int) -> None:
        predictor.answer(pictures[at], texts[at])

    found = milliseconds(answer)
    traced = milliseconds(lambda at: predictor.align(pictures[at], "a cat and a dog", trace=True))
    # Threads that wait for each other spin, so that two of them say little on a busy machine.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    worked = milliseconds(answer, time.process_time)
    torch.set_num_threads(threads)
    return [
        Row(case="answer, median", value=statistics.median(found), unit="ms", wanted="at most 150"),
        Row(case="answer, slowest", value=max(found), unit="ms"),
        Row(
            case="answer on one thread, processor time, median",
            value=statistics.median(worked),
            unit="ms",
        ),
        Row(case="align with a trace, median", value=statistics.median(traced), unit="ms"),
    ]


def page_ready() -> float:
    """Seconds from ``python app.py`` to a page that is served whole.

    Raises:
        RuntimeError: the server ended, or took more than ``PATIENCE``.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = os.environ | {"GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1"}
    begun = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while time.perf_counter() - begun < PATIENCE:
            if server.poll() is not None:
                raise RuntimeError(f"python app.py ended with {server.returncode}")
            if _served(f"http://127.0.0.1:{port}/") and _served(f"http://127.0.0.1:{port}/config"):
                return time.perf_counter() - begun
            time.sleep(0.05)
        raise RuntimeError(f"no page after {PATIENCE:.0f} s")
    finally:
        server.terminate()
        server.wait()


def _served(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as reply:
            return reply.status == 200 and bool(reply.read())
    except (urllib.error.URLError, ConnectionError):
        return False


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="vilt-mini")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    machine, company = f"{hardware()}, {versions()}", Company()
    page_ready()  # fills the caches of the disk and of Python
    warm = min(page_ready() for _ in range(3))
    rows = [
        Row(case="page ready after python app.py", value=warm, unit="s", wanted="at most 8"),
        *answering(chosen.model),
    ]
    command = "python benchmarks/app.py"
    tell("The app", command, rows, machine=machine, busy=company.told(), to=chosen.json)


if __name__ == "__main__":
    main()
