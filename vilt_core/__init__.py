"""ViLT Lab: see, question, take apart and train a vision-and-language transformer.

``vilt_core.load`` opens a model; everything else hangs from the ``Predictor`` it returns. The names
below are imported on first use, so that ``import vilt_core`` takes no time.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vilt_core.explain.alignment import Alignment, AlignmentTrace
    from vilt_core.predictor import Answer, Fill, Predictor, load

_HOMES = {
    "Alignment": "vilt_core.explain.alignment",
    "AlignmentTrace": "vilt_core.explain.alignment",
    "Answer": "vilt_core.predictor",
    "Fill": "vilt_core.predictor",
    "Predictor": "vilt_core.predictor",
    "load": "vilt_core.predictor",
}

__all__ = ["Alignment", "AlignmentTrace", "Answer", "Fill", "Predictor", "load"]


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
