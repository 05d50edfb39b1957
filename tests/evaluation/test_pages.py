import json
from dataclasses import replace

import pytest
import torch

from vilt_core.config import clip_mini
from vilt_core.evaluation.card import card_markdown, read_training, write_card
from vilt_core.evaluation.pages import publish_results, publish_study
from vilt_core.evaluation.report import LIMITS as USUAL
from vilt_core.evaluation.report import fill_readme, limits_of, measure, summary_table
from vilt_core.evaluation.tables import percent, table
from vilt_core.interop.lab import save_folder
from vilt_core.models.clip import Clip
from vilt_core.models.vilt import Vilt

LIMITS = {
    "vqa": 16,
    "matching": 16,
    "nlvr2": 16,
    "retrieval": 11,
    "alignment": 6,
    "pointing": 6,
    "places": 8,
}
TRAINING = {
    "command": "python -m vilt_core train",
    "recipe": "vilt-mini",
    "stages": [
        {"name": "backbone", "steps": 3600, "batch_size": 128},
        {"name": "pretrain", "steps": 400, "batch_size": 64},
    ],
    "seconds": 11520.4,
    "hardware": "2 CPU cores",
    "torch": "2.11",
}


@pytest.fixture(scope="module")
def published(bundle, tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    save_folder(bundle, folder / "model")
    (folder / "model" / "training.json").write_text(json.dumps(TRAINING))
    paths = publish_results(folder / "model", folder / "docs", limits=LIMITS, command="measure it")
    return folder, paths


@pytest.fixture(scope="module")
def results(published):
    return json.loads((published[0] / "docs" / "results.json").read_text())


def numbers_of(page):
    """Every number with one decimal that stands in a table of the page."""
    cells = [c.strip(" *") for line in page.splitlines() if "|" in line for c in line.split("|")]
    return [cell for cell in cells if cell.replace(".", "", 1).isdecimal() and "." in cell]


def test_everything_is_written(published):
    folder, paths = published
    assert {str(path.relative_to(folder)) for path in paths} == {
        "docs/results.json",
        "docs/results.md",
        "docs/alignment-methods.png",
        "model/card.md",
    }
    assert all(path.stat().st_size for path in paths)
    assert not list(folder.rglob("*.part"))


def test_every_task_on_every_set(results):
    assert [(r["task"], r["data"]) for r in results["results"]] == [
        (task, f"world:{split}")
        for task in ("vqa", "matching", "retrieval", "alignment", "pointing", "places")
        for split in ("test", "style", "composition")
    ]


@pytest.mark.parametrize("page", ["docs/results.md", "model/card.md"])
def test_a_task_without_a_head_is_left_out_with_a_word(published, results, page):
    assert results["skipped"] == {"nlvr2": "the model has no nlvr2 head"}
    assert "Not measured: the model has no nlvr2 head." in (published[0] / page).read_text()


def test_a_model_without_patches_has_pages_without_their_figure(bundle, tmp_path):
    torch.manual_seed(0)
    config = clip_mini(vocab_size=len(bundle.tokenizer), answers=len(bundle.answers))
    dual = replace(bundle, model=Clip(config))
    published = publish_results(dual, tmp_path / "docs", limits=LIMITS, command="measure it")
    assert [path.name for path in published] == ["results.json", "results.md"]
    page = published[1].read_text()
    assert "![" not in page
    assert "Not measured: only a ViLT has patches" in page


def test_a_report_that_is_cut_short_asks_no_task_for_more_than_usual():
    assert set(limits_of(7).values()) == {7}
    assert {**limits_of(10_000), **USUAL} == limits_of(10_000)


def test_a_model_for_pairs_and_rankings_alone(bundle, tmp_path):
    torch.manual_seed(0)
    config = replace(bundle.model.config, tasks=("nlvr2", "rank"), modality_types=3, answers=0)
    ranking = replace(bundle, model=Vilt(config), answers=())
    published = publish_results(ranking, tmp_path / "docs", limits=LIMITS, command="measure it")
    results = json.loads(published[0].read_text())
    assert list(results["skipped"]) == ["vqa", "matching"]
    assert {r["task"] for r in results["results"]} == {
        "nlvr2",
        "retrieval",
        "alignment",
        "pointing",
        "places",
    }
    page = published[1].read_text()
    assert "both ways round (consistency)" in page
    assert "Not measured: the model has no itm head." in page
    rows = summary_table(results["results"]).splitlines()
    assert [row.split("|")[1].strip() for row in rows[2:]] == [
        "statements about two pictures",
        "without looking at either (text only)",
        "the picture of a caption, first of all",
        "the caption of a picture, first of all",
        "either by chance",
        "pointing of the alignment",
        "pointing by chance",
    ]


@pytest.mark.parametrize("page", ["docs/results.md", "model/card.md"])
def test_every_number_in_a_table_was_measured(published, results, page):
    def shares(value):
        if isinstance(value, dict):
            for inner in value.values():
                yield from shares(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from shares(inner)
        elif isinstance(value, float) and value <= 1:
            yield percent(value)

    found = numbers_of((published[0] / page).read_text())
    assert len(found) > 90
    assert set(found) <= set(shares(results))


def test_the_card_says_how_it_was_made(published):
    card = (published[0] / "model" / "card.md").read_text()
    for fact in (
        "python -m vilt_core train",
        "3 h 12 min",
        "2 CPU cores",
        "| backbone | 3,600 |   128 |  460,800 |",
        "486,400",
        "`measure it`",
        "text only",
        "held-out style",
        "composition",
    ):
        assert fact in card


def test_a_card_without_a_known_training(bundle, results):
    card = card_markdown(bundle, results, training=None, command="measure it")
    assert "how it was trained is not known" in card


def test_training_that_cannot_be_read(tmp_path):
    assert read_training(tmp_path) is None
    (tmp_path / "training.json").write_text("{")
    with pytest.raises(ValueError, match="not readable JSON"):
        read_training(tmp_path)
    (tmp_path / "training.json").write_text("[]")
    with pytest.raises(ValueError, match="must hold an object, got list"):
        read_training(tmp_path)


def test_measurements_of_another_model(bundle, results, tmp_path):
    with pytest.raises(ValueError, match="expected measurements of untrained, got vilt's"):
        write_card(tmp_path, bundle, results | {"model": "vilt"}, command="measure it")


def test_measuring_again_gives_the_same(bundle, results):
    def timeless(measured):
        return [{k: v for k, v in r.items() if k != "seconds"} for r in measured["results"]]

    heard = []
    again = measure(bundle, limits=LIMITS, progress=lambda *at: heard.append(at))
    assert timeless(again) == timeless(results)
    assert ("vqa world:test", 16, 16) in heard
    assert ("alignment world:composition", 6, 6) in heard


def test_the_study_is_published(bundle, tmp_path):
    page, numbers = publish_study(bundle, tmp_path / "docs", limit=4)
    assert page.name == "alignment-study.md"
    rows = json.loads(numbers.read_text())["rows"]
    assert set(numbers_of(page.read_text())) <= {
        percent(row[measure])
        for row in rows
        for measure in ("pointing", "mass", "average_precision", "claimed")
    }


def test_tables_line_up():
    lines = table(["what", "a", "longer"], [["one", "1.0", "2.0"], ["another", "10.0", "-"]])
    assert len({len(line) for line in lines.splitlines()}) == 1
    with pytest.raises(ValueError, match="3 cells, got 2"):
        table(["what", "a", "longer"], [["one", "1.0"]])
    assert percent(None) == "-"
    assert percent(0.98765) == "98.8"


def test_a_readme_s_table_is_renewed_between_its_markers_and_nowhere_else(tmp_path, results):
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- results -->\nold\n<!-- /results -->\nafter\n")
    assert fill_readme(readme, results)
    text = readme.read_text()
    assert text.startswith("before\n<!-- results -->\n|")
    assert text.endswith("<!-- /results -->\nafter\n")
    assert "old" not in text
    assert fill_readme(readme, results)
    assert readme.read_text() == text


def test_a_readme_without_markers_is_left_alone(tmp_path, results):
    readme = tmp_path / "README.md"
    readme.write_text("nothing to fill")
    assert not fill_readme(readme, results)
    assert not fill_readme(tmp_path / "none.md", results)
    assert readme.read_text() == "nothing to fill"
