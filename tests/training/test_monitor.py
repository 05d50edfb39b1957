"""Laws of a watched run: what it leaves beside the model, and that it can be taken up again."""

import copy
import json
from dataclasses import replace

import pytest

from vilt_core.interop.lab import load_folder
from vilt_core.training import loop, monitor
from vilt_core.training.engine import Settings
from vilt_core.training.loop import train
from vilt_core.training.monitor import train_and_watch
from vilt_core.training.recipes import vilt_mini


@pytest.fixture
def watch(tiny_recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(monitor, "_WATCHED_QUESTIONS", 8)

    def run():
        return train_and_watch(
            tiny_recipe,
            tmp_path,
            command="the command",
            settings=Settings(device="cpu"),
            evaluate_every=2,
        )

    return run


def test_a_run_leaves_a_model_its_summary_and_its_curves(watch, tiny_recipe, tmp_path):
    folder = watch()
    assert load_folder(folder).name == tiny_recipe.name
    summary = json.loads((folder / "training.json").read_text())
    assert summary["command"] == "the command"
    assert [stage["steps"] for stage in summary["stages"]] == [2, 3, 3]
    assert summary["seconds"] >= 0
    assert summary["hardware"]
    curves = next((tmp_path / "tensorboard").iterdir()).read_bytes()
    for name in (b"loss/mlm", b"loss/vqa", b"accuracy/vqa", b"optimiser/learning rate"):
        assert name in curves


def test_what_is_kept_of_a_stage_says_how_far_it_was_trained(tiny_recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(monitor, "_WATCHED_QUESTIONS", 8)
    recipe = replace(tiny_recipe, kept=("pretrain",))
    train_and_watch(recipe, tmp_path, command="it", settings=Settings(device="cpu"))
    summary = json.loads((tmp_path / "model-pretrain" / "training.json").read_text())
    assert [stage["name"] for stage in summary["stages"]] == ["backbone", "pretrain"]


def test_a_run_keeps_its_words_when_the_language_has_changed(
    watch, tiny_recipe, tiny_bundle, tokenizer, tmp_path, monkeypatch
):
    bundle = replace(tiny_bundle, model=copy.deepcopy(tiny_bundle.model))
    often = Settings(device="cpu", save_every=2)
    running = train(tiny_recipe, tmp_path, bundle=bundle, settings=often)
    for _ in range(4):
        next(running)
    running.close()
    monkeypatch.setattr(loop.Tokenizer, "train", lambda *_, **__: tokenizer)
    finished = load_folder(watch())
    assert finished.tokenizer.backend.get_vocab() == tiny_bundle.tokenizer.backend.get_vocab()
    assert (tmp_path / "model" / "training.json").is_file()


def test_a_device_that_is_not_there_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="device must be"):
        train_and_watch(
            vilt_mini(scale=0.001),
            tmp_path / "run",
            command="any",
            settings=Settings(device="moon"),
        )
    assert not (tmp_path / "run").exists()
