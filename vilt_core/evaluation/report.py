"""From measurements to pages: docs/results.md, its JSON and its plot, all written by one command.

python -m vilt_core evaluate MODEL --report docs
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure

from vilt_core.evaluation import TASKS
from vilt_core.evaluation.alignment import METHOD_NAMES
from vilt_core.evaluation.machine import hardware
from vilt_core.evaluation.meeting import meets
from vilt_core.evaluation.sections import MEASURES, score_sections, set_name
from vilt_core.evaluation.sets import WORLD
from vilt_core.evaluation.tables import fill, percent, table
from vilt_core.interop.bundle import Bundle
from vilt_core.models.vilt import Vilt
from vilt_core.viz.scores import method_bars

FIGURE = "alignment-methods.png"
LIMITS = {"retrieval": 100}  # pictures, each read with every caption: hours for 1,000 on two cores
REPORTED = ("vqa", "matching", "nlvr2", "retrieval", "alignment", "pointing", "places")
OPTIONAL = ("referring", "reasons")  # of models that were trained to them; else not spoken of
HEADS = {
    "vqa": ("vqa",),
    "matching": ("itm",),
    "nlvr2": ("nlvr2",),
    "retrieval": ("rank", "itm"),
    "referring": ("referring",),
    "reasons": ("choice",),
}  # of which a task needs one
SUMMARY: tuple[tuple[str, str, Callable[[dict[str, Any]], float | None]], ...] = (
    ("vqa", "questions answered", lambda r: r["accuracy"]),
    ("vqa", "without looking (text only)", lambda r: r["text_only"]),
    ("matching", "matched or not, random captions (chance 50)", lambda r: r["accuracy"]),
    ("matching", "matched or not, one word changed (chance 50)", lambda r: r["hard_negatives"]),
    ("nlvr2", "statements about two pictures", lambda r: r["accuracy"]),
    ("nlvr2", "without looking at either (text only)", lambda r: r["text_only"]),
    ("retrieval", "the picture of a caption, first of all", lambda r: r["text_to_image"]["r1"]),
    ("retrieval", "the caption of a picture, first of all", lambda r: r["image_to_text"]["r1"]),
    ("retrieval", "either by chance", lambda r: r["chance"]["text_to_image"]["r1"]),
    ("alignment", "pointing of the alignment", lambda r: r["pointing"]["ipot"]),
    ("alignment", "pointing by chance", lambda r: r["pointing"]["chance"]),
)

ReportProgress = Callable[[str, int, int], None]  # told what is measured, how many of how many


def measure(
    bundle: Bundle,
    *,
    sets: Sequence[str] = WORLD,
    limits: Mapping[str, int] | None = None,
    batch_size: int = 64,
    progress: ReportProgress | None = None,
) -> dict[str, Any]:
    """Run every task of HEADS that the model has a head for, on every set.

    Args:
        bundle: the model.
        sets: where to measure.
        limits: examples at most, by task; LIMITS or each task's own number otherwise.
        batch_size: examples read at once.
        progress: told ("vqa world:test", done, total) after every batch.

    Returns:
        {"model", "parameters", "hardware", "torch", "results": [what each task returns], "skipped":
        {task: why the model cannot do it}}.
    """
    results = []
    able = [task for task in OPTIONAL if _unable(bundle, task) is None]
    skipped = {task: why for task in REPORTED if (why := _unable(bundle, task))}
    for task, run in ((task, TASKS[task]) for task in (*REPORTED, *able)):
        for on in sets if task not in skipped else ():
            told = None if progress is None else partial(progress, f"{task} {on}")
            limit = {**LIMITS, **(limits or {})}.get(task)
            run = TASKS[task]
            results.append(run(bundle, on=on, limit=limit, batch_size=batch_size, progress=told))
    return {
        "model": bundle.name,
        "parameters": sum(p.numel() for p in bundle.model.parameters()),
        "hardware": hardware(next(bundle.model.parameters()).device),
        "torch": torch.__version__,
        "results": results,
        "skipped": skipped,
    }


def _unable(bundle: Bundle, task: str) -> str | None:
    """Why a model cannot do a task; None where it can."""
    model, heads = bundle.model, HEADS.get(task, ())
    if task in ("alignment", "places"):
        return None if isinstance(model, Vilt) else "only a ViLT has patches of its own to ask"
    if task == "pointing":
        return None if meets(model) else "no word meets any piece of the picture"
    if task == "retrieval" and model.dual:
        return None
    if any(getattr(model, head) is not None for head in heads):
        return None
    return f"the model has no {' or '.join(heads)} head"


def write_report(measured: dict[str, Any], folder: str | Path, *, command: str) -> list[Path]:
    """Write results.json, results.md and, of a ViLT, alignment-methods.png.

    Args:
        measured: from ``measure``.
        folder: where to; it is made where it is missing.
        command: what a reader types to get the same.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in ("results.json", "results.md")]
    paths[0].write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    paths[1].write_text(results_markdown(measured, command=command), encoding="utf-8")
    if (figure := _alignment_figure(measured)) is not None:
        paths.append(folder / FIGURE)
        figure.savefig(paths[-1], dpi=150)
    return paths


def limits_of(most: int) -> dict[str, int]:
    """Examples at most of every task, where a whole report shall be had sooner."""
    return {task: min(most, LIMITS.get(task, most)) for task in (*REPORTED, *OPTIONAL)}


def _alignment_figure(measured: dict[str, Any]) -> Figure | None:
    """The alignment methods on the first set that was measured; None where none was."""
    first = next((r for r in measured["results"] if r["task"] == "alignment"), None)
    if first is None:
        return None
    scores = {
        title: {METHOD_NAMES[method]: share for method, share in first[name].items()}
        for name, title in MEASURES.items()
    }
    title = f"{measured['model']}, {set_name(first['data'])}: {first['examples']:,} nouns"
    return method_bars(scores, title=title)


def results_markdown(measured: dict[str, Any], *, command: str) -> str:
    """The whole page."""
    lines = [
        f"# Results of {measured['model']}",
        f"Written by `{command}` on {measured['hardware']}, torch {measured['torch']}, float32; no "
        "number is typed in by hand. [results.json](results.json) has them with all digits. All "
        "scores are in percent. *Held-out style*: an artist's drawings that no training has seen. "
        "*Composition*: pairs of noun and relation, of colour and shape, kept out of training.",
        *score_sections(measured["results"], skipped=measured["skipped"]),
    ]
    if "alignment" not in measured["skipped"]:
        lines.append(f"![Pointing, mass and average precision, method by method]({FIGURE})")
        lines.append("*Orange: the highest of each measure.*")
    return "\n\n".join(lines) + "\n"


def summary_table(results: Sequence[dict[str, Any]]) -> str:
    """The few numbers that a README shows, each beside its baseline."""
    sets = {set_name(r["data"]): {} for r in results}
    for result in results:
        sets[set_name(result["data"])][result["task"]] = result
    body = [
        [said, *(percent(reading(found[task])) for found in sets.values())]
        for task, said, reading in SUMMARY
        if all(task in found for found in sets.values())
    ]
    return table(["percent", *sets], body)


def fill_readme(path: str | Path, measured: dict[str, Any]) -> bool:
    """Renew the table between a README's markers; False where it has none."""
    return fill(path, "results", summary_table(measured["results"]))
