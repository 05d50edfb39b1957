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

from vilt_core.evaluation.alignment import METHOD_NAMES, alignment_scores
from vilt_core.evaluation.machine import hardware
from vilt_core.evaluation.matching import matching_accuracy
from vilt_core.evaluation.sources import WORLD
from vilt_core.evaluation.tables import percent, table
from vilt_core.evaluation.vqa import vqa_accuracy
from vilt_core.interop.bundle import Bundle
from vilt_core.viz.scores import method_bars

TASKS: dict[str, Callable[..., dict[str, Any]]] = {
    "vqa": vqa_accuracy,
    "matching": matching_accuracy,
    "alignment": alignment_scores,
}
# What a reader calls them.
SETS = {"world:test": "test", "world:style": "held-out style", "world:composition": "composition"}
MEASURES = {
    "pointing": "Pointing accuracy",
    "mass": "Mass inside the box",
    "average_precision": "Average precision",
}

ReportProgress = Callable[[str, int, int], None]  # told what is measured, how many of how many


def measure(
    bundle: Bundle,
    *,
    sets: Sequence[str] = WORLD,
    limits: Mapping[str, int] | None = None,
    batch_size: int = 64,
    progress: ReportProgress | None = None,
) -> dict[str, Any]:
    """Run every task on every set.

    Args:
        bundle: the model.
        sets: where to measure.
        limits: examples at most, by task; each task's own number otherwise.
        batch_size: examples read at once.
        progress: told ("vqa world:test", done, total) after every batch.

    Returns:
        {"model", "parameters", "hardware", "torch", "results": [what each task returns]}.
    """
    results = []
    for task, run in TASKS.items():
        for on in sets:
            told = None if progress is None else partial(progress, f"{task} {on}")
            limit = (limits or {}).get(task)
            results.append(run(bundle, on=on, limit=limit, batch_size=batch_size, progress=told))
    return {
        "model": bundle.name,
        "parameters": sum(p.numel() for p in bundle.model.parameters()),
        "hardware": hardware(next(bundle.model.parameters()).device),
        "torch": torch.__version__,
        "results": results,
    }


def write_report(measured: dict[str, Any], folder: str | Path, *, command: str) -> list[Path]:
    """Write results.json, results.md and alignment-methods.png.

    Args:
        measured: from ``measure``.
        folder: where to; it is made where it is missing.
        command: what a reader types to get the same.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in ("results.json", "results.md", "alignment-methods.png")]
    paths[0].write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    paths[1].write_text(results_markdown(measured, command=command), encoding="utf-8")
    _alignment_figure(measured).savefig(paths[2], dpi=150)
    return paths


def _alignment_figure(measured: dict[str, Any]) -> Figure:
    """The alignment methods on the first set that was measured."""
    first = next(r for r in measured["results"] if r["task"] == "alignment")
    scores = {
        title: {METHOD_NAMES[method]: share for method, share in first[name].items()}
        for name, title in MEASURES.items()
    }
    title = f"{measured['model']}, {_set_name(first['data'])}: {first['examples']:,} nouns"
    return method_bars(scores, title=title)


def results_markdown(measured: dict[str, Any], *, command: str) -> str:
    """The whole page."""
    lines = [
        f"# Results of {measured['model']}",
        f"Written by `{command}` on {measured['hardware']}, torch {measured['torch']}, float32; no "
        "number is typed in by hand. [results.json](results.json) has them with all digits. All "
        "scores are in percent. *Held-out style*: an artist's drawings that no training has seen. "
        "*Composition*: pairs of noun and relation, of colour and shape, kept out of training.",
        *score_sections(measured["results"]),
        "![Pointing, mass and average precision, method by method](alignment-methods.png)",
    ]
    return "\n\n".join(lines) + "\n"


def summary_table(results: Sequence[dict[str, Any]]) -> str:
    """The few numbers that a README shows, each beside its baseline."""
    sets = {_set_name(r["data"]): {} for r in results}
    for result in results:
        sets[_set_name(result["data"])][result["task"]] = result
    vqa, matching, alignment = ([found[task] for found in sets.values()] for task in TASKS)
    body = [
        ["questions answered", *(percent(r["accuracy"]) for r in vqa)],
        ["without looking (text only)", *(percent(r["text_only"]) for r in vqa)],
        [
            "matched or not, random captions (chance 50)",
            *(percent(r["accuracy"]) for r in matching),
        ],
        ["matched or not, one word changed (chance 50)"]
        + [percent(r["hard_negatives"]) for r in matching],
        ["pointing of the alignment", *(percent(r["pointing"]["ipot"]) for r in alignment)],
        ["pointing by chance", *(percent(r["pointing"]["chance"]) for r in alignment)],
    ]
    return table(["percent", *sets], body)


def fill_readme(path: str | Path, measured: dict[str, Any]) -> bool:
    """Renew the table between a README's markers; False where it has none."""
    path = Path(path)
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    begin, end = "<!-- results -->", "<!-- /results -->"
    if begin not in text or end not in text:
        return False
    head, _, rest = text.partition(begin)
    tail = rest.partition(end)[2]
    filled = f"{head}{begin}\n{summary_table(measured['results'])}\n{end}{tail}"
    path.write_text(filled, encoding="utf-8")
    return True


def score_sections(results: Sequence[dict[str, Any]], *, level: int = 2) -> list[str]:
    """The tables of every task that was measured, paragraphs of Markdown.

    Args:
        results: what tasks returned.
        level: of the headings.
    """
    sections = {
        "vqa": ("Questions", _vqa),
        "matching": ("Matched or not", _matching),
        "alignment": ("Word-patch alignment", _alignment),
    }
    found = []
    for task, (title, section) in sections.items():
        rows = {_set_name(r["data"]): r for r in results if r["task"] == task}
        if rows:
            found += [f"{'#' * level} {title}", *section(rows)]
    return found


def _set_name(data: str) -> str:
    return SETS.get(data, data)


def _vqa(sets: dict[str, dict[str, Any]]) -> list[str]:
    kinds = list(next(iter(sets.values()))["by_type"])
    header = ["type of question"]
    header += [name for data in sets for name in (data, "text only")]
    body = [["**all**"], *([kind] for kind in kinds)]
    for result in sets.values():
        body[0] += [f"**{percent(result['accuracy'])}**", percent(result["text_only"])]
        for row, kind in zip(body[1:], kinds, strict=True):
            row += [percent(result[k].get(kind)) for k in ("by_type", "text_only_by_type")]
    return [
        f"{_counted(sets, 'questions')} *Text only* is the best guess without looking: the answer "
        "most frequent in training for the same words, backing off to the same words but for nouns "
        "and colours.",
        table(header, body),
    ]


def _matching(sets: dict[str, dict[str, Any]]) -> list[str]:
    changes = sorted({change for result in sets.values() for change in result["by_change"]})
    body = [["another picture's caption"], ["any one thing changed"]]
    body += [[f"one {change} changed"] for change in changes]
    for result in sets.values():
        scores = [result["accuracy"], result["hard_negatives"]]
        scores += [result["by_change"].get(change) for change in changes]
        for row, score in zip(body, scores, strict=True):
            row.append(percent(score))
    chance = percent(next(iter(sets.values()))["chance"])
    for row in body:
        row.append(chance)
    return [
        f"{_counted(sets, 'sentences')} Half of them are true, in every row.",
        table(["true caption against", *sets, "chance"], body),
    ]


def _alignment(sets: dict[str, dict[str, Any]]) -> list[str]:
    tables = []
    for name, title in MEASURES.items():
        methods = next(iter(sets.values()))[name]
        body = [
            [METHOD_NAMES[method], *(percent(r[name][method]) for r in sets.values())]
            for method in methods
        ]
        tables += [f"{title}:", table(["method", *sets], body)]
    return [
        f"{_counted(sets, 'nouns')} *Pointing*: the strongest patch of a noun's heatmap lies in "
        "the box of what it speaks of. *Average precision*: patches ranked by heat, against those "
        "that show it. *Chance* is an even heatmap. The heat of IPOT and Sinkhorn is what the lab "
        "draws, mass times cosine; *mass alone* is the plan itself, as in the paper.",
        *tables,
    ]


def _counted(sets: dict[str, dict[str, Any]], what: str) -> str:
    """How many examples there were, and how far a sample of that size may stray."""
    counts = {data: result["examples"] for data, result in sets.items()}
    said = (
        f"{next(iter(counts.values())):,} {what} in each set"
        if len(set(counts.values())) == 1
        else ", ".join(f"{count:,} {what} ({data})" for data, count in counts.items())
    )
    # Of a share of one half, where a sample strays the most.
    margin = 1.96 * 50 / min(counts.values()) ** 0.5
    return f"{said}; a 95 % interval is at most ± {margin:.1f} points."
