import shutil
from pathlib import Path

import pytest

from app.models import catalogue
from vilt_core.predictor import load

TASKS = {"answer", "match", "fill", "align", "compare"}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """Away from whatever was trained in the folder of this checkout."""
    monkeypatch.chdir(tmp_path)


def test_every_model_does_every_task():
    models = catalogue({})
    assert list(models) == ["vilt-mini", "ViLT-B/32"]
    assert all(set(model.checkpoints) == TASKS for model in models.values())
    assert models["vilt-mini"].at_once
    assert not models["ViLT-B/32"].at_once
    assert all(checkpoint.megabytes for checkpoint in models["ViLT-B/32"].checkpoints.values())


def test_masks_and_alignment_share_a_checkpoint():
    checkpoints = catalogue({})["ViLT-B/32"].checkpoints
    assert checkpoints["fill"] == checkpoints["align"]
    assert len(set(checkpoints.values())) == 4


def test_a_folder_stands_in_for_the_hub(tmp_path):
    models = catalogue({"VILT_LAB_PHOTO_MODELS": str(tmp_path)})
    checkpoint = models["ViLT-B/32"].checkpoints["answer"]
    assert checkpoint.source == str(tmp_path / "vilt-b32-finetuned-vqa")
    assert checkpoint.name == "dandelin/vilt-b32-finetuned-vqa"


@pytest.mark.parametrize("chosen", ["", "vilt-mini"])
def test_the_embedded_model_comes_first(chosen):
    assert next(iter(catalogue({"VILT_LAB_MODEL": chosen}))) == "vilt-mini"


def test_ones_own_folder_comes_first_under_its_own_name(tmp_path):
    folder = tmp_path / "finer"
    folder.mkdir()
    models = catalogue({"VILT_LAB_MODEL": str(folder)})
    assert list(models) == ["finer", "vilt-mini", "ViLT-B/32"]
    assert models["finer"].at_once
    assert models["finer"].checkpoints["align"].source == str(folder)


def test_a_folder_that_is_named_like_another_model_keeps_its_path(tmp_path):
    folder = tmp_path / "vilt-mini"
    folder.mkdir()
    assert list(catalogue({"VILT_LAB_MODEL": str(folder)}))[:2] == [str(folder), "vilt-mini"]


def test_a_name_of_the_hub_has_to_be_fetched():
    models = catalogue({"VILT_LAB_MODEL": "someone/vilt"})
    assert next(iter(models)) == "someone/vilt"
    assert not models["someone/vilt"].at_once


def test_the_photograph_model_may_be_the_one_to_open_with():
    assert next(iter(catalogue({"VILT_LAB_MODEL": "ViLT-B/32"}))) == "ViLT-B/32"


@pytest.fixture
def run(tiny_folder, tmp_path):
    """A finished training beside others, made by copying a small model."""

    def run(name: str) -> Path:
        return Path(shutil.copytree(tiny_folder, tmp_path / "runs" / name / "model"))

    return run


def test_trainings_are_offered_last_under_the_names_of_their_runs(run, tmp_path, monkeypatch):
    for name in ("shapes", "mine"):
        run(name)
    models = catalogue({"VILT_LAB_RUNS": str(tmp_path / "runs")})
    assert list(models) == ["vilt-mini", "ViLT-B/32", "mine", "shapes"]
    assert models["mine"].at_once
    assert load(models["mine"].checkpoints["answer"].source).name == "tiny"
    monkeypatch.chdir(tmp_path)
    assert list(catalogue({})) == list(models)


@pytest.mark.parametrize(
    ("file", "left"),
    [
        ("config.json", 0),
        ("config.json", 100),
        ("tokenizer.json", None),
        ("model.safetensors", None),
        ("model.safetensors", -1),
    ],
)
def test_a_damaged_training_is_left_out_and_the_log_says_so(run, tmp_path, caplog, file, left):
    damaged = run("broken") / file
    run("mine")
    content = damaged.read_bytes()
    damaged.unlink()
    if left is not None:
        damaged.write_bytes(content[:left])
    models = catalogue({"VILT_LAB_RUNS": str(tmp_path / "runs")})
    assert list(models) == ["vilt-mini", "ViLT-B/32", "mine"]
    assert "broken" in caplog.text


def test_a_training_that_is_chosen_comes_first_and_once(run, tmp_path):
    environment = {"VILT_LAB_MODEL": str(run("mine")), "VILT_LAB_RUNS": str(tmp_path / "runs")}
    assert list(catalogue(environment)) == ["mine", "vilt-mini", "ViLT-B/32"]


def test_a_training_that_is_named_like_another_model_keeps_its_path(run, tmp_path):
    path = run("vilt-mini")
    models = catalogue({"VILT_LAB_RUNS": str(tmp_path / "runs")})
    assert list(models) == ["vilt-mini", "ViLT-B/32", str(path)]
    assert models["vilt-mini"].checkpoints["answer"].source == "vilt-mini"
