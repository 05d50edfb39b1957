"""The paper's figure 1 again: what ``bench families`` measured, the paper's numbers beside it."""

from pathlib import Path
from typing import Any, Literal

import plotly.graph_objects as go

from vilt_core.evaluation.papers import FACTS
from vilt_core.viz.families import Parts, stacked_costs
from vilt_core.viz.still import still

Measure = Literal["Time", "FLOPs", "Parameters"]
UNITS: dict[Measure, str] = {"Time": "ms", "FLOPs": "GFLOPs", "Parameters": "M parameters"}
_FIELDS: dict[Measure, tuple[str, float]] = {
    "Time": ("milliseconds", 1.0),
    "FLOPs": ("flops", 1e-9),
    "Parameters": ("parameters", 1e-6),
}
_PARTS = {"visual embedding": "visual", "text embedding": "text", "interaction": "interaction"}


def parts_of(found: dict[str, Any], measure: Measure) -> list[Parts]:
    """What each model's parts cost, as Table 6 counts, and what the paper gives for all of it.

    Args:
        found: what ``measure_families`` returned.
        measure: of the costs.
    """
    field, unit = _FIELDS[measure]
    published = found["size"] == "published"
    drawn = []
    for one in found["families"]:
        facts = FACTS[one["name"]]
        values = {_PARTS[part["name"]]: part[field] for part in one["components"]}
        # Tables of words are text embedding, and Table 6 leaves them out.
        values["text"] -= sum(values.values()) - one["counted"][field]
        drawn.append(
            Parts(
                name=facts.title if published else f"{facts.title}, small",
                kind=facts.kind,
                paper=_of_paper(one["name"], measure) if published else None,
                **{name: max(unit * value, 0.0) for name, value in values.items()},
            )
        )
    return drawn


def _of_paper(name: str, measure: Measure) -> float | None:
    row = FACTS[name].row
    if row is None:
        return None
    return {
        "Time": float(row.milliseconds),
        "FLOPs": row.gflops,
        "Parameters": row.parameters,
    }[measure]


def figure_1(found: dict[str, Any], measure: Measure, *, here: str) -> go.Figure:
    """Stacked costs.

    Args:
        found: what ``measure_families`` returned.
        measure: of the costs.
        here: title of what was measured.

    Raises:
        ValueError: nothing is measured yet.
    """
    paper = "The paper's Table 6" + (", on an Nvidia P40" if measure == "Time" else "")
    return stacked_costs(parts_of(found, measure), unit=UNITS[measure], here=here, paper=paper)


def save_figure(found: dict[str, Any], path: Path) -> None:
    """Draw the stacked times into a file, of the kind that its name says: .png, .svg or .pdf.

    Raises:
        ValueError: another kind.
        OSError: it cannot be written.
    """
    still(figure_1(found, "Time", here="Measured here"), width=11).savefig(path, dpi=150)
