"""The page of the ablation: docs/ablation.md, its JSON and its plot, all written by one command.

python -m vilt_core ablate --to runs/ablation --report docs
"""

import json
from collections.abc import Iterator, Mapping
from math import isnan
from pathlib import Path
from typing import Any

from vilt_core.evaluation.ablation import (
    CLEAR,
    FINDINGS,
    MEASURES,
    PAPER,
    Comparison,
    Finding,
    Measure,
    compare,
    label,
    mean_and_spread,
    points,
)
from vilt_core.evaluation.tables import table
from vilt_core.viz.ablation import Dots, seed_dots

VERDICTS = (
    "repeats here",
    "does not repeat",
    "better with it",
    "worse with it",
    "within the spread",
    "at the baseline",
    "needs a second seed",
)


def write_ablation(found: dict[str, Any], folder: str | Path, *, command: str) -> list[Path]:
    """Write ablation.json, ablation.md and ablation.png.

    Args:
        found: {"grid", "hardware", "versions", "arms": [{"name", ..., "runs": [...]}]}.
        folder: where to; it is made where it is missing.
        command: what a reader types to get the same.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in ("ablation.json", "ablation.md", "ablation.png")]
    paths[0].write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    paths[1].write_text(ablation_markdown(found, command=command), encoding="utf-8")
    seed_dots(_panels(found), title=_title(found)).savefig(paths[2], dpi=150)
    return paths


def ablation_markdown(found: dict[str, Any], *, command: str) -> str:
    """The whole page."""
    grid = found["grid"]
    lines = [
        "# Table 5 in the sticker world",
        f"Written by `{command}` on {found['hardware']}, {found['versions']}; no number is typed "
        "in by hand. [ablation.json](ablation.json) has them with all digits.",
        f"Every arm starts from one model ({grid['backbone_steps']:,} steps of naming patches, "
        f"words that begin where their pictures are, and {grid['meeting_steps']:,} steps of "
        "matching and of telling which patches a text speaks of, without any hidden word or "
        "alignment), is pre-trained on "
        "captions by matching, masked words and word-patch alignment, and is fine-tuned twice for "
        f"{grid['finetune_steps']:,} steps: on questions and on statements about two pictures. All "
        f"steps are of {grid['batch_size']} rows. Within a seed all arms see the same scenes. "
        "Retrieval and pointing are measured before fine-tuning, so that they are the same with "
        "and without augmentation, as in the paper's zero-shot columns. Of the false pairs "
        f"of matching {grid['hard_negatives']:.0%} have one word changed (in the paper none). "
        "The recipes: "
        "`vilt_core/training/ablation.py`.",
        *_missing(found),
        "## Scores",
        _compared_table(found),
        "*Percent, mean ± spread (the standard deviation over seeds). The columns in italics are "
        "**the paper's**: ViT-B/32 on photographs, after 25K, 50K, 100K and 200K steps of 4,096 "
        "pairs; read down, not across. WWM: words are hidden whole. MPP: masked patch prediction. "
        f"aug: RandAugment in fine-tuning. Retrieval is among {grid['gallery']} scenes here, every "
        "true pair being right, and among 1,000 photographs there.*",
        _own_table(found),
        "![Every seed of every arm, measure by measure](ablation.png)",
        "*Orange: the highest mean of each measure.*",
        "## Reading",
        f"A difference counts where it is larger than {CLEAR:g} pooled spreads; of two arms that "
        "are the same, three seeds each, one comparison in fourteen is. *At the baseline*: neither "
        "arm is that far above what the words alone, or chance, would score, so that the "
        "difference says nothing.",
        *(part for finding in FINDINGS for part in reading(found, finding)),
    ]
    return "\n\n".join(lines) + "\n"


def reading(found: Mapping[str, Any], finding: Finding) -> Iterator[str]:
    """What the numbers say of one finding: a heading, a sentence and a table."""
    arms = {arm["name"]: arm for arm in found["arms"]}
    before, after = label(arms[finding.before]), label(arms[finding.after])
    yield f"### {finding.claim}{'' if finding.sign else ': the paper does not ablate it'}"
    asked = [m for m in MEASURES if not (finding.finetuned_only and m.pretrained)]
    compared = [one for one in (compare(found, finding, measure) for measure in asked) if one]
    if not compared:
        yield f"Not known yet: {before} and {after} have no seed in common."
        return
    yield f"From *{before}* to *{after}*: {summary(compared)}."
    rows = [
        [
            one.measure.title,
            "-" if one.paper is None else f"{one.paper:+.2f}",
            f"{one.gain:+.1f}",
            "-" if isnan(one.spread) else f"{one.spread:.1f}",
            one.verdict,
        ]
        for one in compared
    ]
    yield table(["points", "*the paper*", "here", "pooled spread", "verdict"], rows)


def summary(compared: list[Comparison]) -> str:
    """Which measures have which verdict, verdict by verdict."""
    parts = []
    for verdict in VERDICTS:
        named = [one.measure.title for one in compared if one.verdict == verdict]
        if named:
            parts.append(f"{verdict} on {len(named)} of {len(compared)} ({'; '.join(named)})")
    return ", ".join(parts)


def _missing(found: Mapping[str, Any]) -> list[str]:
    """Which arms have fewer seeds than the others."""
    most = max(len(arm["runs"]) for arm in found["arms"])
    short = [
        f"{label(arm)} ({len(arm['runs'])} of {most})"
        for arm in found["arms"]
        if len(arm["runs"]) < most
    ]
    return [f"**Not finished.** Seeds are missing of: {', '.join(short)}."] if short else []


def _compared_table(found: Mapping[str, Any]) -> str:
    """Our scores, each beside the paper's."""
    shared = [measure for measure in MEASURES if measure.paper]
    header = ["steps"]
    for measure in shared:
        header += [measure.title, f"*{measure.paper}*"]
    rows = [
        [
            label(arm),
            *(
                cell
                for measure in shared
                for cell in (_cell(measure, arm), _paper_cell(measure, arm["name"]))
            ),
        ]
        for arm in found["arms"]
    ]
    baseline = [part for measure in shared for part in (_baseline(measure, found), "-")]
    return table(header, [*rows, ["without looking, by chance", *baseline]])


def _own_table(found: Mapping[str, Any]) -> str:
    """Our scores that the paper has no counterpart of."""
    own = [measure for measure in MEASURES if not measure.paper]
    rows = [[label(arm), *(_cell(measure, arm) for measure in own)] for arm in found["arms"]]
    baseline = ["without looking, by chance", *(_baseline(measure, found) for measure in own)]
    return table(["steps", *(measure.title for measure in own)], [*rows, baseline])


def _cell(measure: Measure, arm: Mapping[str, Any]) -> str:
    if not arm["runs"]:
        return "-"
    mean, spread = mean_and_spread(points(measure, arm["runs"]))
    return f"{mean:.1f}" + ("" if isnan(spread) else f" ± {spread:.1f}")


def _paper_cell(measure: Measure, arm: str) -> str:
    if measure.paper is None or arm not in PAPER:
        return "-"
    mean, spread = PAPER[arm][measure.paper]
    return f"*{mean:.2f}{'' if spread is None else f' ± {spread:.2f}'}*"


def _baseline(measure: Measure, found: Mapping[str, Any]) -> str:
    return f"{100 * measure.baseline(_first_run(found)):.1f}"


def _first_run(found: Mapping[str, Any]) -> Mapping[str, Any]:
    return next(run for arm in found["arms"] for run in arm["runs"])


def _panels(found: Mapping[str, Any]) -> list[Dots]:
    return [
        Dots(
            title=measure.title,
            rows={label(arm): points(measure, arm["runs"]) for arm in found["arms"]},
            baseline=100 * measure.baseline(_first_run(found)),
        )
        for measure in MEASURES
    ]


def _title(found: Mapping[str, Any]) -> str:
    counts = sorted({len(arm["runs"]) for arm in found["arms"] if arm["runs"]})
    seeds = " to ".join(str(count) for count in {counts[0]: None, counts[-1]: None})
    return f"Table 5 in the sticker world: {seeds} seed{'s' * (counts[-1] != 1)} an arm"
