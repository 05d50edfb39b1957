"""What computes here, how busy it is and with which software: said beside whatever is measured."""

import os
import platform
from pathlib import Path

import torch

from vilt_core.layers.packed import has_bfloat16_units

_CPUINFO = Path("/proc/cpuinfo")


def hardware(device: torch.device | None = None) -> str:
    """What this machine computes on, in words."""
    if device is not None and device.type == "cuda":
        return f"one {torch.cuda.get_device_name(device)}"
    name = _of_processor("model name") or platform.processor() or platform.machine()
    # Clouds hide the model's number, so what torch makes of the processor is said as well.
    vectors = torch.backends.cpu.get_cpu_capability()
    units = "bfloat16 units" if has_bfloat16_units() else "no bfloat16 units"
    return f"{os.cpu_count()} CPU cores ({name}, {vectors}, {units})"


def versions() -> str:
    """Of Python and of torch."""
    return f"Python {platform.python_version()}, torch {torch.__version__}"


def company() -> str:
    """How busy the machine was until now: other work makes every number worse."""
    if not hasattr(os, "getloadavg"):
        return "load of the machine unknown"
    load = os.getloadavg()[0]
    busy = load > 0.3 * (os.cpu_count() or 1)
    note = ", so other work may have slowed this down" if busy else ", idle"
    return f"load average before {load:.2f}{note}"


def _of_processor(field: str) -> str:
    """The first line of this name in /proc/cpuinfo; nothing where there is none."""
    if not _CPUINFO.is_file():
        return ""
    lines = _CPUINFO.read_text(encoding="utf-8").splitlines()
    return next((text.partition(":")[2].strip() for text in lines if text.startswith(field)), "")


def checked_device(device: str) -> str:
    """The name "cpu" or "cuda", of which "auto" takes the better.

    Raises:
        ValueError: another name, or a GPU where there is none.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device != "cpu" and not (device == "cuda" and torch.cuda.is_available()):
        raise ValueError(f"device must be auto, cpu, or cuda where there is one, got {device!r}")
    return device
