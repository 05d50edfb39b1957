"""Scenes a second of the sticker world, rendered, with captions and questions.

python benchmarks/world.py [--scenes N] [--size PIXELS] [--json FILE]
"""

import argparse
import multiprocessing
import os
import random
import sys
import time
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one process, one core
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from report import Row, tell

from vilt_core.evaluation.machine import Company, hardware, versions
from vilt_core.world.captions import caption
from vilt_core.world.questions import questions
from vilt_core.world.rendering import paint, paint_batch
from vilt_core.world.scenes import scene

WARM_UP = 400  # scenes: by then every atlas is unpacked and most stickers have been met
BATCH = 32  # pictures
ROUNDS = 3  # of which the fastest counts: whatever else runs only ever slows one down


def make(index: int, size: int) -> None:
    """What a training example of each kind costs together: picture, caption and two questions."""
    draw = random.Random(index).random
    place = scene(0, index)
    paint(place, size)
    caption(place, draw)
    questions(place, draw, count=2)


def rate(work: Callable[[int], object], count: int) -> float:
    """How often a second of this process's own processor time, which other work leaves alone."""
    for index in range(WARM_UP):
        work(index)
    fastest = float("inf")
    for _ in range(ROUNDS):
        begun = time.process_time()
        for index in range(WARM_UP, WARM_UP + count):
            work(index)
        fastest = min(fastest, time.process_time() - begun)
    return count / fastest


def parts(count: int, size: int) -> list[Row]:
    """What everything, and each step on its own, costs a processor."""
    places = [scene(0, index) for index in range(WARM_UP + count + BATCH)]
    draw = random.Random(0).random

    def batched(index: int) -> None:
        if index % BATCH == 0:
            paint_batch(places[index : index + BATCH], size)

    cases: dict[str, Callable[[int], object]] = {
        "all of it": lambda index: make(index, size),
        "scene": lambda index: scene(0, index),
        "picture": lambda index: paint(places[index], size),
        f"picture, {BATCH} at a time in torch": batched,
        "caption": lambda index: caption(places[index], draw),
        "two questions": lambda index: questions(places[index], draw, count=2),
    }
    unit = "a processor second"
    return [Row(case=case, value=rate(work, count), unit=unit) for case, work in cases.items()]


def _worker(count: int, size: int, start: int, ready: Barrier) -> None:
    for index in range(WARM_UP):
        make(index, size)
    for _ in range(ROUNDS):
        ready.wait()
        for index in range(start, start + count):
            make(index, size)
        ready.wait()


def together(processes: int, count: int, size: int) -> float:
    """Scenes a second of several processes, each warmed up before the clock starts."""
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(processes + 1)
    share = count // processes
    workers = [
        context.Process(target=_worker, args=(share, size, WARM_UP + at * share, ready))
        for at in range(processes)
    ]
    for worker in workers:
        worker.start()
    fastest = float("inf")
    for _ in range(ROUNDS):
        ready.wait()
        begun = time.perf_counter()
        ready.wait()
        fastest = min(fastest, time.perf_counter() - begun)
    for worker in workers:
        worker.join()
    return share * processes / fastest


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scenes", type=int, default=2000)
    parser.add_argument("--size", type=int, default=128, help="side of the pictures, pixels")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    machine, company = f"{hardware()}, {versions()}", Company()
    what = f"scene, picture {chosen.size} x {chosen.size}, caption and two questions"
    rows = [
        Row(
            case=f"{what}: {processes} process{'es' if processes > 1 else ''}",
            value=together(processes, chosen.scenes, chosen.size),
            unit="a second",
            wanted="at least 1,000" if processes == 2 else "",
        )
        for processes in (1, 2)
    ]
    rows += parts(chosen.scenes, chosen.size)
    command = "python benchmarks/world.py"
    tell("The sticker world", command, rows, machine=machine, busy=company.told(), to=chosen.json)


if __name__ == "__main__":
    main()
