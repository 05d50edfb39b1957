"""Whatever a person may name as a model is told apart and opened, or one sentence says why not."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import hub_server
import numpy as np
import pytest
import torch
from judges import refusal_of
from safetensors.torch import load, load_file

import vilt_core
from vilt_core.config import ViltConfig, vilt_b32
from vilt_core.data.text import Tokenizer
from vilt_core.interop import (
    from_huggingface,
    from_original,
    from_timm,
    open_bundle,
    to_huggingface,
)
from vilt_core.interop.bundle import Bundle
from vilt_core.interop.lab import save_folder
from vilt_core.interop.renames import outwards
from vilt_core.models.vilt import Vilt

SENTENCES = ["how many cats are there?", "a red apple"]


@pytest.fixture
def bundle():
    tokenizer = Tokenizer.train(SENTENCES, vocab_size=60, max_tokens=20)
    config = ViltConfig(
        vocab_size=len(tokenizer),
        width=128,
        depth=2,
        heads=2,
        image_size=32,
        patch_size=8,
        max_text_tokens=20,
        answers=3,
        tasks=("itm", "mlm"),
        norm_eps=1e-12,
    )
    torch.manual_seed(0)
    model = Vilt(config).eval()
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    answers = ("yes", "no", "2")
    return Bundle(
        name="one", model=model, tokenizer=tokenizer, answers=answers, domain="photographs"
    )


@pytest.fixture
def places(bundle, tmp_path):
    """The same model in every form."""
    save_folder(bundle, tmp_path / "lab")
    to_huggingface(bundle, tmp_path / "there")
    original = tmp_path / "original"
    original.mkdir()
    state = outwards(bundle.model.state_dict(), names="original", depth=2)
    torch.save({"state_dict": state}, original / "vilt_vqa.ckpt")
    named = {str(at): answer for at, answer in enumerate(bundle.answers)}
    (original / "vqa_dict.json").write_text(json.dumps(named))
    bundle.tokenizer.save(original / "tokenizer.json")
    return {
        "lab": tmp_path / "lab",
        "there": tmp_path / "there",
        "its weights": tmp_path / "there" / "model.safetensors",
        "original": original / "vilt_vqa.ckpt",
    }


def test_one_model_in_every_form(places, bundle):
    picture = np.random.default_rng(0).integers(0, 256, (32, 40, 3), dtype=np.uint8)
    expected = bundle.model.state_dict()
    told = []
    for source in places.values():
        for form in (source, str(source)):
            found = open_bundle(form).model.state_dict()
            assert all(torch.equal(found[name], expected[name]) for name in expected)
        predictor = vilt_core.load(source)
        assert predictor.domain == "photographs"
        replies = predictor.answer(picture, "how many cats are there?")
        assert {reply.text for reply in replies} == set(bundle.answers)
        told.append([reply.probability for reply in replies])
    np.testing.assert_allclose(told, told[:1] * len(told), atol=1e-4)


def test_a_name_of_the_hub(bundle, tmp_path, monkeypatch):
    to_huggingface(bundle, tmp_path / "snapshot")
    asked = []

    def fetch(repo, *, revision=None, progress=None):
        asked.append((repo, revision))
        progress(3, 3)
        return tmp_path / "snapshot"

    monkeypatch.setattr("vilt_core.interop.hub.fetch", fetch)
    told = []
    predictor = vilt_core.load(
        "owner/name", revision="v1", progress=lambda done, total: told.append((done, total))
    )
    assert asked == [("owner/name", "v1")]
    assert told == [(3, 3)]
    assert predictor.answers == bundle.answers


def test_a_hub_model_without_a_name_of_its_own_has_its_hub_name(bundle, tmp_path, monkeypatch):
    to_huggingface(bundle, tmp_path)
    described = json.loads((tmp_path / "config.json").read_text())
    del described["vilt_lab"]
    (tmp_path / "config.json").write_text(json.dumps(described))
    monkeypatch.setattr("vilt_core.interop.hub.fetch", lambda *_, **__: tmp_path)
    assert open_bundle("owner/name").name == "owner/name"
    assert open_bundle(tmp_path).name == tmp_path.name


@pytest.mark.parametrize("source", ["nothing here", "a/b/c", "vilt.ckpt", "", "x" * 5000, "a\0b"])
def test_what_is_nothing(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"a name on the Hugging Face Hub|config\.json") as caught:
        open_bundle(source)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("read", [from_huggingface, from_original, from_timm, vilt_core.load])
def test_a_name_too_long_for_a_file(read):
    assert len(refusal_of(read, "x" * 5000)) < 500


def test_files_that_are_no_checkpoints(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    with pytest.raises(ValueError, match="expected a checkpoint file"):
        open_bundle(path)


def test_a_folder_of_another_model(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ValueError, match="must describe a vilt or a clip, got 'bert'"):
        open_bundle(Path(tmp_path))


# By way of the hub


def published(bundle, folder):
    """The files of a repository, as they are named there."""
    to_huggingface(bundle, folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_from_the_hub_to_an_answer(bundle, hub, tmp_path):
    files = published(bundle, tmp_path / "files")
    hub.repositories["owner/vilt"] = hub_server.Repository(files=files)
    told = []
    predictor = vilt_core.load("owner/vilt", progress=lambda *now: told.append(now))
    assert told[-1][0] == told[-1][1] > len(files["model.safetensors"])
    assert predictor.answers == bundle.answers
    expected = bundle.model.state_dict()
    found = open_bundle("owner/vilt").model.state_dict()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_a_repository_without_a_tokenizer_speaks_berts_words(bundle, hub, tmp_path, monkeypatch):
    files = published(bundle, tmp_path / "files")
    words = {"vocab.txt": files["vocab.txt"]}
    weights = load(files["model.safetensors"])
    pickled = BytesIO()
    torch.save(weights, pickled)
    bare = {"config.json": files["config.json"], "pytorch_model.bin": pickled.getvalue()}
    hub.repositories["owner/bare"] = hub_server.Repository(files=bare)
    with pytest.raises(ValueError, match="has no tokenizer"):
        vilt_core.load("owner/bare")
    hub.repositories["google-bert/bert-base-uncased"] = hub_server.Repository(files=words)
    found = open_bundle("owner/bare")
    expected = bundle.tokenizer.encode(SENTENCES).batch.ids
    assert torch.equal(found.tokenizer.encode(SENTENCES).batch.ids, expected)
    assert found.processing.size == 384
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert torch.equal(open_bundle("owner/bare").tokenizer.encode(SENTENCES).batch.ids, expected)


def test_wrong_files_of_the_hub(bundle, hub, tmp_path):
    files = published(bundle, tmp_path / "files") | {"model.safetensors": b"\xff" * 1000}
    hub.repositories["owner/wrong"] = hub_server.Repository(files=files)
    with pytest.raises(ValueError, match="is damaged or truncated") as caught:
        vilt_core.load("owner/wrong")
    assert "\n" not in str(caught.value)


# In memory

MEASURE = """
import sys, torch

def held():
    lines = open("/proc/self/status").read().splitlines()
    return {line.split()[0]: int(line.split()[1]) / 1024 for line in lines if line.startswith("Vm")}

before = held()["VmRSS:"]
import numpy, vilt_core

predictor = vilt_core.load(sys.argv[1])
picture = numpy.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=numpy.uint8)
predictor.answer(picture, "how many cats are there?")
print(held()["VmHWM:"] - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize("form", ["model.safetensors", "pytorch_model.bin"])
def test_vilt_b32_answers_within_600_megabytes(bundle, tmp_path, form):
    if not Path("/proc/self/status").exists():
        pytest.skip("this system does not tell how much memory a process holds")
    answers = tuple(f"answer {at}" for at in range(3129))
    model = Vilt(replace(vilt_b32(answers=3129), tasks=()))
    to_huggingface(replace(bundle, model=model, answers=answers), tmp_path)
    if form == "pytorch_model.bin":
        torch.save(load_file(tmp_path / "model.safetensors"), tmp_path / form)
        (tmp_path / "model.safetensors").unlink()
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        cwd=Path(__file__).parents[2],
    )
    assert 100 < float(done.stdout) < 600
