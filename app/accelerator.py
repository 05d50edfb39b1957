"""A GPU that is lent for the time of one call (ZeroGPU), where a Space of Hugging Face has one.

There a function that wants it must say so, by the package ``spaces``, and runs in a process of its
own, to which only what is handed to it goes: a name and a picture, and no model.
"""

import os
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

if TYPE_CHECKING:
    from vilt_core.predictor import Predictor

SECONDS = 20  # that a call may take: the less, the sooner it gets its turn
_WORTH_IT = 512  # width of a model from which on: small ones have answered before a GPU is lent
_TASKS = frozenset(("answer", "match", "score", "fill", "compare", "align"))

Given = ParamSpec("Given")
Result = TypeVar("Result")


def lent(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """A function that runs with a GPU where one is lent, and elsewhere as it is."""
    try:
        import spaces  # pyright: ignore[reportMissingImports]
    except ImportError:
        return function
    return spaces.GPU(function, duration=SECONDS)


def is_lent() -> bool:
    """Whether this is a Space with GPUs to lend; it says so."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def borrowing(predictor: "Predictor", source: str) -> "Predictor":
    """The predictor; where GPUs are lent, and it is worth the way, one that works on them.

    Args:
        predictor: it stays on the processor.
        source: what ``vilt_core.load`` opens it by.
    """
    wide = getattr(predictor.model.config, "width", 0) >= _WORTH_IT
    return cast("Predictor", Borrower(predictor, source)) if wide and is_lent() else predictor


class Borrower:
    """A predictor whose heavy work is done on a GPU that is lent; all else on the processor."""

    def __init__(self, predictor: "Predictor", source: str):
        self._predictor, self._source = predictor, source

    def __getattr__(self, name: str) -> Any:
        if name not in _TASKS:
            return getattr(self._predictor, name)

        def work(*given: Any, **settings: Any) -> Any:
            return compute(self._source, name, given, settings)

        return work


def _compute(source: str, task: str, given: tuple[Any, ...], settings: dict[str, Any]) -> Any:
    """One call of a predictor's method, by the model's name."""
    import torch

    if is_lent():
        torch.set_num_threads(1)  # threads of OpenMP do not answer in a process that was forked
    return getattr(_opened(source, "cuda" if is_lent() else "cpu"), task)(*given, **settings)


compute = lent(_compute)  # before the page is served: a Space looks for it then


@lru_cache(maxsize=4)
def _opened(source: str, device: str) -> "Predictor":
    import vilt_core

    return vilt_core.load(source, device=device)
