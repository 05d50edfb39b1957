"""How the benchmarks of this folder say what they measured: a table, JSON, docs/benchmarks.md."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs" / "benchmarks.md"
_HEADING = """# Benchmarks

Each table is what the command above it measured. Those of `python -m vilt_core bench` come here
from its `--json FILE` by `python benchmarks/published.py FILE`; the others write themselves.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One number, or a word that judges some."""

    case: str
    value: float | str
    unit: str
    wanted: str = ""  # what the project promises, where it does: "at least 1,000"


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
        machine: what it was measured on and with.
        busy: how busy that was.
        to: a file for the JSON.
    """
    text = f"{machine}; {busy}.\n\n{table(rows)}"
    print(f"\n{text}")
    write_section(name, command, text)
    if to is not None:
        found = {"hardware": machine, "company": busy, "rows": [asdict(row) for row in rows]}
        to.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def write_section(name: str, command: str, text: str) -> None:
    """Put a section into docs/benchmarks.md, where the one of this name was or at the end."""
    section = f"## {name}\n\n    {command}\n\n{text}\n"
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
    text = DOCS.read_text(encoding="utf-8") if DOCS.is_file() else _HEADING
    before, found, rest = text.partition(begin)
    after = rest.partition(end)[2] if found else ""
    if not found:
        before += "\n"
    DOCS.parent.mkdir(exist_ok=True)
    DOCS.write_text(f"{before}{begin}{section}{end}{after}", encoding="utf-8")


def _number(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
