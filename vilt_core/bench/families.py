"""The paper's figure 1 and Table 6 again: what every model of figure 2 costs on this machine."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from vilt_core.bench.results import Machine, Row, machine, result, told
from vilt_core.bench.setting import Setting
from vilt_core.evaluation.cost import Component
from vilt_core.evaluation.families import (
    FamilyCost,
    Progress,
    Size,
    families,
    family_costs,
    family_json,
)
from vilt_core.evaluation.papers import FACTS, HARDWARE
from vilt_core.evaluation.scaling import (
    SIDES,
    TOKENS,
    base_model,
    detector_costs,
    detectors,
    side_costs,
    token_costs,
)
from vilt_core.evaluation.tables import table

RUNS = 5
_PEER = f"the paper's Table 6, on a {HARDWARE}"
_REHEARSED = {"tokens": TOKENS[:3], "sides": (64, 96, 128)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far the bench is."""

    found: dict[str, Any]  # all that is known by now, ready for JSON
    done: int
    total: int
    then: str  # what comes next; nothing at the end


def measure_families(setting: Setting, *, progress: Progress | None = None) -> dict[str, Any]:
    """Measure every family, and a transformer at several lengths and picture sizes, to the end.

    Args:
        setting: Where; a rehearsal takes the small presets.
        progress: Told what comes, how much is done, of how much.
    """
    found: dict[str, Any] = {}
    for step in family_steps(setting):
        found = step.found
        if progress is not None:
            progress(step.then, step.done, step.total)
    return found


def family_steps(setting: Setting, *, between: Callable[[], None] | None = None) -> Iterator[Step]:
    """The same, one thing at a time, nothing measured before the first: it can be stopped.

    Args:
        setting: Where; a rehearsal takes the small presets.
        between: Called before each run of a model; what it raises ends all of this. One run of a
            detector of the published size takes ten seconds on two cores.
    """
    where = machine(setting.device)
    device, size = setting.device.type, "mini" if setting.rehearsal else "published"
    runs = 2 if setting.rehearsal else RUNS
    sizes = _REHEARSED if setting.rehearsal else {"tokens": TOKENS, "sides": SIDES}
    names = families()
    ahead = [FACTS[name].title for name in names]
    ahead += [f"the detector with {name}" for name in detectors(size)]
    ahead += [f"{count} tokens" for count in sizes["tokens"]]
    ahead += [f"{side} x {side} pixels" for side in sizes["sides"]]
    costs: list[FamilyCost] = []
    curves: dict[str, list[dict[str, Any]]] = {"detectors": [], "tokens": [], "sides": []}

    def step() -> Step:
        done = len(costs) + sum(map(len, curves.values()))
        return Step(
            found=_result(where, costs, curves, size=size, runs=runs),
            done=done,
            total=len(ahead),
            then=ahead[done] if done < len(ahead) else "",
        )

    yield step()
    for found in family_costs(names, size=size, runs=runs, device=device, between=between):
        costs.append(found)
        yield step()
    for seen in detector_costs(size, runs=runs, device=device, between=between):
        curves["detectors"].append(asdict(seen))
        yield step()
    model = base_model(size, device=device)
    for what, points in (
        ("tokens", token_costs(model, counts=sizes["tokens"], runs=runs)),
        ("sides", side_costs(model, sides=sizes["sides"], runs=runs)),
    ):
        for point in points:
            curves[what].append(asdict(point))
            yield step()


def _result(
    where: Machine,
    costs: list[FamilyCost],
    curves: dict[str, list[dict[str, Any]]],
    *,
    size: Size,
    runs: int,
) -> dict[str, Any]:
    rows = [  # a small preset has no row in the paper
        Row(
            case=found.facts.title,
            ours_ms=found.counted.milliseconds,
            peer=_PEER,
            peer_ms=found.facts.row.milliseconds,
            max_difference=None,
        )
        for found in costs
        if found.facts.row is not None and size == "published"
    ]
    notes = [f"Medians of {runs} runs of one pair, float32, random weights."]
    if size == "mini":
        notes.append("A rehearsal with the small presets: it has nothing to do with the paper.")
    return result("families", where, rows, notes=notes) | {
        "size": size,
        "families": [family_json(found) for found in costs],
        **{what: list(points) for what, points in curves.items()},
    }


def families_markdown(found: dict[str, Any]) -> str:
    """What was measured beside the paper's Table 6, as tables that read well in a terminal too."""
    published = found["size"] == "published"
    body = [_table_row(one, published=published) for one in found["families"]]
    header = [
        "", "kind", "tokens", "paper", "M parameters", "paper", "GFLOPs", "paper", "ms", "paper",
    ]  # fmt: skip
    differences = [
        f"- {FACTS[one['name']].title}: {FACTS[one['name']].differs}" for one in found["families"]
    ]
    return "\n\n".join(
        [
            f"{told(found)}. "
            f"The paper: {HARDWARE}. As its Table 6 counts, without text embedding and heads; "
            "FLOPs here are two a multiplication and addition, the paper does not say its own.",
            table(header, body),
            *_detectors(found.get("detectors", [])),
            *_curve("tokens", found["tokens"]),
            *_curve("sides", found["sides"]),
            *found["notes"],
            *(["\n".join(differences)] if published else []),
        ]
    )


def _table_row(one: dict[str, Any], *, published: bool) -> list[str]:
    facts, counted = FACTS[one["name"]], Component(**one["counted"])
    row = facts.row if published else None
    return [
        facts.title if published else f"{one['name']}, small",
        f"({facts.kind})",
        f"{one['patches']} + {one['text_tokens']}",
        "-" if row is None else row.tokens,
        f"{counted.parameters / 1e6:.1f}",
        "-" if row is None else f"{row.parameters:.1f}",
        f"{counted.flops / 1e9:.1f}",
        "-" if row is None else f"{row.gflops:.1f}",
        f"{counted.milliseconds:,.1f}",
        "-" if row is None else f"~{row.milliseconds}",
    ]


def _detectors(points: list[dict[str, Any]]) -> list[str]:
    if not points:
        return []
    rows = [
        [
            point["name"],
            f"{point['parameters'] / 1e6:.1f}",
            f"{point['flops'] / 1e9:.1f}",
            f"{point['milliseconds']:,.1f}",
        ]
        for point in points
    ]
    return [table(["the detector alone, with", "M parameters", "GFLOPs", "ms"], rows)]


def _curve(what: str, points: list[dict[str, Any]]) -> list[str]:
    if not points:
        return []
    first = {"tokens": "tokens", "sides": "side, pixels"}[what]
    rows = [
        [
            str(point["side"] or point["tokens"]),
            str(point["tokens"]),
            f"{point['flops'] / 1e9:.1f}",
            f"{point['milliseconds']:,.1f}",
        ]
        for point in points
    ]
    return [table([first, "of the sequence", "GFLOPs", "ms"], rows)]
