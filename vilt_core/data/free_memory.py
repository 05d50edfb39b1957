"""How much memory a process may take yet: what the machine has free, or what its container leaves.

A container, or a job of Slurm's, is a control group with a limit of its own; the machine's free
memory says nothing of it.
"""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

_TOLD, _GROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")  # of Linux
# The limit, what is taken, and what of that is of files and gives way, by the version of groups.
_VERSIONS = (
    ("memory.max", "memory.current", "inactive_file "),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "),
)


def free_memory() -> int:
    """Bytes that this process may take yet: of the machine, and of every limit that holds for it.

    No limit is known where there are no control groups, as outside of Linux.
    """
    try:
        told = _TOLD.read_text(encoding="utf-8")
    except OSError:
        told = ""
    return min([psutil.virtual_memory().available, *left_in(_GROUPS, told.splitlines())])


def left_in(root: Path, told: Iterable[str]) -> list[int]:
    """What is left of every limit that holds for a process, bytes.

    Args:
        root: where groups are: those of version 2, and ``memory`` of version 1.
        told: lines of ``/proc/PID/cgroup``: ``number:controllers:/the/group``. Within a container
            the group may be one of the outside, which is not there: the container's is ``root``.
    """
    left = []
    for _, controllers, name in (line.split(":", 2) for line in told):
        if "memory" in controllers.split(",") or not controllers:
            top = root / ("memory" if controllers else "")
            inside = Path(name.lstrip("/"))
            left += [one for group in (inside, *inside.parents) for one in _left(top / group)]
    return left


def _left(group: Path) -> list[int]:
    """What is left of a group's limit; nothing where it has none."""
    for limit, taken, gives_way in _VERSIONS:
        with suppress(OSError, ValueError):  # no such file, or "max"
            most, now = (int((group / name).read_text()) for name in (limit, taken))
            lines = (group / "memory.stat").read_text().splitlines()
            files = [int(line.split()[1]) for line in lines if line.startswith(gives_way)]
            return [max(most - now + sum(files), 0)]
    return []
