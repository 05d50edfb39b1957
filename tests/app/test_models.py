import pytest

from app.models import catalogue

TASKS = {"answer", "match", "fill", "align"}


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
    assert len(set(checkpoints.values())) == 3


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
