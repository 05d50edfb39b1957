"""What a race found, as plain numbers for JSON and as a table for people."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import torch

from vilt_core.data.report import counted
from vilt_core.evaluation.machine import Company, hardware, versions
from vilt_core.evaluation.tables import table

_PEERS = {"transformers": "transformers", "ot": "POT"}  # by the names of their modules


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One race."""

    case: str
    ours_ms: float
    peer: str
    peer_ms: float
    max_difference: float | None  # between what both computed; None where they compute other things

    @property
    def speedup(self) -> float:
        """How many times faster we are."""
        return self.peer_ms / self.ours_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where and with what it is raced."""

    hardware: str
    software: str
    threads: int
    company: Company


def machine(device: torch.device) -> Machine:
    """The one that this runs on. Ask before the race: its company is watched from then on."""
    peers = [f"{name} {version(name)}" for module, name in _PEERS.items() if find_spec(module)]
    return Machine(
        hardware=hardware(device),
        software=", ".join([versions(), *peers]),
        threads=torch.get_num_threads(),
        company=Company(),
    )


def result(
    bench: str,
    where: Machine,
    rows: Sequence[Row],
    *,
    notes: Sequence[str] = (),
    **more: dict[str, Any],
) -> dict[str, Any]:
    """Everything in one, ready for JSON.

    Args:
        bench: Its name.
        where: See ``machine``.
        rows: The races.
        notes: Sentences that a reader of the table should know.
        more: Measurements that are no race, each under its name.
    """
    return {
        "bench": bench,
        "hardware": where.hardware,
        "software": where.software,
        "threads": where.threads,
        "company": where.company.told(),
        "rows": [asdict(row) | {"speedup": row.speedup} for row in rows],
        "notes": list(notes),
        **more,
    }


def told(found: dict[str, Any]) -> str:
    """On which machine a ``result`` was found, with what, and how busy it was."""
    threads = counted(found["threads"], "thread")
    return f"{found['hardware']}, {threads}; {found['software']}; {found['company']}"


def markdown(found: dict[str, Any]) -> str:
    """A ``result`` as a table that reads well in a terminal too."""
    head = f"{told(found)}."
    body = [
        [
            row["case"],
            row["peer"],
            _number(row["ours_ms"]),
            _number(row["peer_ms"]),
            f"{row['speedup']:.2f}",
            "-" if row["max_difference"] is None else f"{row['max_difference']:.1e}",
        ]
        for row in found["rows"]
    ]
    header = ["case", "against", "ours, ms", "theirs, ms", "times faster", "largest difference"]
    return "\n\n".join([head, table(header, body), *found["notes"]])


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
