"""How the benchmarks of this folder say what they measured: a table, JSON, docs/benchmarks.md."""

import json
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs" / "benchmarks.md"
_HEADING = "# Benchmarks\n\nEach table is written by the command above it.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One number."""

    case: str
    value: float
    unit: str
    wanted: str = ""  # what the project promises, where it does: "at least 1,000"


def hardware() -> str:
    """The processor and what of it this process may use."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    return f"{name}, {os.cpu_count()} cores, {versions}"


def company() -> str:
    """How busy the machine was before: other work makes every number worse."""
    if not hasattr(os, "getloadavg"):
        return "load of the machine unknown"
    load = os.getloadavg()[0]
    busy = load > 0.3 * (os.cpu_count() or 1)
    note = ", so other work was slowing this down" if busy else ", idle"
    return f"load average before {load:.2f}{note}"


def table(rows: list[Row]) -> str:
    """The rows in Markdown, which reads well in a terminal too."""
    cells = [("case", "measured", "unit", "promised")]
    cells += [(row.case, _number(row.value), row.unit, row.wanted) for row in rows]
    wide = [max(len(line[at]) for line in cells) for at in range(4)]
    lines = [
        f"| {a:<{wide[0]}} | {b:>{wide[1]}} | {c:<{wide[2]}} | {d:<{wide[3]}} |"
        for a, b, c, d in cells
    ]
    rule = f"|{'-' * (wide[0] + 2)}|{'-' * (wide[1] + 1)}:|" + "|".join(
        "-" * (width + 2) for width in wide[2:]
    )
    return "\n".join((lines[0], rule + "|", *lines[1:]))


def tell(name: str, command: str, rows: list[Row], *, machine: str, busy: str, to: Path | None):
    """Print the table, write it into docs/benchmarks.md, and as JSON where asked.

    Args:
        name: of the section in the document.
        command: that wrote it.
        rows: what was measured.
        machine: see ``hardware``.
        busy: see ``company``.
        to: a file for the JSON.
    """
    text = f"{machine}; {busy}.\n\n{table(rows)}"
    print(f"\n{text}")
    _write_section(name, f"## {name}\n\n    {command}\n\n{text}\n")
    if to is not None:
        found = {"hardware": machine, "company": busy, "rows": [asdict(row) for row in rows]}
        to.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _write_section(name: str, section: str) -> None:
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
    text = DOCS.read_text(encoding="utf-8") if DOCS.is_file() else _HEADING
    before, found, rest = text.partition(begin)
    after = rest.partition(end)[2] if found else ""
    if not found:
        before += "\n"
    DOCS.parent.mkdir(exist_ok=True)
    DOCS.write_text(f"{before}{begin}{section}{end}{after}", encoding="utf-8")
