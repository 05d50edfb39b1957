"""The page of the comparison: docs/comparison.md, its JSON and its plot, written by one command."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from vilt_core.bench.comparison import FILE, Model, in_order
from vilt_core.evaluation.papers import FACTS, KINDS
from vilt_core.evaluation.sections import set_name
from vilt_core.evaluation.tables import fill, percent, table
from vilt_core.viz.tradeoff import Dot, tradeoff

Read = Callable[[Mapping[str, Any]], float | None]
KIND_NAMES = {kind: f"({kind}) {said}" for kind, said in KINDS.items()}
_TEST = "world:test"
_SCORES: tuple[tuple[str, str, Read, Read | None], ...] = (  # with what chance or words alone score
    ("vqa", "questions", lambda r: r["accuracy"], lambda r: r["text_only"]),
    ("nlvr2", "statements on two pictures", lambda r: r["accuracy"], lambda r: r["text_only"]),
    (
        "retrieval",
        "scene of a caption, first 1",
        lambda r: r["text_to_image"]["r1"],
        lambda r: r["chance"]["text_to_image"]["r1"],
    ),
    (
        "retrieval",
        "scene of a caption, first 10",
        lambda r: r["text_to_image"]["r10"],
        lambda r: r["chance"]["text_to_image"]["r10"],
    ),
    (
        "retrieval",
        "caption of a scene, first 1",
        lambda r: r["image_to_text"]["r1"],
        lambda r: r["chance"]["image_to_text"]["r1"],
    ),
    (
        "retrieval",
        "caption of a scene, first 10",
        lambda r: r["image_to_text"]["r10"],
        lambda r: r["chance"]["image_to_text"]["r10"],
    ),
    ("matching", "matched or not", lambda r: r["accuracy"], lambda r: r["chance"]),
    ("matching", "one word changed", lambda r: r["hard_negatives"], lambda r: r["chance"]),
    ("pointing", "pointing by attention", lambda r: r["pointing"]["attention"], None),
    ("pointing", "pointing by transport", lambda r: r["pointing"].get("transport"), None),
    ("pointing", "pointing by chance", lambda r: r["pointing"]["chance"], None),
)
_DRAWN = ("questions", "statements on two pictures", "scene of a caption, first 1")


def write_comparison(found: Mapping[str, Model], folder: str | Path, *, command: str) -> list[Path]:
    """Write comparison.json, comparison.md and comparison.png; renew the README's table.

    Args:
        found: what ``compare_model`` returned, by the names of the models.
        folder: where to; it is made where it is missing.
        command: what a reader types to get the same.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in (FILE, "comparison.md", "comparison.png")]
    paths[0].write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    paths[1].write_text(comparison_markdown(found, command=command), encoding="utf-8")
    _figure(found).savefig(paths[2], dpi=150)
    readme = folder.parent / "README.md"
    if fill(readme, "comparison", scores_table(found)):
        paths.append(readme)
    return paths


def comparison_markdown(found: Mapping[str, Model], *, command: str) -> str:
    """The whole page."""
    machines = sorted({f"{one['hardware']}, torch {one['torch']}" for one in found.values()})
    timed = sorted({one["cost"]["hardware"] for one in found.values()})
    lines = [
        "# Four families on the same scenes",
        f"Written by `{command}` on {'; '.join(machines)}, float32; no number is typed in by hand. "
        f"[{FILE}]({FILE}) has them with all digits and on every set, the cards beside the weights "
        "one model each. All scores are in percent, on scenes that no training has seen.",
        "## How well",
        scores_table(found),
        "*Without looking*: the best guess from the words alone, or chance. A dash: the model has "
        "no such head, or no word of it meets any piece of the picture. VSE++ and CLIP rank by the "
        "product of vectors, SCAN by what its words and regions find in each other, the others by "
        "the head that tells whether a pair matches.",
        "![Accuracy against cost](comparison.png)",
        "## Question by question",
        types_table(found),
        "## At what cost",
        costs_table(found),
        f"One pair on {'; '.join(timed)}, one after the other: medians of five runs. *MB*: weights "
        "in float32 with the detector, and the most that is held beside them while a pair is read. "
        "FLOPs are two a multiplication and addition.",
        "## How long they learned",
        steps_table(found),
        "Hours are those of a sitting, which some models shared, step by step; the detector of "
        "models of regions had learned before, by itself. The cards tell.",
        "## New drawings, new compositions",
        sets_table(found),
    ]
    return "\n\n".join(lines) + "\n"


def _result(one: Model, task: str, data: str = _TEST) -> Mapping[str, Any] | None:
    rows = [r for r in one["results"] if r["task"] == task and r["data"] == data]
    return rows[0] if rows else None


def _score(one: Model, task: str, read: Read, data: str = _TEST) -> float | None:
    result = _result(one, task, data)
    return None if result is None else read(result)


def _title(one: Model) -> str:
    return f"{one['model']} ({FACTS[one['family']].kind})"


def scores(one: Model) -> dict[str, float | None]:
    """What a model scores on test, by what is asked; None where it cannot be asked."""
    return {said: _score(one, task, read) for task, said, read, _ in _SCORES}


def without_looking(found: Mapping[str, Model]) -> dict[str, float | None]:
    """What chance or the words alone score, likewise; None where nobody knows."""
    told: dict[str, float | None] = {}
    for task, said, _, base in _SCORES:
        known = [None if base is None else _score(one, task, base) for one in found.values()]
        told[said] = next((value for value in known if value is not None), None)
    return told


def scores_table(found: Mapping[str, Model]) -> str:
    """A row a score, a column a model, and what is had without looking."""
    models, guessed = in_order(found), without_looking(found)
    columns = [scores(one) for one in models]
    body = [
        [said, *(percent(column[said]) for column in columns), percent(level)]
        for said, level in guessed.items()
    ]
    return table(["percent", *map(_title, models), "without looking"], body)


def type_scores(one: Model) -> dict[str, float]:
    """What a model scores on test, by the type of question; nothing where it answers none."""
    result = _result(one, "vqa")
    return {} if result is None else dict(result["by_type"])


def types_without_looking(found: Mapping[str, Model]) -> dict[str, float]:
    """What the words alone score, likewise."""
    known = (result for one in in_order(found) if (result := _result(one, "vqa")))
    return next((dict(result["text_only_by_type"]) for result in known), {})


def types_table(found: Mapping[str, Model]) -> str:
    """Questions by their type."""
    asked = [(one, told) for one in in_order(found) if (told := type_scores(one))]
    guessed = types_without_looking(found)
    kinds = list(asked[0][1]) if asked else []
    body = [
        [kind, *(percent(told.get(kind)) for _, told in asked), percent(guessed.get(kind))]
        for kind in kinds
    ]
    return table(["questions", *(_title(one) for one, _ in asked), "without looking"], body)


def expenses(one: Model) -> dict[str, float]:
    """What a pair costs a model: all parameters in millions, GFLOPs, milliseconds, megabytes.

    Seeing, reading and meeting are the parts of ``cost.py``; "all" of them leaves heads out.
    """
    cost, memory = one["cost"], one["memory"]
    parts = (part["milliseconds"] for part in cost["components"])
    return {
        "M parameters": one["parameters"] / 1e6,
        "GFLOPs": cost["total"]["flops"] / 1e9,
        **dict(zip(("seeing, ms", "reading, ms", "meeting, ms"), parts, strict=True)),
        "all, ms": cost["total"]["milliseconds"],
        "MB of weights": memory["weights"] / 1e6,
        "MB of a pair": memory["pair"] / 1e6,
    }


def costs_table(found: Mapping[str, Model]) -> str:
    """A row a model."""
    digits = {"M parameters": 2, "GFLOPs": 3}
    body = []
    for one in in_order(found):
        *rest, weights, pair = expenses(one).items()
        told = [f"{value:.{digits.get(name, 1)}f}" for name, value in rest]
        body.append([_title(one), *told, f"{weights[1]:.1f} + {pair[1]:.1f}"])
    header = ["", "M parameters", "GFLOPs", "seeing, ms", "reading, ms", "meeting, ms", "all, ms"]
    return table([*header, "MB"], body)


def steps_table(found: Mapping[str, Model]) -> str:
    """What every model was given to learn from."""
    body = [
        [
            _title(one),
            "-" if one["steps"] is None else f"{one['steps']:,}",
            "-" if one["seconds"] is None else f"{one['seconds'] / 3600:.1f}",
        ]
        for one in in_order(found)
    ]
    return table(["", "steps", "hours"], body)


def sets_table(found: Mapping[str, Model]) -> str:
    """Questions on every set."""
    models = in_order(found)
    sets = list(
        dict.fromkeys(r["data"] for one in models for r in one["results"] if r["task"] == "vqa")
    )

    def accuracy(result: Mapping[str, Any]) -> float:
        return result["accuracy"]

    body = [
        [set_name(data), *(percent(_score(one, "vqa", accuracy, data)) for one in models)]
        for data in sets
    ]
    return table(["questions", *map(_title, models)], body)


def _figure(found: Mapping[str, Model]) -> Figure:
    guessed = without_looking(found)
    baselines = {said: 100 * level for said in _DRAWN if (level := guessed[said]) is not None}
    dots = []
    for one in in_order(found):
        drawn = {said: value for said, value in scores(one).items() if said in _DRAWN}
        dots.append(
            Dot(
                name=one["model"].removesuffix("-mini"),
                kind=FACTS[one["family"]].kind,
                cost=one["cost"]["total"]["flops"] / 1e9,
                scores={said: 100 * value for said, value in drawn.items() if value is not None},
            )
        )
    return tradeoff(
        dots,
        baselines=baselines,
        kinds=KIND_NAMES,
        cost="GFLOPs of one pair",
        title="Accuracy against cost, in the sticker world",
    )
