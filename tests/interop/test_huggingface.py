"""Folders of transformers come in whole, go out whole, and mean the same on both sides."""

import json
import os
import pickle
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from judges import refusal_of, same
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn

from vilt_core.config import TASKS, ViltConfig
from vilt_core.data.image import Processing, to_pixels
from vilt_core.data.text import Tokenizer
from vilt_core.interop import from_huggingface, to_huggingface
from vilt_core.interop.bundle import Bundle
from vilt_core.interop.huggingface import load_huggingface
from vilt_core.interop.lab import load_folder, save_folder
from vilt_core.interop.parity import compare, compare_with_transformers
from vilt_core.models.vilt import Vilt

SENTENCES = ["a cat next to a red apple", "how many cats are there?", "a dog above a giraffe"]
PAIR = {"num_images": 2, "modality_type_vocab_size": 3, "num_labels": 2}
KINDS = {
    "ViltModel": {},
    "ViltForMaskedLM": {},
    "ViltForQuestionAnswering": {},
    "ViltForImageAndTextRetrieval": {},
    "ViltForImagesAndTextClassification": PAIR,
}
HEADS = {
    "ViltModel": {"tasks": ()},
    "ViltForMaskedLM": {"tasks": ("mlm",)},
    "ViltForQuestionAnswering": {"tasks": (), "answers": 5},
    "ViltForImageAndTextRetrieval": {"tasks": ("rank",)},
    "ViltForImagesAndTextClassification": {"tasks": ("nlvr2",), "modality_types": 3},
}
WORDS = "vilt.embeddings.text_embeddings.word_embeddings.weight"


def random_bundle(seed=0, **settings):
    """A model away from its start, with a tokenizer of the sentences above."""
    tokenizer = Tokenizer.train(SENTENCES, vocab_size=80, max_tokens=20)
    config = ViltConfig(
        vocab_size=len(tokenizer),
        **{
            "width": 24,
            "depth": 2,
            "heads": 3,
            "mlp_ratio": 37 / 24,
            "image_size": 32,
            "patch_size": 8,
            "max_text_tokens": 20,
            "norm_eps": 1e-12,
            "dropout": 0.0,
        }
        | settings,
    )
    torch.manual_seed(seed)
    model = Vilt(config).eval()
    for parameter in model.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    answers = tuple(f"answer {at}" for at in range(config.answers))
    return Bundle(
        name="random", model=model, tokenizer=tokenizer, answers=answers, domain="photographs"
    )


@pytest.fixture
def folder(tmp_path):
    """A folder with a head for masked words."""
    to_huggingface(random_bundle(tasks=("itm", "mlm")), tmp_path / "model")
    return tmp_path / "model"


def refusal(folder, read=from_huggingface):
    return refusal_of(read, folder)


def reconfigure(folder, **changes):
    described = json.loads((folder / "config.json").read_text()) | changes
    kept = {name: value for name, value in described.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(kept))


def rewrite(folder, change):
    state = load_file(folder / "model.safetensors")
    change(state)
    save_file(state, folder / "model.safetensors")


# Out and in again


@pytest.mark.parametrize("settings", HEADS.values(), ids=HEADS)
def test_a_round_trip_loses_no_bit(settings, tmp_path):
    bundle = random_bundle(**settings, dropout=0.25)
    to_huggingface(bundle, tmp_path / "there")
    back = load_huggingface(tmp_path / "there")
    assert same(bundle.model, back.model)
    assert back.model.config == bundle.model.config
    assert (back.name, back.answers, back.domain) == ("random", bundle.answers, "photographs")
    assert back.processing == bundle.processing
    assert back.tokenizer.encode(SENTENCES).batch.ids.equal(
        bundle.tokenizer.encode(SENTENCES).batch.ids
    )
    assert not back.model.training
    assert all(parameter.requires_grad for parameter in back.model.parameters())


def test_every_head_at_once_comes_back(tmp_path):
    bundle = random_bundle(tasks=TASKS, answers=5, modality_types=3, norm_eps=1e-6)
    to_huggingface(bundle, tmp_path)
    back = load_huggingface(tmp_path)
    assert back.model.config == bundle.model.config
    assert same(bundle.model, back.model)


def test_from_there_to_the_lab_and_back_the_same_files(folder, tmp_path):
    save_folder(load_huggingface(folder), tmp_path / "lab")
    to_huggingface(load_folder(tmp_path / "lab"), tmp_path / "again")
    names = {path.name for path in folder.iterdir()}
    assert names == {path.name for path in (tmp_path / "again").iterdir()}
    for name in names:
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


def test_pictures_of_another_kind_survive(folder, tmp_path):
    pictures = Processing(size=48, patch_size=16, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25))
    bundle = replace(random_bundle(tasks=("mlm",)), pictures=pictures)
    to_huggingface(bundle, tmp_path / "there")
    assert load_huggingface(tmp_path / "there").processing == pictures
    save_folder(load_huggingface(tmp_path / "there"), tmp_path / "lab")
    assert load_folder(tmp_path / "lab").processing == pictures


def test_a_model_without_its_tokenizer_can_be_written(tmp_path):
    model = random_bundle(tasks=("mlm",)).model
    to_huggingface(model, tmp_path)
    assert not (tmp_path / "vocab.txt").exists()
    assert same(model, from_huggingface(tmp_path))


def test_heads_for_training_on_stickers_stay_here(tmp_path):
    bundle = random_bundle(tasks=("mlm",), patch_classes=4)
    to_huggingface(bundle, tmp_path)
    back = from_huggingface(tmp_path)
    assert back.naming is None
    assert compare(bundle.model, back)[-1].difference == 0


def test_others_may_read_the_files(folder):
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert len(modes) == 1


def test_a_full_disk_leaves_the_old_model(folder, monkeypatch):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full(self, text, **_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        to_huggingface(random_bundle(1, tasks=("mlm",)), folder)
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}


# What transformers reads of ours


@pytest.mark.parametrize("kind", KINDS)
def test_its_own_class_reads_a_folder_of_ours(kind, tmp_path, transformers):
    bundle = random_bundle(**HEADS[kind])
    to_huggingface(bundle, tmp_path)
    theirs, told = getattr(transformers, kind).from_pretrained(tmp_path, output_loading_info=True)
    assert not any(told[what] for what in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert theirs.config.architectures == [kind]
    for row in compare_with_transformers(bundle.model, tmp_path):
        assert row.difference <= 1e-5 * max(row.largest, 1), row


def test_a_decoder_of_its_own_stays_its_own(tmp_path, transformers):
    bundle = random_bundle(tasks=("mlm",))
    to_huggingface(bundle, tmp_path)
    theirs = transformers.ViltForMaskedLM.from_pretrained(tmp_path)
    assert torch.equal(theirs.mlm_score.decoder.weight, bundle.model.mlm.decoder.weight)
    words = theirs.vilt.embeddings.text_embeddings.word_embeddings.weight
    assert torch.equal(words, bundle.model.text_embedding.words.weight)


def test_every_class_finds_its_head_beside_the_others(tmp_path, transformers):
    bundle = random_bundle(tasks=("itm", "mlm", "rank"), answers=5)
    to_huggingface(bundle, tmp_path)
    for kind in ("ViltForMaskedLM", "ViltForQuestionAnswering", "ViltForImageAndTextRetrieval"):
        _, told = getattr(transformers, kind).from_pretrained(tmp_path, output_loading_info=True)
        assert not told["missing_keys"]
    found = {row.layer: row for row in compare_with_transformers(bundle.model, tmp_path)}
    assert {"vqa", "rank", "mlm"} <= set(found)
    assert all(row.difference <= 1e-5 * max(row.largest, 1) for row in found.values())


def test_a_backbone_of_ours_serves_token_classification(folder, transformers):
    theirs, told = transformers.ViltForTokenClassification.from_pretrained(
        folder, output_loading_info=True
    )
    assert told["missing_keys"] == {"classifier.weight", "classifier.bias"}
    model = from_huggingface(folder)
    assert torch.equal(theirs.vilt.layernorm.weight, model.encoder.norm.weight)


def test_answers_are_its_labels(tmp_path, transformers):
    to_huggingface(random_bundle(tasks=(), answers=5), tmp_path)
    config = transformers.ViltConfig.from_pretrained(tmp_path)
    assert config.id2label == {at: f"answer {at}" for at in range(5)}
    assert config.label2id["answer 3"] == 3
    assert config.num_labels == 5


def test_its_processor_reads_a_folder_of_ours(folder, transformers):
    processor = transformers.ViltProcessor.from_pretrained(folder)
    tokenizer = load_huggingface(folder).tokenizer
    expected = tokenizer.encode(SENTENCES).batch
    pictures = [Image.new("RGB", (40, 32), "red")] * 3
    found = processor(pictures, SENTENCES, padding=True, return_tensors="pt")
    assert torch.equal(found["input_ids"], expected.ids)
    assert torch.equal(found["attention_mask"].bool(), expected.mask)
    assert processor.tokenizer.model_max_length == 20
    assert found["pixel_values"].shape == (3, 3, 32, 40)
    for kind in (transformers.BertTokenizerFast, transformers.AutoTokenizer):
        assert kind.from_pretrained(folder)(SENTENCES[0])["input_ids"] == [
            int(index) for index in tokenizer.encode([SENTENCES[0]]).batch.ids[0]
        ]


SIZES = ((640, 480), (480, 640), (64, 64), (100, 90), (300, 60), (61, 203), (32, 32))


@pytest.mark.parametrize(
    "pictures",
    [
        Processing(size=64, patch_size=16),
        Processing(size=96, patch_size=32, mean=(0.48, 0.46, 0.41), std=(0.27, 0.26, 0.28)),
    ],
    ids=["published", "of another kind"],
)
def test_pictures_are_prepared_as_transformers_does(pictures, tmp_path, transformers):
    to_huggingface(replace(random_bundle(tasks=("mlm",)), pictures=pictures), tmp_path)
    theirs = transformers.ViltImageProcessorPil.from_pretrained(tmp_path)
    random = np.random.default_rng(0)
    for width, height in SIZES:
        image = Image.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8))
        ours = to_pixels(
            image,
            size=pictures.size,
            patch_size=pictures.patch_size,
            mean=pictures.mean,
            std=pictures.std,
        )
        expected = theirs(image, return_tensors="pt")["pixel_values"][0]
        assert ours.shape == expected.shape
        torch.testing.assert_close(ours, expected, atol=2e-6, rtol=0)


# What we read of transformers


def theirs_in(folder, transformers, kind, **settings):
    torch.manual_seed(0)
    config = transformers.ViltConfig(
        **{
            "vocab_size": 99,
            "hidden_size": 24,
            "num_hidden_layers": 2,
            "num_attention_heads": 3,
            "intermediate_size": 37,
            "image_size": 32,
            "patch_size": 8,
            "initializer_range": 0.2,
        }
        | KINDS[kind]
        | settings
    )
    model = getattr(transformers, kind)(config).eval()
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    return model


@pytest.mark.parametrize("kind", KINDS)
def test_what_it_wrote_means_the_same_here(kind, tmp_path, transformers):
    theirs_in(tmp_path, transformers, kind)
    model = from_huggingface(tmp_path)
    for row in compare_with_transformers(model, tmp_path):
        assert row.difference <= 1e-5 * max(row.largest, 1), row


def test_projections_without_a_bias(tmp_path, transformers):
    theirs_in(tmp_path, transformers, "ViltForMaskedLM", qkv_bias=False)
    model = from_huggingface(tmp_path)
    assert not model.encoder.blocks[0].attention.qkv.bias.any()
    assert max(row.difference for row in compare_with_transformers(model, tmp_path)) < 1e-4
    to_huggingface(model, tmp_path / "again")
    assert same(model, from_huggingface(tmp_path / "again"))


def test_a_tied_decoder_becomes_its_own(tmp_path, transformers):
    theirs_in(tmp_path, transformers, "ViltForMaskedLM")
    assert "mlm_score.decoder.weight" not in load_file(tmp_path / "model.safetensors")
    model = from_huggingface(tmp_path)
    decoder, words = model.mlm.decoder.weight, model.text_embedding.words.weight
    assert torch.equal(decoder, words)
    assert decoder.data_ptr() != words.data_ptr()


def test_its_shards_and_its_pickles_are_the_same_model(folder):
    expected = from_huggingface(folder)
    state = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(state, folder / "pytorch_model.bin")
    assert same(expected, from_huggingface(folder))
    (folder / "pytorch_model.bin").unlink()
    names = sorted(state)
    parts = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, held in parts.items():
        save_file({name: state[name] for name in held}, folder / file)
    index = {name: file for file, held in parts.items() for name in held}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    assert same(expected, from_huggingface(folder))
    index[names[0]] = "b.safetensors"
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    assert names[0] in refusal(folder)
    index[names[0]] = "../a.safetensors"
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    assert "files beside it" in refusal(folder)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floats_become_float32(folder, dtype):
    expected = from_huggingface(folder).state_dict()
    rewrite(folder, lambda state: state.update({n: v.to(dtype) for n, v in state.items()}))
    found = from_huggingface(folder).state_dict()
    assert {value.dtype for value in found.values()} == {torch.float32}
    assert all(torch.equal(found[name], expected[name].to(dtype).float()) for name in expected)


def old(state):
    """As releases before 4.31 wrote it: buffers, and a bias by two names."""
    state["vilt.embeddings.text_embeddings.position_ids"] = torch.arange(20)[None]
    state["mlm_score.bias"] = state["mlm_score.decoder.bias"].clone()


def test_old_folders(folder):
    expected = from_huggingface(folder)
    rewrite(folder, old)
    assert same(expected, from_huggingface(folder))
    rewrite(folder, lambda state: state.pop("mlm_score.decoder.bias"))
    assert same(expected, from_huggingface(folder))
    for name in ("processor_config.json", "preprocessor_config.json"):
        (folder / name).unlink()
    published = {"size": 32, "size_divisor": 8, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    described = {"do_resize": True, "resample": 3, "feature_extractor_type": "Vilt", **published}
    (folder / "preprocessor_config.json").write_text(json.dumps(described))
    assert load_huggingface(folder).processing == Processing(size=32, patch_size=8)


def test_names_without_a_prefix(tmp_path):
    bundle = random_bundle(tasks=())
    to_huggingface(bundle, tmp_path)
    rewrite(
        tmp_path,
        lambda state: [
            state.update({name.removeprefix("vilt."): state.pop(name)}) for name in list(state)
        ],
    )
    reconfigure(tmp_path, architectures=None)
    assert same(bundle.model, from_huggingface(tmp_path))


def test_a_folder_that_does_not_say_its_class(tmp_path):
    for settings in (
        HEADS["ViltForQuestionAnswering"],
        HEADS["ViltForImagesAndTextClassification"],
    ):
        bundle = random_bundle(**settings)
        to_huggingface(bundle, tmp_path)
        reconfigure(tmp_path, architectures=None)
        assert same(bundle.model, from_huggingface(tmp_path))


def test_with_and_without_a_matching_head(folder):
    assert from_huggingface(folder).itm is not None
    rewrite(
        folder, lambda state: [state.pop(f"itm_score.fc.{kind}") for kind in ("weight", "bias")]
    )
    assert from_huggingface(folder).itm is None


def test_square_sides_may_be_two_numbers(folder):
    expected = from_huggingface(folder)
    reconfigure(folder, image_size=[32, 32], patch_size=[8, 8])
    assert same(expected, from_huggingface(folder))


# What is refused


@pytest.mark.parametrize("named", [True, False])
def test_a_head_that_judges_one_image(tmp_path, transformers, named):
    kind = "ViltForImagesAndTextClassification"
    theirs_in(tmp_path, transformers, kind, num_images=1, modality_type_vocab_size=2)
    if not named:
        reconfigure(tmp_path, architectures=None)
    assert "num_images must be 2, for this lab judges texts by two images alone, got 1" in refusal(
        tmp_path
    )


@pytest.mark.parametrize("named", [True, False])
def test_a_head_that_judges_tokens(folder, transformers, named):
    theirs = transformers.ViltForTokenClassification.from_pretrained(folder)
    theirs.save_pretrained(folder)
    if not named:
        reconfigure(folder, architectures=None)
    assert "classifies tokens, for which this lab has no head" in refusal(folder)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model_type": "bert"}, "must describe a vilt, got 'bert'"),
        ({"model_type": None}, "must describe a vilt, got None"),
        ({"hidden_act": "relu"}, "hidden_act must be 'gelu', got 'relu'"),
        ({"num_channels": 4}, "num_channels must be 3, got 4"),
        ({"image_size": [32, 64]}, "image_size must be square, got [32, 64]"),
        ({"patch_size": "8"}, "patch_size must be a positive whole number, got '8'"),
        ({"image_size": 33}, "image_size must be a multiple of patch_size"),
        ({"num_hidden_layers": 0}, "num_hidden_layers must be a positive whole number"),
        ({"num_hidden_layers": 10**9}, "does not fit its config: it holds"),
        ({"num_hidden_layers": 3}, "missing ['vilt.encoder.layer.2."),
        ({"num_hidden_layers": 1}, "left over ['vilt.encoder.layer.1."),
        ({"hidden_size": 48}, "has shape"),
        ({"hidden_size": True}, "hidden_size must be a positive whole number, got True"),
        ({"intermediate_size": 40}, "intermediate.dense.bias has shape (37,), expected (40,)"),
        ({"num_attention_heads": 5}, "width must be a multiple of heads"),
        ({"vocab_size": 200}, "has shape"),
        ({"layer_norm_eps": "small"}, "layer_norm_eps must be a number from 0 to 1"),
        ({"intermediate_size": 10**400}, "intermediate_size must be a positive whole number"),
        ({"max_image_length": 0}, "max_image_length must be a positive whole number"),
        ({"architectures": ["ViltForQuestionAnswering"]}, "missing ['classifier.0.bias'"),
        ({"architectures": ["ViltForImageAndTextRetrieval"]}, "missing ['rank_output.bias'"),
        ({"architectures": ["ViltForTokenClassification"]}, "classifies tokens"),
        ({"architectures": ["ViltForImagesAndTextClassification"]}, "num_images must be 2"),
        ({"vilt_lab": 3}, "vilt_lab must hold texts"),
    ],
)
def test_configs_that_are_not_computed_here(folder, changes, said):
    reconfigure(folder, **changes)
    sentence = refusal(folder)
    assert said in sentence
    assert str(folder) in sentence


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: state.pop(WORDS), f"missing ['{WORDS}']"),
        (lambda state: state.update(extra=torch.zeros(1)), "left over ['vilt.extra']"),
        (
            lambda state: state.update({"vilt.pooler.dense.bias": torch.zeros(3)}),
            "vilt.pooler.dense.bias has shape (3,), expected (24,)",
        ),
        (lambda state: state[WORDS].fill_(torch.nan), f"{WORDS} holds values that are not finite"),
        (lambda state: state[WORDS].fill_(torch.inf), f"{WORDS} holds values that are not finite"),
        (
            lambda state: state.update({WORDS: state[WORDS].long()}),
            f"{WORDS} must hold floats, got torch.int64",
        ),
        (
            lambda state: state.pop("vilt.encoder.layer.1.attention.attention.key.bias"),
            "missing ['vilt.encoder.layer.1.attention.attention.key.bias']",
        ),
        (
            lambda state: state.update(
                {"vilt.embeddings.position_embeddings": torch.zeros(1, 18, 24)}
            ),
            "vilt.embeddings.position_embeddings has shape (1, 18, 24), expected (1, 17, 24)",
        ),
    ],
)
def test_weights_that_do_not_fit(folder, change, said):
    rewrite(folder, change)
    assert said in refusal(folder)


@pytest.mark.parametrize("share", [0, 0.3, 0.99])
@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin", "config.json"])
def test_truncated_files(folder, file, share):
    if file.endswith(".bin"):
        torch.save(load_file(folder / "model.safetensors"), folder / file)
        (folder / "model.safetensors").unlink()
    content = (folder / file).read_bytes()
    (folder / file).write_bytes(content[: int(share * len(content))])
    assert file in refusal(folder)


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("exploded",)


@pytest.mark.parametrize("archive", [True, False])
def test_a_pickle_that_would_run_something(folder, archive, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (folder / "model.safetensors").unlink()
    bomb = {"weight": Bomb()}
    if archive:
        torch.save(bomb, folder / "pytorch_model.bin")
    else:
        (folder / "pytorch_model.bin").write_bytes(pickle.dumps(bomb, protocol=2))
    assert "never run" in refusal(folder)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.filterwarnings("ignore:Validating sparse tensor invariants")
def test_a_pickle_of_parameters_that_were_frozen_or_are_sparse(folder):
    expected = from_huggingface(folder)
    state = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    frozen = {name: nn.Parameter(value, requires_grad=False) for name, value in state.items()}
    torch.save(frozen, folder / "pytorch_model.bin")
    found = from_huggingface(folder)
    assert same(expected, found)
    assert all(parameter.requires_grad for parameter in found.parameters())


@pytest.mark.filterwarnings("ignore:Validating sparse tensor invariants")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (torch.Tensor.to_sparse, "must be dense, got a tensor of torch.sparse_coo"),
        (lambda value: value.to("meta"), "must hold values, got a tensor of the device meta"),
        (lambda value: value.to(torch.int8), "must hold floats, got torch.int8"),
    ],
)
def test_a_pickle_of_tensors_without_plain_values(folder, change, said):
    state = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(state | {WORDS: change(state[WORDS])}, folder / "pytorch_model.bin")
    assert f"pytorch_model.bin: {WORDS} {said}" in refusal(folder)


@pytest.mark.parametrize(
    ("dtype", "name"),
    [
        (torch.int8, "I8"),
        (torch.int16, "I16"),
        (torch.uint16, "U16"),
        (torch.uint64, "U64"),
        (torch.float8_e4m3fn, "F8_E4M3"),
        (torch.float8_e5m2, "F8_E5M2"),
        (torch.complex64, "C64"),
    ],
)
def test_numbers_of_a_strange_kind(folder, dtype, name):
    rewrite(folder, lambda state: state.update({WORDS: state[WORDS].to(dtype)}))
    sentence = refusal(folder)
    assert f"{WORDS} must hold floats of 16, 32 or 64 bits, got {name}" in sentence
    assert "damaged" not in sentence


def test_a_classifier_that_is_a_single_number(folder):
    rewrite(folder, lambda state: state.update({"classifier.0.weight": torch.tensor(1.0)}))
    assert str(folder) in refusal(folder)


def test_a_pickle_of_something_else(folder):
    (folder / "model.safetensors").unlink()
    torch.save({"weights": [1, 2]}, folder / "pytorch_model.bin")
    assert "must hold tensors by their names" in refusal(folder)


def test_nothing_there(tmp_path):
    assert "config.json" in refusal(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "vilt"}')
    assert "expected weights" in refusal(tmp_path)
    assert "a name on its hub" in refusal(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"do_resize": False}, "do_resize must be True, got False"),
        ({"do_normalize": False}, "do_normalize must be True, got False"),
        ({"resample": 2}, "resample must be 3, got 2"),
        ({"rescale_factor": 1.0}, "rescale_factor must be 1/255, got 1.0"),
        ({"do_center_crop": True}, "do_center_crop must be False, got True"),
        ({"size": {"height": 384, "width": 384}}, "size must be a shortest_edge"),
        ({"size": "large"}, "size must be a positive whole number"),
        ({"size_divisor": 12}, "size_divisor must be a multiple of the patch of 8 pixels, got 12"),
        ({"image_mean": [0.5]}, "three numbers each, got [0.5]"),
        ({"image_std": [0.5, 0.0, 0.5]}, "std above 0"),
    ],
)
@pytest.mark.parametrize("nested", [True, False])
def test_pictures_that_cannot_be_prepared(folder, settings, said, nested):
    described = json.loads((folder / "preprocessor_config.json").read_text()) | settings
    if nested:
        content = {"image_processor": described, "processor_class": "ViltProcessor"}
        (folder / "processor_config.json").write_text(json.dumps(content))
    else:
        (folder / "processor_config.json").unlink()
        (folder / "preprocessor_config.json").write_text(json.dumps(described))
    sentence = refusal(folder, load_huggingface)
    assert said in sentence
    assert "processor_config.json" in sentence


def test_without_a_word_on_pictures_they_are_prepared_as_published(tmp_path):
    to_huggingface(random_bundle(tasks=("mlm",), image_size=64, patch_size=32), tmp_path)
    bundle = random_bundle(tasks=("mlm",), image_size=64, patch_size=32)
    to_huggingface(bundle, tmp_path)
    for name in ("processor_config.json", "preprocessor_config.json"):
        (tmp_path / name).unlink()
    assert load_huggingface(tmp_path).processing == Processing()


def test_labels_that_do_not_fit(tmp_path):
    to_huggingface(random_bundle(tasks=(), answers=5), tmp_path)
    labels = {str(at): f"answer {at}" for at in range(4)}
    reconfigure(tmp_path, id2label=labels)
    assert "classifier.3.bias has shape (5,), expected (4,)" in refusal(tmp_path)
    reconfigure(tmp_path, id2label=labels | {"7": "seven"})
    assert "name every class from 0 on" in refusal(tmp_path)
    reconfigure(tmp_path, id2label=labels | {"4": ["four"]})
    assert "must be a string or a number" in refusal(tmp_path)
    reconfigure(tmp_path, id2label=labels | {"4": 4})
    assert load_huggingface(tmp_path).answers[4] == "4"


def test_more_words_than_the_model_knows(folder):
    (folder / "tokenizer.json").unlink()
    with (folder / "vocab.txt").open("a") as file:
        file.write("onemore\n")
    assert "the model knows only" in refusal(folder, load_huggingface)
