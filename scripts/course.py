"""Run the notebooks of the course and write their pages, or check that the pages are still true.

    python scripts/course.py             # run all and write the .ipynb beside each source
    python scripts/course.py 01 zh/01    # these alone, the second one in Chinese
    python scripts/course.py --check 05  # run, write nothing, say what differs from what is written

The source of a notebook is the .py beside it, in jupytext's percent format. Every solution that its
exercises fold away is run too, after the last cell, and must pass the exercise's own checker.

A cell tagged "timed" tells what a clock told: of it a run gives the same words, and other numbers.

Each run says how long it took. Where pages are written, the seconds go to notebooks/times.json, and
from there to the table in the guide (notebooks/README.md).
"""

import argparse
import base64
import io
import json
import math
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import numpy as np
from nbclient import NotebookClient
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "notebooks"
TIMES = FOLDER / "times.json"  # seconds of every notebook's last written run, by its name
# The teacher's guides, with what their tables of times call a notebook, all of them, and seconds.
GUIDES = {
    FOLDER / "README.md": ("notebook", "all", "seconds"),
    FOLDER / "zh" / "README.md": ("笔记本", "合计", "秒"),
    FOLDER / "ja" / "README.md": ("ノートブック", "合計", "秒"),
}
LARGEST = 500_000  # bytes of a page
PATIENCE = 120  # seconds for one cell
TIMED = "timed"  # the tag of cells whose numbers are those of a clock
WIDGET = "application/vnd.jupyter.widget-view+json"  # means nothing without its kernel
_SOLUTION = re.compile(r"<details>.*?```python\n(.*?)```.*?</details>", re.DOTALL)
_EXERCISE = re.compile(r'^check\("(\d\d\.\d)"', re.MULTILINE)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")
_TABLE = re.compile(r"(?<=<!-- times -->\n)(?:\|.*\n)*")  # in the guide
_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")


def sources(names: list[str] | None = None) -> list[Path]:
    """The sources of the course in order, translations last, or of those that are named.

    Raises:
        SystemExit: A name that no notebook has.
    """
    found = {name_of(path): path for path in sorted(FOLDER.glob("[0-9][0-9]-*.py"))}
    found |= {name_of(path): path for path in sorted(FOLDER.glob("[a-z][a-z]/[0-9][0-9]-*.py"))}
    if not names:
        return list(found.values())
    if unknown := [name for name in names if name not in found]:
        raise SystemExit(f"there is no notebook {', '.join(unknown)} in {FOLDER}")
    return [path for name, path in found.items() if name in names]


def name_of(source: Path) -> str:
    """The number of a notebook, such as "01", and of a translation its language too: "zh/01"."""
    return str(source.relative_to(FOLDER).with_name(source.name[:2]).as_posix())


def page_of(source: Path) -> Path:
    """The .ipynb of a source."""
    return source.with_suffix(".ipynb")


def read(source: Path) -> nbformat.NotebookNode:
    """A source as a notebook without outputs, the same whenever it is read."""
    notebook = jupytext.read(source)
    notebook.metadata = nbformat.from_dict(
        {
            "jupytext": {"formats": "ipynb,py:percent"},
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for place, cell in enumerate(notebook.cells):
        cell.id = f"cell-{place}"
    return notebook


def solutions(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """The code of every solution by the name of its exercise."""
    found = {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for code in _SOLUTION.findall(cell.source):
                for name in _EXERCISE.findall(code):
                    found[name] = code
    return found


def exercises(notebook: nbformat.NotebookNode) -> list[str]:
    """The names of the exercises that its cells check."""
    codes = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return [name for code in codes for name in _EXERCISE.findall(code)]


def executed(source: Path) -> nbformat.NotebookNode:
    """The notebook with the outputs of a clean run from top to bottom.

    Raises:
        CellExecutionError: A cell failed.
        ValueError: An exercise without a solution, or one that its checker does not pass; a page
            that is too large, or that tells an address in memory.
    """
    notebook = read(source)
    solved = solutions(notebook)
    if sorted(solved) != sorted(exercises(notebook)):
        raise ValueError(
            f"{source.name} checks the exercises {exercises(notebook)} and solves {sorted(solved)}"
        )
    length = len(notebook.cells)
    notebook.cells += [nbformat.v4.new_code_cell(code) for code in solved.values()]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "OMP_NUM_THREADS": "1",  # so that sums come in one order
    }
    client = NotebookClient(
        notebook,
        timeout=PATIENCE,
        record_timing=False,
        coalesce_streams=True,  # however a slow cell's words arrive
        kernel_name="python3",
        resources={"metadata": {"path": str(FOLDER)}},
    )
    client.execute(env=environment)
    for name, cell in zip(solved, notebook.cells[length:], strict=True):
        told = "".join(output.get("text", "") for output in cell.outputs)
        if f"{name}: right" not in told:
            raise ValueError(f"the solution of {name} in {source.name} is not right: {told}")
    notebook.cells = notebook.cells[:length]
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop(WIDGET, None)
    notebook.metadata = read(source).metadata  # the kernel tells its version, its widgets theirs
    page = nbformat.writes(notebook)
    if len(page) > LARGEST:
        raise ValueError(f"{source.name} gives a page of {len(page):,} bytes, at most {LARGEST:,}")
    if address := _ADDRESS.search(page):
        raise ValueError(f"a page of {source.name} tells an address in memory: {address[0]}")
    return notebook


# What differs


def differences(fresh: nbformat.NotebookNode, saved: nbformat.NotebookNode) -> list[str]:
    """What a saved page says that a fresh run does not, one line a cell.

    Numbers may differ as they do from one processor to another, pictures by a few shades; what a
    cell tells that is tagged "timed" is another thing each time but for its words.
    """
    if [c.source for c in fresh.cells] != [c.source for c in saved.cells]:
        return ["its cells are not those of its source"]
    found = []
    for place, (new, old) in enumerate(zip(fresh.cells, saved.cells, strict=True)):
        if new.cell_type != old.cell_type:
            found.append(f"cell {place} is {old.cell_type}, its source says {new.cell_type}")
            continue
        pair = list(new.get("outputs", ())), list(old.get("outputs", ()))
        if len(pair[0]) != len(pair[1]):
            found.append(f"cell {place} has {len(pair[1])} outputs, a run gives {len(pair[0])}")
            continue
        timed = TIMED in new.metadata.get("tags", ())
        for one, other in zip(*pair, strict=True):
            found += [f"cell {place}: {line}" for line in _unlike(one, other, timed=timed)]
    return found


def _unlike(new: Any, old: Any, *, timed: bool) -> Iterator[str]:
    if new.output_type != old.output_type:
        yield f"a {old.output_type} is saved, a run gives a {new.output_type}"
        return
    if new.output_type == "stream":
        if not (alike_words if timed else alike_text)(new.text, old.text):
            yield f"{old.text!r} is saved, a run says {new.text!r}"
        return
    if set(new.get("data", {})) != set(old.get("data", {})):
        yield f"{sorted(old.data)} is saved, a run gives {sorted(new.data)}"
        return
    for kind, value in () if timed else new.data.items():
        if kind == "image/png":
            alike = alike_pictures(value, old.data[kind])
        elif kind.endswith("json"):
            alike = alike_json(value, old.data[kind])
        else:
            alike = alike_text(value, old.data[kind])
        if not alike:
            yield f"its {kind} is not what a run gives"


def alike_text(new: str, old: str) -> bool:
    """The same words, and numbers that differ by 2 % or one in their last digit at most."""
    if _NUMBER.sub("#", new) != _NUMBER.sub("#", old):
        return False
    pairs = zip(_NUMBER.findall(new), _NUMBER.findall(old), strict=True)
    return all(_close(a, b) for a, b in pairs)


def alike_words(new: str, old: str) -> bool:
    """The same words, whatever the numbers between them, and however wide these are."""
    return _NUMBER.sub("#", new).split() == _NUMBER.sub("#", old).split()


def _close(new: str, old: str) -> bool:
    digits = len(old.partition(".")[2].partition("e")[0])
    step = 10.0**-digits if "." in old and "e" not in old else 0.0
    return math.isclose(float(new), float(old), rel_tol=0.02, abs_tol=1.01 * step)


def alike_pictures(new: str, old: str) -> bool:
    """Pictures of one size that differ by 3 of 255 shades on average at most."""
    one, other = (
        np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"), dtype=float)
        for data in (new, old)
    )
    return one.shape == other.shape and float(np.abs(one - other).mean()) <= 3


def alike_json(new: Any, old: Any) -> bool:
    """The same tree, with numbers alike; plotly packs arrays in base64."""
    if isinstance(new, dict) and isinstance(old, dict):
        if set(new) != set(old):
            return False
        if set(new) >= {"bdata", "dtype"}:
            return new["dtype"] == old["dtype"] and _alike_arrays(new, old)
        return all(alike_json(new[key], old[key]) for key in new)
    if isinstance(new, list) and isinstance(old, list):
        return len(new) == len(old) and all(map(alike_json, new, old))
    if isinstance(new, int | float) and isinstance(old, int | float):
        return math.isclose(new, old, rel_tol=0.02, abs_tol=1e-4)
    return new == old


def _alike_arrays(new: dict, old: dict) -> bool:
    one, other = (
        np.frombuffer(base64.b64decode(held["bdata"]), dtype=held["dtype"]) for held in (new, old)
    )
    if one.shape != other.shape:
        return False
    reach = float(np.abs(other).max(initial=0.0))
    return bool(np.allclose(one, other, rtol=0.02, atol=1e-3 * reach))


def check(source: Path) -> list[str]:
    """What is wrong with a notebook's saved page; nothing where it is as a run would write it."""
    page = page_of(source)
    if not page.is_file():
        return [f"{page.name} is missing"]
    saved = nbformat.read(page, as_version=4)
    nbformat.validate(saved)
    return differences(executed(source), saved)


# How long


def clocks() -> tuple[float, float]:
    """Seconds on the clock, and those that cores have worked for ended kernels and for this."""
    spent = os.times()
    worked = spent.user + spent.system + spent.children_user + spent.children_system
    return time.monotonic(), worked


def table(times: dict[str, float], words: tuple[str, str, str]) -> str:
    """A guide's table: seconds of a core for every notebook of the course, and for all."""
    notebook, every, unit = words
    kept = {name: seconds for name, seconds in sorted(times.items()) if "/" not in name}
    rows = (
        [notebook, *(str(int(name)) for name in kept), every],
        ["---", *["---:"] * (len(kept) + 1)],
        [unit, *(f"{seconds:.0f}" for seconds in kept.values()), f"{sum(kept.values()):.0f}"],
    )
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def note_time(source: Path, seconds: float) -> None:
    """Write down how long a notebook took, and renew the guides' tables."""
    times = json.loads(TIMES.read_text(encoding="utf-8")) if TIMES.is_file() else {}
    times[name_of(source)] = round(seconds, 1)
    TIMES.write_text(json.dumps(times, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    for guide, words in GUIDES.items():
        new = table(times, words)
        text = guide.read_text(encoding="utf-8")
        guide.write_text(_TABLE.sub(lambda _, new=new: new, text), encoding="utf-8")


def took(before: tuple[float, float]) -> str:
    """In words, the seconds since then."""
    clock, worked = (now - then for now, then in zip(clocks(), before, strict=True))
    return f"{clock:.0f} s on the clock, {worked:.0f} s of a core"


def main() -> int:
    """Run what is asked for; 0 where all is well."""
    parser = argparse.ArgumentParser(description="Run the notebooks and write their pages.")
    parser.add_argument("numbers", nargs="*", help="of the notebooks: 01 zh/01; all by default")
    parser.add_argument("--check", action="store_true", help="write nothing, say what differs")
    asked = parser.parse_args()
    wrong, begun = 0, clocks()
    for source in sources(asked.numbers):
        before, name = clocks(), source.relative_to(FOLDER).with_suffix("")
        if asked.check:
            told = check(source)
            wrong += len(told)
            said = "\n".join(f"{name}: {line}" for line in told) or f"{name}: true"
        else:
            page = nbformat.writes(executed(source))
            page_of(source).write_text(page + "\n", encoding="utf-8")
            note_time(source, clocks()[1] - before[1])
            said = f"{name}: {len(page):,} bytes"
        print(f"{said}, {took(before)}", flush=True)
    print(f"all: {took(begun)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
