"""The reading follows from the numbers: every verdict, from scores made up to deserve it."""

import json
from math import isnan, sqrt
from statistics import stdev

import pytest
from scipy import stats

from vilt_core.evaluation import ablation_page
from vilt_core.evaluation.ablation import (
    CLEAR,
    FINDINGS,
    MEASURES,
    PAPER,
    compare,
    label,
    mean_and_spread,
    points,
    pooled_spread,
    verdict,
)
from vilt_core.evaluation.ablation_page import ablation_markdown, reading, write_ablation
from vilt_core.viz.ablation import seed_dots

MORE_STEPS = next(one for one in FINDINGS if one.before == "quarter")
PATCHES = next(one for one in FINDINGS if one.after == "words-patches")
ALIGNMENT = next(one for one in FINDINGS if one.sign is None)
AUGMENTATION = next(one for one in FINDINGS if one.finetuned_only)
QUESTIONS = MEASURES[0]
NAMES = (*PAPER, "words-unaligned")
GRID = {
    "finetune_steps": 5,
    "backbone_steps": 7,
    "meeting_steps": 5,
    "batch_size": 4,
    "gallery": 50,
    "hard_negatives": 0.5,
}


def run(seed, score):
    """All measures alike, well above their baselines."""
    ways = {"image_to_text": {"r1": score}, "text_to_image": {"r1": score}}
    chances = {way: {"r1": 0.02} for way in ways}
    return {
        "seed": seed,
        "vqa": {"accuracy": score, "text_only": 0.3},
        "vqa_style": {"accuracy": score, "text_only": 0.3},
        "nlvr2": {"accuracy": score, "text_only": 0.3},
        "retrieval": ways | {"chance": chances},
        "alignment": {"pointing": {"ipot": score, "ipot_mass": score, "chance": 0.1}},
    }


def found(**scores):
    """Results of the arms that are named (with - as _), a score a seed; nothing of the others."""
    arms = [
        {
            "name": name,
            "steps": 100,
            "whole_words": "words" in name,
            "masked_patches": "patches" in name,
            "augmented": "augmented" in name,
            "aligned": "unaligned" not in name,
            "runs": [
                run(seed, score)
                for seed, score in enumerate(scores.get(name.replace("-", "_"), ()))
            ],
        }
        for name in NAMES
    ]
    return {"grid": GRID, "hardware": "a machine", "versions": "torch", "arms": arms}


def test_mean_and_spread_are_those_of_the_statistics_books():
    mean, spread = mean_and_spread([1.0, 2.0, 6.0])
    assert mean == pytest.approx(3)
    assert spread == pytest.approx(stdev([1, 2, 6]))
    assert isnan(mean_and_spread([1.0])[1])


def test_groups_of_one_size_pool_to_the_root_of_their_mean_variance():
    first, second = [1.0, 2.0, 6.0], [3.0, 3.5, 5.0]
    expected = sqrt((stdev(first) ** 2 + stdev(second) ** 2) / 2)
    assert pooled_spread(first, second) == pytest.approx(expected)
    assert isnan(pooled_spread(first, [3.0]))


def test_two_arms_that_are_the_same_differ_as_seldom_as_the_page_says():
    # With three seeds each, Student's t is the gain over (pooled spread x sqrt(2 / 3)).
    chance = 2 * stats.t.sf(CLEAR / sqrt(2 / 3), df=4)
    assert chance == pytest.approx(1 / 14, rel=0.02)
    page = ablation_markdown(found(words=(0.5, 0.6)), command="it")
    assert "three seeds each, one comparison in fourteen is" in page


LOW, HIGH, NEAR = (50.0, 51.0, 52.0), (60.0, 61.0, 62.0), (50.5, 52.0, 53.0)


@pytest.mark.parametrize(
    ("before", "after", "sign", "baseline", "said"),
    [
        (LOW, HIGH, 1, 30.0, "repeats here"),
        (HIGH, LOW, 1, 30.0, "does not repeat"),
        (HIGH, LOW, -1, 30.0, "repeats here"),
        (LOW, HIGH, -1, 30.0, "does not repeat"),
        (LOW, NEAR, 1, 30.0, "within the spread"),
        (NEAR, LOW, 1, 30.0, "within the spread"),
        (LOW, HIGH, None, 30.0, "better with it"),
        (HIGH, LOW, None, 30.0, "worse with it"),
        (LOW, NEAR, None, 30.0, "within the spread"),
        (LOW, HIGH, 1, 61.0, "at the baseline"),
        (LOW, HIGH, 1, 58.0, "repeats here"),
        (LOW, (61.0,), 1, 30.0, "needs a second seed"),
        ((50.0, 50.0), (50.0, 50.0), 1, 30.0, "within the spread"),
    ],
)
def test_verdicts(before, after, sign, baseline, said):
    assert verdict(before, after, sign=sign, baseline=baseline) == said


def test_a_comparison_has_the_gain_the_spread_and_the_papers_own_gain():
    seen = found(quarter=(0.50, 0.51, 0.52), whole=(0.60, 0.61, 0.62))
    one = compare(seen, MORE_STEPS, QUESTIONS)
    assert one is not None
    assert one.gain == pytest.approx(10)
    assert one.spread == pytest.approx(1)
    assert one.paper == pytest.approx(1.20)  # 70.16 - 68.96
    assert one.verdict == "repeats here"


def test_arms_are_compared_on_the_seeds_that_both_have():
    seen = found(quarter=(0.5, 0.6, 0.1), whole=(0.6, 0.7))
    one = compare(seen, MORE_STEPS, QUESTIONS)
    assert one is not None
    assert one.gain == pytest.approx(10)
    assert compare(found(quarter=(0.5,)), MORE_STEPS, QUESTIONS) is None


def test_in_the_paper_every_finding_is_what_it_is_claimed_to_be():
    for finding in FINDINGS:
        gains = [compare(found(**{finding.before.replace("-", "_"): (0.5,),
                                  finding.after.replace("-", "_"): (0.6,)}), finding, measure)
                 for measure in MEASURES]  # fmt: skip
        known = [one.paper for one in gains if one and one.paper]
        assert bool(known) == (finding.sign is not None)
        assert all(gain * finding.sign > 0 for gain in known)


def test_the_reading_says_what_repeats_and_what_does_not():
    wins = " ".join(reading(found(quarter=(0.5, 0.51), whole=(0.6, 0.61)), MORE_STEPS))
    assert "repeats here on 7 of 7 (questions; pair statements;" in wins
    losses = " ".join(reading(found(words=(0.5, 0.51), words_patches=(0.6, 0.61)), PATCHES))
    assert "does not repeat on 7 of 7" in losses
    even = " ".join(reading(found(words=(0.5, 0.6), words_patches=(0.51, 0.61)), PATCHES))
    assert "within the spread on 7 of 7" in even
    assert "| +1.0 |" in even.replace("  ", " ").replace("  ", " ")
    own = " ".join(reading(found(words=(0.6, 0.61), words_unaligned=(0.5, 0.51)), ALIGNMENT))
    assert "the paper does not ablate it" in own
    assert "better with it on 7 of 7" in own


def test_augmentation_is_judged_by_what_is_measured_after_it():
    scores = found(words=(0.5, 0.51), words_augmented=(0.6, 0.61))
    assert "repeats here on 3 of 3" in " ".join(reading(scores, AUGMENTATION))


def test_a_grid_that_is_not_finished_says_what_is_missing():
    page = ablation_markdown(found(whole=(0.5, 0.6, 0.7), words=(0.6, 0.7)), command="the command")
    assert "Not finished" in page
    assert "100 WWM (2 of 3)" in page
    assert "100 WWM, no WPA (0 of 3)" in page
    assert "Not known yet" in page
    whole = ablation_markdown(
        found(**{name.replace("-", "_"): (0.5, 0.6) for name in NAMES}), command="the command"
    )
    assert "Not finished" not in whole
    assert "Not known yet" not in whole


def test_the_table_has_our_means_beside_the_papers_and_the_baseline():
    page = ablation_markdown(found(words=(0.5, 0.6, 0.7)), command="the command")
    row = next(line for line in page.splitlines() if line.startswith("| 100 WWM "))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1:3] == ["60.0 ± 10.0", "*70.33 ± 0.01*"]
    assert cells[6] == "*69.73*"
    bottom = next(line for line in page.splitlines() if line.startswith("| without looking"))
    assert [cell.strip() for cell in bottom.strip("|").split("|")][1:3] == ["30.0", "-"]


def test_rows_are_called_by_what_they_are():
    labels = [label(arm) for arm in found()["arms"]]
    assert labels[2:] == [
        "100", "100 WWM", "100 WWM + MPP", "100 WWM + aug", "100 WWM + aug", "100 WWM, no WPA",
    ]  # fmt: skip


def test_the_page_is_written_with_its_numbers_and_its_plot(tmp_path):
    seen = found(words=(0.5, 0.6))
    for path in write_ablation(seen, tmp_path / "docs", command="the command"):
        assert path.stat().st_size > 1000
    assert json.loads((tmp_path / "docs" / "ablation.json").read_text()) == seen
    page = (tmp_path / "docs" / "ablation.md").read_text()
    assert "Written by `the command` on a machine" in page
    assert "](ablation.png)" in page
    assert points(QUESTIONS, seen["arms"][3]["runs"]) == [50, 60]


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ({"quarter": [0.5], "whole": [0.6]}, "1 seed an arm"),
        ({"quarter": [0.5, 0.4], "whole": [0.6, 0.7]}, "2 seeds an arm"),
        ({"quarter": [0.5, 0.4, 0.6], "whole": [0.6, 0.7]}, "2 to 3 seeds an arm"),
    ],
)
def test_the_plot_says_how_many_seeds_it_shows(scores, said, tmp_path, monkeypatch):
    titles = []

    def drawn(panels, *, title):
        titles.append(title)
        return seed_dots(panels, title=title)

    monkeypatch.setattr(ablation_page, "seed_dots", drawn)
    write_ablation(found(**scores), tmp_path, command="repeat")
    assert titles == [f"Table 5 in the sticker world: {said}"]
