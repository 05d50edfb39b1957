"""What computes here, how busy it is and with which software: said beside whatever is measured."""

import os
import platform
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from vilt_core.layers.packed import has_bfloat16_units

_CPUINFO = Path("/proc/cpuinfo")
_SLOWS = 0.05  # of all processors, taken by others: less than that is a system's own housekeeping


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


class Company:
    """How busy others keep this machine, from now on: their work makes every number worse.

    Ours is the work of this process and of those that it started. Processes of other containers
    count where the system shows them.
    """

    def __init__(self):
        self._before = _spent()
        self._began = time.monotonic()

    def told(self) -> str:
        """What others took of the processors until now, in words."""
        before, after = self._before, _spent()
        room = (time.monotonic() - self._began) * (os.cpu_count() or 1)
        others = (after.machine - before.machine) - (after.ours - before.ours)
        share = min(max(others / room, 0.0), 1.0)
        note = ", which may have slowed this down" if share > _SLOWS else ""
        return f"other work took {100 * share:.0f}% of the processors meanwhile{note}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spent:
    """Seconds of processors until now."""

    machine: float
    ours: float


def _spent() -> _Spent:
    whole = psutil.cpu_times()
    idle = whole.idle + getattr(whole, "iowait", 0.0)
    # Linux counts what guests take twice: as theirs, and as work of programs.
    twice = getattr(whole, "guest", 0.0) + getattr(whole, "guest_nice", 0.0)
    ours = 0.0
    me = psutil.Process()
    for process in (me, *me.children(recursive=True)):
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):  # it ended just now
            took = process.cpu_times()
            ours += took.user + took.system + took.children_user + took.children_system
    return _Spent(machine=sum(whole) - idle - twice, ours=ours)


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
