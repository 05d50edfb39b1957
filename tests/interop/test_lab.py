"""A model folder gives back what was saved, or one sentence that says what is wrong with it."""

import json
from dataclasses import asdict, replace

import pytest
import torch
from judges import refusal_of
from safetensors.torch import load_file, save_file

from vilt_core.config import ViltConfig
from vilt_core.data.image import Processing
from vilt_core.data.text import Tokenizer
from vilt_core.interop.bundle import Bundle
from vilt_core.interop.lab import load_folder, save_folder
from vilt_core.models.vilt import Vilt

SENTENCES = ["a cat next to a red apple", "how many cats are there?", "a dog above a giraffe"]
PICTURES = {"size": 16, "patch_size": 8, "mean": [0.5] * 3, "std": [0.5] * 3}
FILES = {"model.safetensors", "config.json", "tokenizer.json"}


def tiny(seed=0, **settings):
    tokenizer = Tokenizer.train(SENTENCES, vocab_size=80, max_tokens=12)
    config = ViltConfig(
        vocab_size=len(tokenizer),
        width=12,
        depth=2,
        heads=3,
        image_size=16,
        patch_size=8,
        max_text_tokens=12,
        answers=3,
        patch_classes=5,
        dropout=0.1,
    )
    torch.manual_seed(seed)
    model = Vilt(replace(config, **settings))
    answers = ("yes", "no", "großer Käse 🧀")
    return Bundle(name="tiny", model=model, tokenizer=tokenizer, answers=answers)


@pytest.fixture
def folder(tmp_path):
    save_folder(tiny(), tmp_path / "tiny")
    return tmp_path / "tiny"


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def refusal(folder):
    sentence = refusal_of(load_folder, folder)
    assert str(folder) in sentence
    return sentence


def rewrite(folder, **changes):
    path = folder / "config.json"
    described = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in described.items() if v is not None}))


def reconfigure(folder, **settings):
    config = json.loads((folder / "config.json").read_text())["config"] | settings
    rewrite(folder, config={k: v for k, v in config.items() if v is not None})


def weights(model):
    """Of everything but the heads that serve training only."""
    kept = Vilt(replace(model.config, patch_classes=0)).state_dict()
    return {name: value for name, value in model.state_dict().items() if name in kept}


# Round trips


def test_the_head_and_the_token_of_masked_patches_come_back(tmp_path):
    bundle = tiny(tasks=("itm", "mlm", "mpp"))
    save_folder(bundle, tmp_path)
    found = load_folder(tmp_path).model
    assert found.config.tasks == ("itm", "mlm", "mpp")
    assert torch.equal(found.patch_embedding.mask_token, bundle.model.patch_embedding.mask_token)
    assert all(map(torch.equal, found.mpp.parameters(), bundle.model.mpp.parameters()))


def test_the_way_to_prepare_pictures_comes_back(tmp_path):
    pictures = Processing(size=24, patch_size=8, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25))
    save_folder(replace(tiny(), pictures=pictures), tmp_path)
    assert load_folder(tmp_path).processing == pictures


def test_without_a_word_pictures_are_as_large_as_the_model(folder):
    assert "processing" not in json.loads((folder / "config.json").read_text())
    assert load_folder(folder).processing == Processing(size=16, patch_size=8)


def test_everything_comes_back_to_the_bit(tmp_path):
    bundle = replace(tiny(), domain="photographs")
    save_folder(bundle, tmp_path / "deep" / "er")
    loaded = load_folder(str(tmp_path / "deep" / "er"))
    assert (loaded.name, loaded.domain, loaded.answers) == ("tiny", "photographs", bundle.answers)
    assert loaded.model.config == replace(bundle.model.config, patch_classes=0)
    assert loaded.tokenizer.max_tokens == 12
    ids = [
        tokenizer.encode(SENTENCES).batch.ids for tokenizer in (bundle.tokenizer, loaded.tokenizer)
    ]
    assert torch.equal(*ids)
    before, after = weights(bundle.model), loaded.model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_saving_what_was_loaded_writes_the_same_files(folder, tmp_path):
    save_folder(load_folder(folder), tmp_path / "again")
    assert contents(folder) == contents(tmp_path / "again")
    assert set(contents(folder)) == FILES


def test_half_precision_on_disk_is_float32_in_memory(tmp_path):
    bundle = tiny()
    save_folder(bundle, tmp_path, dtype=torch.float16)
    before, after = bundle.model.state_dict(), load_folder(tmp_path).model.state_dict()
    assert all(torch.equal(before[name].half().float(), value) for name, value in after.items())
    assert {value.dtype for value in after.values()} == {torch.float32}


def test_eight_bits_on_disk_round_every_row_to_the_nearest_of_its_steps(tmp_path):
    bundle = tiny()
    save_folder(bundle, tmp_path, dtype=torch.int8)
    before, after = bundle.model.state_dict(), load_folder(tmp_path).model.state_dict()
    assert {value.dtype for value in after.values()} == {torch.float32}
    for name, value in after.items():
        if value.ndim < 2:
            assert torch.equal(before[name].half().float(), value)
            continue
        rows, found = before[name].flatten(1), value.flatten(1)
        step = rows.abs().amax(dim=1, keepdim=True) / 127
        assert ((rows - found).abs() <= 0.501 * step).all()
        torch.testing.assert_close(found.abs().amax(dim=1), rows.abs().amax(dim=1))


def test_what_was_rounded_once_is_rounded_no_further(tmp_path):
    save_folder(tiny(), tmp_path / "once", dtype=torch.int8)
    save_folder(load_folder(tmp_path / "once"), tmp_path / "twice", dtype=torch.int8)
    once, twice = (load_folder(tmp_path / of).model.state_dict() for of in ("once", "twice"))
    for name, value in once.items():
        torch.testing.assert_close(twice[name], value, rtol=1e-6, atol=0)


def test_a_row_of_zeros_stays_one(tmp_path):
    bundle = tiny()
    with torch.no_grad():
        bundle.model.encoder.blocks[0].mlp.expand.weight[3] = 0
    save_folder(bundle, tmp_path, dtype=torch.int8)
    weight = load_folder(tmp_path).vilt.encoder.blocks[0].mlp.expand.weight
    assert (weight[3] == 0).all()
    assert (weight[4] != 0).any()


@pytest.mark.parametrize("dtype", [torch.int8, torch.float16, torch.float32])
def test_a_weight_that_is_not_finite_is_refused_in_any_precision(dtype, tmp_path):
    bundle = tiny()
    with torch.no_grad():
        bundle.model.encoder.blocks[0].mlp.expand.weight[3, 1] = torch.nan
    save_folder(bundle, tmp_path, dtype=dtype)
    with pytest.raises(ValueError, match="not finite"):
        load_folder(tmp_path)


@pytest.mark.parametrize("broken", ["gone", "of other rows", "of nothing", "of a vector"])
def test_scales_that_do_not_fit_are_told(broken, tmp_path):
    save_folder(tiny(), tmp_path, dtype=torch.int8)
    path = tmp_path / "model.safetensors"
    state = load_file(path)
    name = "encoder.blocks.0.mlp.expand.weight"
    if broken == "gone":
        del state[f"{name}.scale"]
    elif broken == "of other rows":
        state[f"{name}.scale"] = state[f"{name}.scale"][1:].clone()
    else:
        state["encoder.norm.weight.scale"] = torch.ones(12)
    if broken == "of a vector":
        state["encoder.norm.weight"] = torch.ones(12, dtype=torch.int8)
    save_file(state, path)
    with pytest.raises(ValueError, match=r"scale for every row|left over"):
        load_folder(tmp_path)


def test_a_loaded_model_is_ready_to_use_and_to_train(folder):
    model = load_folder(folder).model
    assert not model.training
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert {parameter.device.type for parameter in model.parameters()} == {"cpu"}


def test_loading_draws_no_random_numbers(folder):
    state = torch.get_rng_state()
    load_folder(folder)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_loaded_model_does_not_hang_on_its_file(folder):
    model = load_folder(folder).model
    before = {name: value.clone() for name, value in model.state_dict().items()}
    (folder / "model.safetensors").write_bytes(b"\xff" * 10_000)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


# Saves that fail


@pytest.mark.parametrize("file", sorted(FILES))
def test_a_save_that_fails_half_way_leaves_the_old_model_whole(folder, file, monkeypatch):
    """As on a full disk: part of a file is written, then the write fails."""
    before = contents(folder)
    other = tiny(seed=1)

    def fail(path, *_args, **_settings):
        with path.open("wb") as half:
            half.write(b"half")
        raise OSError(28, "No space left on device")

    match file:
        case "model.safetensors":
            monkeypatch.setattr("pathlib.Path.write_bytes", fail)
        case "config.json":
            monkeypatch.setattr("pathlib.Path.write_text", fail)
        case "tokenizer.json":
            monkeypatch.setattr(other.tokenizer, "save", fail)
    with pytest.raises(OSError, match="No space left"):
        save_folder(other, folder)
    monkeypatch.undo()
    assert contents(folder) == before
    load_folder(folder)


def test_a_save_replaces_the_old_model(folder):
    other = tiny(seed=1)
    save_folder(other, folder)
    assert set(contents(folder)) == FILES
    expected = weights(other.model)
    after = load_folder(folder).model.state_dict()
    assert all(torch.equal(expected[name], after[name]) for name in expected)


# Folders that are no model, or a damaged one


def test_nothing_there(tmp_path):
    assert "found none" in refusal(tmp_path / "nowhere")
    assert "found none" in refusal(tmp_path)
    (tmp_path / "file").write_text("x")
    assert "found none" in refusal(tmp_path / "file")


@pytest.mark.parametrize("file", sorted(FILES))
def test_a_missing_file(folder, file):
    (folder / file).unlink()
    assert "found none" in refusal(folder)


@pytest.mark.parametrize("file", sorted(FILES))
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.999])
def test_a_truncated_file(folder, file, share):
    content = (folder / file).read_bytes()
    (folder / file).write_bytes(content[: int(share * (len(content) - 1))])
    assert file in refusal(folder)


@pytest.mark.parametrize("file", sorted(FILES))
def test_a_file_of_noise(folder, file):
    (folder / file).write_bytes(bytes(range(256)) * 8)
    assert file in refusal(folder)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": "another/1"}, "vilt-lab/1"),
        ({"format": None}, "vilt-lab/1"),
        ({"name": None}, "lacks ['name']"),
        ({"name": 3}, "name must be a str, got a int"),
        ({"model": "uniter"}, "has unknown settings: ['image_size',"),
        ({"model": "bert"}, ", vilt, vse, xlxmert, got model 'bert'"),
        ({"model": 3}, "got model 3"),
        ({"model": ["vilt"]}, "got model ['vilt']"),
        ({"processing": 3}, "processing must have ['mean', 'patch_size', 'size', 'std'], got 3"),
        ({"processing": {"size": 16}}, "processing must have"),
        ({"processing": PICTURES | {"mean": 0.5}}, "must be three numbers each"),
        ({"processing": PICTURES | {"mean": [0.5]}}, "must be three numbers each"),
        ({"processing": PICTURES | {"std": [0.5, 0.0, 0.5]}}, "std above 0"),
        ({"processing": PICTURES | {"size": 4}}, "at least one patch high"),
        ({"processing": PICTURES | {"patch_size": 12}}, "multiples of the patch of 8 pixels"),
        ({"processing": PICTURES | {"size": "16"}}, "must be whole numbers, got '16' and 8"),
        ({"processing": PICTURES | {"crop": 1}}, "crop of pictures must be true or false, got 1"),
        ({"config": None}, "lacks ['config']"),
        ({"config": [1]}, "config must be a dict, got a list"),
        ({"answers": ["yes"]}, "must name 3 answers, got 1"),
        ({"answers": "yes"}, "answers must be a list, got a str"),
        ({"answers": ["yes", "no", 3]}, "every one of the answers"),
    ],
)
def test_a_config_that_says_something_else(folder, changes, said):
    rewrite(folder, **changes)
    assert said in refusal(folder)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"colour": 3}, "unknown settings: ['colour']"),
        ({"vocab_size": None}, "lacks the setting 'vocab_size'"),
        ({"width": "12"}, "width must be a positive int, got '12'"),
        ({"width": 12.0}, "width must be a positive int, got 12.0"),
        ({"depth": True}, "depth must be a positive int, got True"),
        ({"heads": 0}, "heads must be a positive int, got 0"),
        ({"dropout": -0.1}, "dropout must be a positive float, got -0.1"),
        ({"heads": 5}, "width must be a multiple of heads"),
        ({"image_size": 17}, "image_size must be a multiple of patch_size"),
        ({"vocab_size": 40}, "the model knows only 40"),
        ({"depth": 3}, "does not fit its config: missing ['encoder.blocks.2."),
        ({"depth": 1}, "left over ['encoder.blocks.1."),
        ({"width": 24}, "has shape"),
        ({"vocab_size": 200}, "has shape"),
        ({"max_text_tokens": 40}, "expected (40, 12)"),
        ({"width": 12_000}, "does not fit its config: it holds"),
        ({"depth": 10**9}, "does not fit its config: it holds"),
        ({"image_size": 8 * 10**6}, "does not fit its config: it holds"),
        ({"modality_types": 10**12}, "does not fit its config: it holds"),
        ({"segment_types": 10**12}, "does not fit its config: it holds"),
        ({"mlp_ratio": 1e18}, "does not fit its config: it holds"),
        ({"mlp_ratio": float("inf")}, "mlp_ratio must be a positive float, got inf"),
        ({"mlp_ratio": float("nan")}, "mlp_ratio must be a positive float, got nan"),
        ({"mlp_ratio": 10**400}, "mlp_ratio must be a positive float"),
        ({"mlp_ratio": 1e-9}, "leaves no MLP"),
        ({"mlp_ratio": "4"}, "mlp_ratio must be a positive float, got '4'"),
        ({"patch_classes": 10**15}, "missing ['comparing.bias'"),
        ({"tasks": ["itm", "mlm", "rank"]}, "missing ['rank.dense.bias'"),
        ({"tasks": ["mlm"]}, "left over ['itm.dense.bias'"),
        ({"tasks": ["all"]}, "tasks must be of"),
        ({"tasks": "mlm"}, "tasks must be a list of strings, got 'mlm'"),
    ],
)
def test_settings_that_do_not_fit(folder, settings, said):
    reconfigure(folder, **settings)
    assert said in refusal(folder)


def test_a_whole_number_will_do_for_a_float(folder):
    reconfigure(folder, dropout=0)
    assert load_folder(folder).model.config.dropout == 0


def test_json_that_is_no_object(folder):
    (folder / "config.json").write_text("[1, 2]")
    assert "must hold a JSON object, got a list" in refusal(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: state.pop("pooler.dense.bias"), "missing ['pooler.dense.bias']"),
        (lambda state: state.update(extra=torch.zeros(1)), "left over ['extra']"),
        (
            lambda state: state.update({"itm.dense.bias": torch.zeros(3)}),
            "itm.dense.bias has shape (3,), expected (2,)",
        ),
        (lambda state: state["itm.dense.bias"].fill_(torch.nan), "not finite"),
    ],
)
def test_weights_that_do_not_fit(folder, change, said):
    state = load_file(folder / "model.safetensors")
    change(state)
    save_file(state, folder / "model.safetensors")
    assert said in refusal(folder)


def test_a_model_without_answers(tmp_path):
    bundle = replace(tiny(answers=0), answers=())
    save_folder(bundle, tmp_path)
    loaded = load_folder(tmp_path)
    assert loaded.model.vqa is None
    assert loaded.answers == ()
    assert asdict(loaded.model.config)["answers"] == 0
