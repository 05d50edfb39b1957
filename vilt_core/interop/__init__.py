"""Checkpoints in and out: ours, those of transformers, of the original code and of timm.

The names below are imported on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vilt_core.interop.bundle import Bundle
    from vilt_core.interop.huggingface import from_huggingface, to_huggingface
    from vilt_core.interop.opening import open_bundle
    from vilt_core.interop.original import from_original
    from vilt_core.interop.timm import from_timm

_HOMES = {
    "Bundle": "vilt_core.interop.bundle",
    "from_huggingface": "vilt_core.interop.huggingface",
    "from_original": "vilt_core.interop.original",
    "from_timm": "vilt_core.interop.timm",
    "open_bundle": "vilt_core.interop.opening",
    "to_huggingface": "vilt_core.interop.huggingface",
}

__all__ = [
    "Bundle",
    "from_huggingface",
    "from_original",
    "from_timm",
    "open_bundle",
    "to_huggingface",
]


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
