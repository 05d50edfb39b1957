"""What is needed next is made in the background, while a model is busy with what came before.

Threads do it: Pillow decodes and resizes without holding up Python's other work. What comes out,
and in which order, is what a plain loop gives; so is what is raised, and where.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

THREADS = min(8, os.cpu_count() or 1)

_Given = TypeVar("_Given")
_Made = TypeVar("_Made")


def ahead(
    make: Callable[[_Given], _Made], given: Iterable[_Given], *, most: int
) -> Iterator[_Made]:
    """``make`` of each, in order; those that follow are made meanwhile.

    Args:
        make: called in threads, on several at once.
        given: what it is called on, taken one by one.
        most: how many may be made or lie ready, at least one.
    """
    rest = iter(given)
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="ahead")
    try:
        begun: deque[Future[_Made]] = deque(pool.submit(make, one) for one in islice(rest, most))
        while begun:
            made = begun.popleft().result()
            begun.extend(pool.submit(make, one) for one in islice(rest, 1))
            yield made
    finally:
        pool.shutdown(cancel_futures=True)  # nobody asks for the rest
