"""Laws of the comparison: every family is asked the same, and every number was measured."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from vilt_core.bench.comparison import (
    compare_model,
    compared_models,
    in_order,
    read_comparison,
    timed_together,
)
from vilt_core.bench.comparison_page import comparison_markdown, write_comparison
from vilt_core.bench.live_memory import peak_bytes
from vilt_core.config import detector_mini
from vilt_core.data.text import Tokenizer
from vilt_core.evaluation import text_only
from vilt_core.evaluation.papers import FACTS
from vilt_core.evaluation.report import REPORTED
from vilt_core.evaluation.tables import percent
from vilt_core.interop.detectors import save_detector
from vilt_core.interop.lab import save_folder
from vilt_core.training.detecting import fresh_detector
from vilt_core.training.loop import new_bundle
from vilt_core.training.rivals import FURTHER, RIVALS
from vilt_core.world.corpus import corpus

LIMITS = {
    "vqa": 16,
    "matching": 12,
    "nlvr2": 12,
    "retrieval": 5,
    "alignment": 4,
    "pointing": 4,
    "places": 6,
}
TRAINING = {"stages": [{"name": "captions", "steps": 12, "batch_size": 64}], "seconds": 7200.0}


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> Iterator[list[Path]]:
    """Every rival, untrained."""
    models, config = tmp_path_factory.mktemp("models"), detector_mini()
    save_detector(config, fresh_detector(config).state_dict(), models / "detector-mini")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vilt_core.interop.detectors.SHIPPED", models)
        patch.setattr("vilt_core.training.naming_cells.SCENES", 64)
        patch.setattr(text_only, "FITTED_ON", 800)
        words = Tokenizer.train(corpus(0, scenes=300), vocab_size=400)
        for name, recipe in RIVALS.items():
            bundle = new_bundle(recipe(scale=0.001), tokenizer=words)
            save_folder(replace(bundle, name=name), models / name)
            (models / name / "training.json").write_text(json.dumps(TRAINING))
        yield [models / name for name in RIVALS]
    text_only.world_text_only.cache_clear()


@pytest.fixture(scope="module")
def found(folders):
    measured = [
        compare_model(folder, sets=["world:test"], limits=LIMITS, command="compare them")
        for folder in folders
    ]
    return {one["model"]: one for one in measured}


def test_who_learned_further_tasks_is_not_compared():
    names = compared_models()
    assert set(RIVALS) <= set(names)
    assert not set(FURTHER) & set(names)
    assert set(names) == set(read_comparison(Path(__file__).parents[2] / "docs"))


def test_every_model_is_asked_everything_or_says_why_not(found):
    assert set(found) == set(RIVALS)
    for one in found.values():
        done = {result["task"] for result in one["results"]}
        assert done | set(one["skipped"]) == set(REPORTED)
        assert {"vqa", "nlvr2", "retrieval"} <= done
    apart = {name for name, one in found.items() if "pointing" in one["skipped"]}
    assert apart == {"vse-mini", "clip-mini"}


def test_chance_and_questions_are_the_same_for_all(found):
    baselines = {
        (result["examples"], result["text_only"], result["data"])
        for one in found.values()
        for result in one["results"]
        if result["task"] == "vqa"
    }
    assert len(baselines) == 1


def test_costs_and_memory_are_those_of_the_model(found):
    for one in found.values():
        assert one["memory"]["weights"] >= 4 * one["parameters"]
        assert 0 < one["memory"]["pair"] < one["memory"]["weights"]
        parts = sum(part["flops"] for part in one["cost"]["components"])
        assert one["cost"]["total"]["flops"] == parts > 0
        assert (one["steps"], one["seconds"]) == (12, 7200.0)


def test_the_families_stand_in_the_papers_order(found):
    letters = [FACTS[one["family"]].kind for one in in_order(found)]
    assert letters == sorted(letters)
    assert letters[-1] == "d"


def test_every_number_on_the_page_was_measured(found):
    page = comparison_markdown(found, command="compare them")
    scores = page.split("## At what cost")[0]
    cells = {
        cell.strip() for line in scores.splitlines() if "|" in line for cell in line.split("|")
    }
    numbers = {cell for cell in cells if cell.replace(".", "", 1).isdecimal()}

    def shares(value):
        if isinstance(value, dict):
            return {one for inner in value.values() for one in shares(inner)}
        if isinstance(value, list):
            return {one for inner in value for one in shares(inner)}
        return {percent(value)} if isinstance(value, float) and value <= 1 else set()

    assert len(numbers) > 8, "few examples, few different shares"
    assert numbers <= shares([one["results"] for one in found.values()])
    assert all(name in page for name in RIVALS)


def test_pages_are_written_and_read_back(found, tmp_path):
    (tmp_path / "README.md").write_text("a <!-- comparison -->\n<!-- /comparison --> b")
    paths = write_comparison(found, tmp_path / "docs", command="compare them")
    assert [path.name for path in paths] == [
        "comparison.json",
        "comparison.md",
        "comparison.png",
        "README.md",
    ]
    assert "uniter-mini (c)" in (tmp_path / "README.md").read_text()
    assert read_comparison(tmp_path / "docs") == json.loads(json.dumps(found))
    assert read_comparison(tmp_path) == {}
    (tmp_path / "comparison.json").write_text("[]")
    with pytest.raises(ValueError, match="must hold an object"):
        read_comparison(tmp_path)


def test_all_are_timed_on_one_machine_and_in_one_sitting(found, folders):
    here = found["vse-mini"]["cost"]["hardware"]
    elsewhere = {
        name: {**one, "cost": {**one["cost"], "hardware": "a machine of last year"}}
        for name, one in found.items()
        if name in ("vse-mini", "clip-mini")
    } | {"gone-mini": {**found["vse-mini"], "model": "gone-mini"}}
    assert "a machine of last year" in comparison_markdown(elsewhere, command="compare them")
    told = []
    by_name = {folder.name: folder for folder in folders}
    timed = timed_together(elsewhere, by_name, progress=lambda *step: told.append(step))
    assert {one["cost"]["hardware"] for one in timed.values()} == {here}
    assert "last year" not in comparison_markdown(timed, command="compare them")
    for name, one in timed.items():
        assert one["results"] is elsewhere[name]["results"]
        assert one["memory"]["weights"] == elsewhere[name]["memory"]["weights"]
    assert told == [("costs", at, 3) for at in (1, 2, 3)]


def test_a_card_that_another_command_wrote_stays(folders, tmp_path):
    own = tmp_path / "vse-mini"
    shutil.copytree(next(folder for folder in folders if folder.name == "vse-mini"), own)
    (tmp_path / "detector-mini").symlink_to(folders[0].parent / "detector-mini")
    limits = dict.fromkeys(LIMITS, 2)
    for written, kept in (("by `another command`", True), ("by `compare them`", False)):
        (own / "card.md").write_text(written)
        compare_model(own, sets=["world:test"], limits=limits, command="compare them")
        assert ((own / "card.md").read_text() == written) is kept


def test_every_card_names_its_paper(found, folders):
    for folder in folders:
        card = (folder / "card.md").read_text()
        facts = FACTS[found[folder.name]["family"]]
        assert facts.kind == "d" or facts.paper in card
        assert f"{found[folder.name]['parameters']:,}" in card


def test_peak_of_what_is_held():
    x = torch.zeros(1000)

    def two_at_once():
        first = x + 1
        second = first * 2
        del first
        return second + 1

    assert peak_bytes(two_at_once) == 8000
    assert peak_bytes(lambda: x.view(10, 100).mul_(1)) == 0, "views and x itself are nothing new"
    assert peak_bytes(lambda: [x + one for one in range(5)]) == 20000
