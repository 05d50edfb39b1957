"""What an ablation found: means and spreads over seeds, and what they say of the paper's findings.

Pure functions of the results that were collected; ablation_page.py writes them down. Table 5 of the
paper (Kim, Son and Kim, ICML 2021) stands here with the columns that have a counterpart.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import nan, sqrt
from typing import Any

import numpy as np

CLEAR = 2.0  # pooled spreads beyond which a difference counts

Results = Mapping[str, Any]  # of one arm and one seed: what each measure's function returned


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number of an arm and a seed, with what it would be without a model."""

    name: str
    title: str
    score: Callable[[Results], float]  # in [0, 1]
    baseline: Callable[[Results], float]  # of the words alone, or of chance
    paper: str | None = None  # the column of Table 5 that it answers to
    pretrained: bool = False  # before fine-tuning


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Two arms that differ in one thing, and which of them the paper found to be better."""

    claim: str
    before: str  # names of arms
    after: str
    sign: int | None  # 1: the second is better; -1: the first; None: the paper does not say
    finetuned_only: bool = False  # the two share their pre-training


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What one measure says of a finding. Points are percent."""

    measure: Measure
    gain: float  # of the second arm over the first, points
    spread: float  # pooled over both arms, points; nan of a single seed
    paper: float | None  # the gain in the paper, points
    verdict: str


MEASURES = (
    Measure(
        name="vqa",
        title="questions",
        score=lambda r: r["vqa"]["accuracy"],
        baseline=lambda r: r["vqa"]["text_only"],
        paper="VQAv2 test-dev",
    ),
    Measure(
        name="statements",
        title="pair statements",
        score=lambda r: r["nlvr2"]["accuracy"],
        baseline=lambda r: r["nlvr2"]["text_only"],
        paper="NLVR2 test-P",
    ),
    Measure(
        name="text_retrieval",
        title="text retrieval, R@1",
        score=lambda r: r["retrieval"]["image_to_text"]["r1"],
        baseline=lambda r: r["retrieval"]["chance"]["image_to_text"]["r1"],
        paper="F30K TR@1, zero-shot",
        pretrained=True,
    ),
    Measure(
        name="image_retrieval",
        title="image retrieval, R@1",
        score=lambda r: r["retrieval"]["text_to_image"]["r1"],
        baseline=lambda r: r["retrieval"]["chance"]["text_to_image"]["r1"],
        paper="F30K IR@1, zero-shot",
        pretrained=True,
    ),
    Measure(
        name="vqa_style",
        title="questions, held-out style",
        score=lambda r: r["vqa_style"]["accuracy"],
        baseline=lambda r: r["vqa_style"]["text_only"],
    ),
    Measure(
        name="pointing_mass",
        title="pointing, mass of IPOT",
        score=lambda r: r["alignment"]["pointing"]["ipot_mass"],
        baseline=lambda r: r["alignment"]["pointing"]["chance"],
        pretrained=True,
    ),
    Measure(
        name="pointing_heat",
        title="pointing, heatmap",
        score=lambda r: r["alignment"]["pointing"]["ipot"],
        baseline=lambda r: r["alignment"]["pointing"]["chance"],
        pretrained=True,
    ),
)

# Table 5, percent: mean and, where the paper gives it, the spread over three seeds.
PAPER_COLUMNS = tuple(measure.paper for measure in MEASURES if measure.paper)
_ROWS: dict[str, tuple[tuple[float, float | None], ...]] = {
    "quarter": ((68.96, 0.07), (70.83, 0.23), (45.12, None), (31.80, None)),
    "half": ((69.80, 0.01), (72.92, 0.82), (55.57, None), (40.94, None)),
    "whole": ((70.16, 0.01), (74.15, 0.27), (66.99, None), (47.62, None)),
    "words": ((70.33, 0.01), (74.57, 0.09), (69.73, None), (51.28, None)),
    "words-patches": ((70.21, 0.05), (73.54, 0.47), (63.67, None), (46.96, None)),
    "words-augmented": ((70.85, 0.13), (75.57, 0.61), (69.73, None), (51.28, None)),
    "twice-words-augmented": ((71.26, 0.06), (76.13, 0.39), (73.24, None), (54.96, None)),
}
PAPER = {arm: dict(zip(PAPER_COLUMNS, row, strict=True)) for arm, row in _ROWS.items()}

FINDINGS = (
    Finding(claim="Four times the steps help", before="quarter", after="whole", sign=1),
    Finding(
        claim="Twice the steps help once more",
        before="words-augmented",
        after="twice-words-augmented",
        sign=1,
    ),
    Finding(claim="Hiding whole words helps", before="whole", after="words", sign=1),
    Finding(
        claim="Masked patch prediction does harm", before="words", after="words-patches", sign=-1
    ),
    Finding(
        claim="Augmentation in fine-tuning helps",
        before="words",
        after="words-augmented",
        sign=1,
        finetuned_only=True,
    ),
    Finding(claim="Word-patch alignment", before="words-unaligned", after="words", sign=None),
)


def label(arm: Mapping[str, Any]) -> str:
    """How a row is called: its steps and what it has besides, in the paper's abbreviations."""
    marks = {"WWM": "whole_words", "MPP": "masked_patches", "aug": "augmented"}
    there = " + ".join(mark for mark, name in marks.items() if arm[name])
    return f"{arm['steps']:,} {there}".strip() + ("" if arm["aligned"] else ", no WPA")


def points(measure: Measure, runs: Sequence[Results]) -> list[float]:
    """The measure of every seed, in percent."""
    return [100 * measure.score(run) for run in runs]


def mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    """The mean, and the sample standard deviation, which a single value does not have (nan)."""
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else nan


def pooled_spread(before: Sequence[float], after: Sequence[float]) -> float:
    """The standard deviation that two groups share; nan where either is a single value."""
    if min(len(before), len(after)) < 2:
        return nan
    squares = [(len(group) - 1) * np.var(group, ddof=1) for group in (before, after)]
    return sqrt(sum(squares) / (len(before) + len(after) - 2))


def compare(found: Mapping[str, Any], finding: Finding, measure: Measure) -> Comparison | None:
    """A measure of both arms of a finding, on the seeds that both have; None where there are none.

    Args:
        found: {"arms": [{"name", ..., "runs": [...]}]}.
        finding: which arms.
        measure: what of them.
    """
    runs = {arm["name"]: {run["seed"]: run for run in arm["runs"]} for arm in found["arms"]}
    first, second = runs[finding.before], runs[finding.after]
    seeds = sorted(first.keys() & second.keys())
    if not seeds:
        return None
    before = points(measure, [first[seed] for seed in seeds])
    after = points(measure, [second[seed] for seed in seeds])
    return Comparison(
        measure=measure,
        gain=float(np.mean(after) - np.mean(before)),
        spread=pooled_spread(before, after),
        paper=_paper_gain(finding, measure),
        verdict=verdict(
            before, after, sign=finding.sign, baseline=100 * measure.baseline(first[seeds[0]])
        ),
    )


def verdict(
    before: Sequence[float], after: Sequence[float], *, sign: int | None, baseline: float
) -> str:
    """What two arms say of a finding.

    A difference counts beyond two pooled spreads. Where neither arm is that far above its baseline,
    there is nothing that could be better or worse.

    Args:
        before: the scores of the first arm's seeds, percent.
        after: of the second's.
        sign: of the paper's difference; None where the paper has none.
        baseline: what the words alone or chance would score.
    """
    spread = pooled_spread(before, after)
    if not spread >= 0:
        return "needs a second seed"
    gain = float(np.mean(after) - np.mean(before))
    if max(np.mean(before), np.mean(after)) <= baseline + CLEAR * spread:
        return "at the baseline"
    if abs(gain) <= CLEAR * spread:
        return "within the spread"
    if sign is None:
        return "better with it" if gain > 0 else "worse with it"
    return "repeats here" if gain * sign > 0 else "does not repeat"


def _paper_gain(finding: Finding, measure: Measure) -> float | None:
    if measure.paper is None or not {finding.before, finding.after} <= PAPER.keys():
        return None
    before, after = (PAPER[arm][measure.paper][0] for arm in (finding.before, finding.after))
    return after - before
