"""Rivals of ViLT are saved and opened as it is, every weight once."""

import json
from dataclasses import replace

import pytest
import torch
from judges import refusal_of
from safetensors.torch import load_file

from vilt_core.config import clip_mini, uniter_mini, vilbert_mini
from vilt_core.data.text import Tokenizer
from vilt_core.interop.bundle import Bundle
from vilt_core.interop.lab import load_folder, save_folder
from vilt_core.models import kind_of, of_config

SENTENCES = ["a cat next to a red apple", "how many cats are there?", "a dog above a giraffe"]
PRESETS = {"clip": clip_mini, "uniter": uniter_mini, "vilbert": vilbert_mini}


@pytest.fixture(params=PRESETS)
def bundle(request):
    tokenizer = Tokenizer.train(SENTENCES, vocab_size=80, max_tokens=40)
    torch.manual_seed(0)
    config = PRESETS[request.param](vocab_size=len(tokenizer), answers=2)
    if request.param != "clip":
        config = replace(config, detector=None)  # what sees lies in a folder of its own
    model = of_config(config)
    assert kind_of(model) == request.param
    return Bundle(name="rival", model=model, tokenizer=tokenizer, answers=("yes", "no"))


def test_everything_comes_back_to_the_bit(bundle, tmp_path):
    save_folder(bundle, tmp_path)
    found = load_folder(tmp_path)
    assert type(found.model) is type(bundle.model)
    assert found.model.config == bundle.model.config
    before, after = bundle.model.state_dict(), found.model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_what_was_saved_before_there_were_more_heads_opens_without_them(bundle, tmp_path):
    save_folder(bundle, tmp_path)
    path = tmp_path / "config.json"
    described = json.loads(path.read_text())
    for head in ("referring", "choice"):
        assert described["config"].pop(head, False) is False
    path.write_text(json.dumps(described))
    found = load_folder(tmp_path).model
    assert found.config == bundle.model.config
    assert found.referring is None
    assert found.choice is None


def test_what_is_one_in_two_places_is_saved_once_and_one_again(bundle, tmp_path):
    save_folder(bundle, tmp_path, dtype=torch.float16)
    held = sum(value.numel() for value in load_file(tmp_path / "model.safetensors").values())
    model = load_folder(tmp_path).model
    assert held == sum(parameter.numel() for parameter in bundle.model.parameters())
    if model.mlm is not None:
        assert model.mlm.decoder.weight is model.text_embedding.words.weight


def test_saving_what_was_loaded_writes_the_same_weights(bundle, tmp_path):
    save_folder(bundle, tmp_path / "once")
    save_folder(load_folder(tmp_path / "once"), tmp_path / "twice")
    once, twice = (
        (tmp_path / time / "model.safetensors").read_bytes() for time in ("once", "twice")
    )
    assert once == twice


def test_a_config_far_beyond_its_weights_is_refused(bundle, tmp_path):
    deep = {"clip": "text_depth", "uniter": "depth", "vilbert": "text_depth"}[kind_of(bundle.model)]
    save_folder(bundle, tmp_path)
    config = tmp_path / "config.json"
    was = f'"{deep}": {getattr(bundle.model.config, deep)}'
    text = config.read_text()
    assert was in text
    config.write_text(text.replace(was, f'"{deep}": 1000000000'))
    assert "does not fit its config" in refusal_of(load_folder, tmp_path)


def test_what_only_a_vilt_does_is_refused_in_a_sentence(bundle):
    named = replace(bundle, name="other")
    with pytest.raises(ValueError, match="this takes a ViLT"):
        _ = named.vilt
