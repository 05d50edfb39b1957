"""The table of what the small models that ship learned, one set of columns at a time."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

View = Literal["Scores", "Question types", "Pointing", "Cost"]
VIEWS: tuple[View, ...] = ("Scores", "Question types", "Pointing", "Cost")
FOLDER = Path(__file__).resolve().parents[1] / "docs"  # where ``compare`` leaves comparison.json
FIRST = ("Small model", "Kind")
COLUMNS: dict[View, dict[str, str]] = {  # what each column is called in the comparison
    "Scores": {
        "Questions, %": "questions",
        "Two pictures, %": "statements on two pictures",
        "Picture of a caption, %": "scene of a caption, first 1",
        "Caption of a picture, %": "caption of a scene, first 1",
        "Matched, %": "matched or not",
        "One word changed, %": "one word changed",
    },
    "Question types": {
        "Existence, %": "existence",
        "Count, %": "count",
        "Attribute, %": "attribute",
        "Category, %": "category",
        "Relation, %": "relation",
        "Spatial, %": "spatial",
        "Comparison, %": "comparison",
        "Logic, %": "logic",
    },
    "Pointing": {
        "Pointing by attention, %": "pointing by attention",
        "Pointing by transport, %": "pointing by transport",
        "Pointing by chance, %": "pointing by chance",
    },
    "Cost": {
        "Steps": "steps",
        "M parameters": "M parameters",
        "GFLOPs": "GFLOPs",
        "VE, ms": "seeing, ms",
        "TE, ms": "reading, ms",
        "MI, ms": "meeting, ms",
        "All, ms": "all, ms",
        "MB of weights": "MB of weights",
        "MB of a pair": "MB of a pair",
    },
}
_DIGITS = {"M parameters": 2, "GFLOPs": 2}  # of costs, where one is too few

Told = Mapping[str, float | None]  # by what each is called in the comparison
Reader = Callable[[Any], Told]


def headers(view: View) -> list[str]:
    """Of all columns."""
    return [*FIRST, *COLUMNS[view]]


def types(view: View) -> list[str]:
    """What stands in each column."""
    return ["str"] * len(FIRST) + ["number"] * len(COLUMNS[view])


@lru_cache(maxsize=len(VIEWS))
def table(view: View) -> list[list[Any]]:
    """What the small models do on scenes of the test, or what a pair costs them, a row a model.

    First comes what is had without looking, where that is known. Nothing where nobody has compared
    them.

    Raises:
        KeyError: no such view.
    """
    from vilt_core.bench.comparison import in_order, read_comparison
    from vilt_core.bench.comparison_page import (
        expenses,
        scores,
        type_scores,
        types_without_looking,
        without_looking,
    )
    from vilt_core.evaluation.papers import FACTS

    found = read_comparison(FOLDER)
    read: dict[View, Reader] = {
        "Scores": scores,
        "Question types": type_scores,
        "Pointing": scores,
        "Cost": lambda one: {"steps": one["steps"], **expenses(one)},
    }
    guessed: dict[View, Reader] = {
        "Scores": without_looking,
        "Question types": types_without_looking,
    }
    rows = []
    if found and view in guessed:  # of pointing, chance is a column: it depends on the pieces
        rows.append(["Without looking", "", *_cells(view, guessed[view](found))])
    for one in in_order(found):
        kind = f"({FACTS[one['family']].kind})"
        rows.append([one["model"], kind, *_cells(view, read[view](one))])
    return rows


def _cells(view: View, told: Told) -> Sequence[float | str]:
    """Scores in percent, costs with few digits; nothing where a model has none."""
    cells: list[float | str] = []
    for said in COLUMNS[view].values():
        value = told.get(said)
        if value is None:
            cells.append("")
        elif said == "steps":
            cells.append(value)
        else:
            cells.append(round(value if view == "Cost" else 100 * value, _DIGITS.get(said, 1)))
    return cells
