"""The families bench: stopped or run to its end, it says what it knows and no more."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from vilt_core.__main__ import main
from vilt_core.bench import setting_of
from vilt_core.bench.families import families_markdown, family_steps, measure_families
from vilt_core.bench.families_figure import figure_1
from vilt_core.evaluation.families import families
from vilt_core.evaluation.papers import FACTS
from vilt_core.evaluation.scaling import detectors
from vilt_core.layers.detector import Detector

ROOT = Path(__file__).resolve().parents[2]
SETTING = setting_of("cpu", rehearsal=True)


def test_each_step_knows_one_thing_more():
    steps = family_steps(SETTING)
    nothing, first, second = next(steps), next(steps), next(steps)
    steps.close()
    assert [len(step.found["families"]) for step in (nothing, first, second)] == [0, 1, 2]
    assert [step.done for step in (nothing, first, second)] == [0, 1, 2]
    assert nothing.then == FACTS[families()[0]].title
    assert json.loads(json.dumps(second.found)) == second.found
    assert families_markdown(second.found)


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def found(told):
    return measure_families(SETTING, progress=lambda *now: told.append(now))


def test_in_the_end_every_model_and_both_curves_are_there(found, told):
    assert [one["name"] for one in found["families"]] == families()
    assert len(found["tokens"]) == len(found["sides"]) == 3
    assert [one["name"] for one in found["detectors"]] == ["small ResNet"]
    assert told[0] == (FACTS[families()[0]].title, 0, len(families()) + 1 + 6)
    assert told[-1] == ("", len(families()) + 1 + 6, len(families()) + 1 + 6)
    assert {"bench", "hardware", "software", "threads", "company", "rows", "notes"} <= set(found)


def test_a_rehearsal_is_never_laid_beside_the_paper(found):
    text = families_markdown(found)
    assert "nothing to do with the paper" in text
    assert found["rows"] == []
    assert not any(FACTS[name].title in text.split("Medians")[0] for name in families())


def test_published_sizes_are_laid_beside_the_paper(found):
    text = families_markdown(found | {"size": "published"})
    line = next(line for line in text.splitlines() if line.startswith("| ViLT-B/32"))
    cells = [cell.strip() for cell in line.split("|")[1:-1]]
    assert (cells[3], cells[5], cells[7], cells[9]) == ("200 + 40", "87.4", "55.9", "~15")
    for name in families():
        assert FACTS[name].differs in text


@pytest.mark.slow
def test_the_command_prints_tables_and_writes_the_same_numbers(tmp_path):
    file = tmp_path / "found.json"
    words = ["bench", "families", "--device", "cpu", "--rehearsal", "--json", str(file)]
    words += ["--figure", str(tmp_path / "figure.svg")]
    shown = subprocess.run(
        [sys.executable, "-m", "vilt_core", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    found = json.loads(file.read_text())
    assert found["command"] == f"python -m vilt_core {' '.join(words)}"
    assert shown.stdout == families_markdown(found) + "\n"
    assert "<svg" in (tmp_path / "figure.svg").read_text()


def test_figure_1_stacks_what_was_measured(found):
    drawn = figure_1(found, "Time", here="here")
    bars = [trace for trace in drawn.data if trace.type == "bar"]
    for at, one in enumerate(found["families"]):
        assert FACTS[one["name"]].title in bars[0].y[at]
        stacked = sum(bar.x[at] for bar in bars[:3])
        assert stacked == pytest.approx(one["counted"]["milliseconds"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("families", "--figure", "figure.txt"), "figure must end in .png, .svg, .pdf"),
        (("families", "--figure", "nowhere/figure.png"), "nowhere"),
        (("transport", "--figure", "figure.png"), "only families are drawn"),
    ],
)
def test_a_figure_that_cannot_be_is_told_before_anything_is_measured(
    words, said, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["vilt_core", "bench", *words])
    with pytest.raises(SystemExit):
        main()
    assert said in capsys.readouterr().err


def test_it_ends_before_the_next_run_of_a_model_where_that_is_asked():
    runs = []

    class Left(Exception):
        pass

    def between() -> None:
        runs.append(1)
        if len(runs) == 3:
            raise Left

    steps = family_steps(SETTING, between=between)
    assert next(steps).done == 0
    with pytest.raises(Left):
        next(steps)
    assert len(runs) == 3


def test_the_detectors_of_the_paper_are_built_at_their_own_sizes():
    with torch.device("meta"):
        held = {
            name: sum(p.numel() for p in Detector(**config.numbers()).parameters()) / 1e6
            for name, config in detectors().items()
        }
    assert held["ResNet-101"] == pytest.approx(63.7, abs=0.1)
    assert held["ResNeXt-152"] > held["ResNet-101"]
    assert {(one.shorter, one.longer) for one in detectors().values()} == {(800, 1333)}
