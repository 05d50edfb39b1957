"""A published CLIP comes in whole and means what it does in transformers, or is refused."""

import json

import hub_server
import numpy as np
import pytest
import torch
from judges import refusal_of, same
from PIL import Image
from safetensors.torch import load_file, save_file

import vilt_core
from vilt_core.config import clip_b32
from vilt_core.data.image import to_pixels
from vilt_core.data.text import CLIP_END, CLIP_START
from vilt_core.interop import open_bundle
from vilt_core.interop.clip import read_config
from vilt_core.interop.lab import load_folder, save_folder
from vilt_core.models.clip import Clip
from vilt_core.search.encoder import DualEncoder
from vilt_core.types import ImageBatch

TEXTS = [
    "A cat",
    "two  CATS\ton a\u00a0couch, don't they? 10 of them!",
    "cafe\u0301 Zürich 猫 🐱 <mask> …",
    "a " * 40,  # too long
    "",
]
SIDES = [(32, 32), (90, 33), (33, 90), (20, 31), (7, 300), (1, 1)]


def pieces():
    """A vocabulary of every byte, alone and at the end of a word, with a few merges."""
    from tokenizers.pre_tokenizers import ByteLevel

    letters = sorted(ByteLevel.alphabet())
    merges = [("c", "a"), ("ca", "t</w>"), ("o", "n</w>"), ("ca", "t"), ("t", "w"), ("Ã", "¼")]
    found = [*letters, *(f"{letter}</w>" for letter in letters), *map("".join, merges)]
    found += [CLIP_START, CLIP_END]
    return {piece: at for at, piece in enumerate(found)}, merges


def settings(**changes):
    """A tiny CLIP: of unlike towers, and of texts with room for 20 tokens."""
    size = len(pieces()[0])
    text = {
        "vocab_size": size,
        "hidden_size": 24,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "max_position_embeddings": 20,
        "bos_token_id": size - 2,
        "eos_token_id": size - 1,
    }
    vision = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "image_size": 32,
        "patch_size": 8,
    }
    for name in set(changes) & {"hidden_act", "layer_norm_eps"}:
        text[name] = vision[name] = changes[name]
    text["eos_token_id"] = changes.get("eos_token_id", size - 1)
    return {"text_config": text, "vision_config": vision, "projection_dim": 16}


def publish(transformers, folder, **changes):
    """A folder as transformers writes it, of random weights, and the model that wrote it."""
    torch.manual_seed(0)
    model = transformers.CLIPModel(transformers.CLIPConfig(**settings(**changes))).eval()
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    vocabulary, merges = pieces()
    tokenizer = transformers.CLIPTokenizer(
        vocab=vocabulary, merges=merges, model_max_length=20, pad_token=CLIP_END
    )
    tokenizer.save_pretrained(folder)
    transformers.CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=32).save_pretrained(
        folder
    )
    return model, tokenizer


@pytest.fixture
def published(transformers, tmp_path):
    return publish(transformers, tmp_path / "clip")


@pytest.fixture
def folder(published, tmp_path):
    return tmp_path / "clip"


def reconfigure(folder, part=None, **changes):
    described = json.loads((folder / "config.json").read_text())
    (described if part is None else described[f"{part}_config"]).update(changes)
    (folder / "config.json").write_text(json.dumps(described))


def rewrite(folder, change):
    state = load_file(folder / "model.safetensors")
    change(state)
    save_file(state, folder / "model.safetensors")


def apart_pieces(folder):
    """The two files of old, in the place of tokenizer.json."""
    vocabulary, merges = pieces()
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    lines = ["#version: 0.2", *map(" ".join, merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


# The same numbers


@pytest.mark.parametrize(
    "changes",
    [{}, {"hidden_act": "gelu", "layer_norm_eps": 1e-3}, {"eos_token_id": 2}],
    ids=["openai", "laion", "before 2023"],
)
def test_vectors_and_scores_equal_transformers(transformers, tmp_path, changes):
    theirs, tokenizer = publish(transformers, tmp_path / "clip", **changes)
    bundle = open_bundle(tmp_path / "clip")
    ours = bundle.model
    assert isinstance(ours, Clip)
    read = tokenizer(TEXTS, padding=True, truncation=True, return_tensors="pt")
    pixels = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = theirs(**read, pixel_values=pixels)
        out = ours.encode_text(bundle.tokenizer.encode(TEXTS).batch)[1]
        seen = ours.encode_image(ImageBatch(pixels=pixels))
        scores = ours.score(out, seen)
    exact = {"atol": 1e-5, "rtol": 1e-5}
    torch.testing.assert_close(out, expected.text_embeds, **exact)
    torch.testing.assert_close(seen, expected.image_embeds, **exact)
    torch.testing.assert_close(scores, expected.logits_per_text, **exact)
    assert scores.std() > 0.1  # or all of this would say little


def test_a_text_alone_is_the_text_among_longer_ones(folder):
    encoder = DualEncoder(open_bundle(folder))
    texts = ["a cat", "two cats on", "a"]
    together = encoder.texts(texts)
    apart = np.concatenate([encoder.texts([text]) for text in texts])
    np.testing.assert_allclose(together, apart, atol=1e-5)


@pytest.mark.parametrize("kept", ["whole", "apart"])
def test_tokens_are_those_of_transformers(published, folder, kept):
    if kept == "apart":
        apart_pieces(folder)
    _, tokenizer = published
    expected = tokenizer(TEXTS, padding=True, truncation=True, return_tensors="pt")
    read = open_bundle(folder).tokenizer.encode(TEXTS).batch
    assert read.ids.equal(expected["input_ids"])
    assert read.mask.equal(expected["attention_mask"].bool())
    assert (read.mask.sum(dim=1).max(), read.mask.sum(dim=1).min()) == (20, 2)


@pytest.mark.parametrize("sides", SIDES)
def test_pictures_are_cropped_as_transformers_does(transformers, folder, sides):
    noise = np.random.default_rng(0).integers(0, 256, (*sides, 3), dtype=np.uint8)
    picture = Image.fromarray(noise)
    processor = transformers.CLIPImageProcessorPil.from_pretrained(folder)
    expected = processor(picture, return_tensors="pt")["pixel_values"][0]
    to = open_bundle(folder).processing
    assert to.crop
    found = to_pixels(
        picture, size=to.size, patch_size=to.patch_size, mean=to.mean, std=to.std, crop=to.crop
    )
    level = 1.01 / 255 / min(to.std)  # what is cropped before it is resized rounds otherwise
    torch.testing.assert_close(found, expected, atol=level, rtol=0)
    assert (found - expected).abs().mean() < level / 100


def test_load_gives_a_model_of_photographs(folder):
    model = vilt_core.load(folder)
    assert (model.name, model.domain, model.image_size) == ("clip", "photographs", 32)
    assert model.seen(Image.new("RGB", (90, 60))).size == (32, 32)
    assert refusal_of(model.match, Image.new("RGB", (9, 9)), "a cat").startswith("clip matches no")


def test_it_comes_back_out_of_a_folder_of_the_lab(folder, tmp_path):
    before = open_bundle(folder)
    save_folder(before, tmp_path / "lab")
    after = load_folder(tmp_path / "lab")
    assert same(before.model, after.model)
    assert (after.model.config, after.processing) == (before.model.config, before.processing)
    assert DualEncoder(after).fingerprint == DualEncoder(before).fingerprint
    read = [one.tokenizer.encode(TEXTS).batch.ids for one in (before, after)]
    assert read[0].equal(read[1])


def test_an_old_pickle_with_its_counters_is_the_same_model(folder):
    before = open_bundle(folder)
    state = load_file(folder / "model.safetensors")
    for tower, count in (("text", 20), ("vision", 17)):
        state[f"{tower}_model.embeddings.position_ids"] = torch.arange(count)[None]
    torch.save(state, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    assert same(before.model, open_bundle(folder).model)


def test_a_config_is_read_as_transformers_reads_it(transformers, folder):
    """Old configs have the towers twice, and none needs to say what is usual."""
    described = json.loads((folder / "config.json").read_text())
    described["text_config_dict"] = described["text_config"]
    described["text_config"] = {"hidden_size": 99}
    (folder / "config.json").write_text(json.dumps(described))
    assert open_bundle(folder).model.config.text_width == 24
    path = folder / "config.json"
    written = json.loads(transformers.CLIPConfig().to_json_string(use_diff=False))
    assert read_config({}, path) == read_config(written, path) == clip_b32()


def test_it_comes_from_the_hub(folder, hub):
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    del files["tokenizer.json"]
    apart_pieces(folder)
    for name in ("vocab.json", "merges.txt"):
        files[name] = (folder / name).read_bytes()
    hub.repositories["openai/clip"] = hub_server.Repository(files=files)
    found = open_bundle("openai/clip")
    assert found.name == "openai/clip"
    assert same(found.model, open_bundle(folder).model)


# One sentence


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: state.pop("logit_scale"), "missing ['logit_scale']"),
        (
            lambda state: state.update({"classifier.weight": torch.ones(2, 2)}),
            "left over ['classifier.weight']",
        ),
        (
            lambda state: state.update(
                {"visual_projection.weight": state["visual_projection.weight"][1:].clone()}
            ),
            "visual_projection.weight has shape (15, 32), expected (16, 32)",
        ),
        (
            lambda state: state["text_projection.weight"].fill_(torch.nan),
            "text_projection.weight holds values that are not finite",
        ),
    ],
)
def test_weights_that_do_not_fit(folder, change, said):
    rewrite(folder, change)
    assert said in refusal_of(open_bundle, folder)


def test_weights_that_end_early(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    assert "is damaged or truncated" in refusal_of(open_bundle, folder)
    path.unlink()
    assert "expected weights in" in refusal_of(open_bundle, folder)


@pytest.mark.parametrize(
    ("part", "changes", "said"),
    [
        ("text", {"hidden_act": "gelu"}, "hidden_act must be the same in both towers"),
        ("text", {"layer_norm_eps": 0.1}, "layer_norm_eps must be the same in both towers"),
        ("text", {"intermediate_size": 96}, "mlp_ratio must be the same in both towers"),
        ("text", {"num_attention_heads": 5}, "width must be a multiple of heads, got 24 and 5"),
        ("text", {"num_hidden_layers": 1}, "left over ['text_model.encoder.layers.1."),
        ("text", {"num_hidden_layers": 10**9}, "does not fit its config: 1000000003 layers"),
        ("text", {"eos_token_id": 5}, "eos_token_id must be 519, by which the tokenizer ends"),
        ("text", {"vocab_size": "many"}, "vocab_size must be a positive whole number"),
        ("vision", {"num_channels": 4}, "num_channels must be 3, got 4"),
        ("vision", {"image_size": 33}, "image_size must be a multiple of patch_size"),
        (None, {"projection_dim": 0}, "projection_dim must be a positive whole number, got 0"),
        (None, {"text_config": [1]}, "text_config must be an object, got [1]"),
        (None, {"model_type": "siglip"}, "must describe a vilt or a clip, got 'siglip'"),
    ],
)
def test_configs_that_are_not_computed_here(folder, part, changes, said):
    reconfigure(folder, part, **changes)
    assert said in refusal_of(open_bundle, folder)


def test_activations_that_are_not_computed_here(folder):
    for part in ("text", "vision"):
        reconfigure(folder, part, hidden_act="relu")
    assert "must be one of quick_gelu, gelu, got 'relu'" in refusal_of(open_bundle, folder)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"do_center_crop": False}, "do_center_crop must be True, got False"),
        ({"size": {"shortest_edge": 40}}, "must be the model's 32, got 40 and 32"),
        ({"crop_size": {"height": 16, "width": 16}}, "must be the model's 32, got 32 and 16"),
        ({"crop_size": {"height": 16, "width": 32}}, "crop_size must be square, got [16, 32]"),
        ({"image_std": [1, 2]}, "three numbers each, got [1, 2]"),
    ],
)
def test_pictures_that_cannot_be_prepared(folder, changes, said):
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    assert said in refusal_of(open_bundle, folder)


def test_tokenizers_that_are_none_of_clips(folder):
    path = folder / "tokenizer.json"
    described = json.loads(path.read_text())
    path.write_text(json.dumps(described | {"post_processor": None}))
    assert f"must put texts between {CLIP_START} and {CLIP_END}" in refusal_of(open_bundle, folder)
    path.unlink()
    assert "has no tokenizer: expected tokenizer.json, or" in refusal_of(open_bundle, folder)
    (folder / "vocab.json").write_text('{"a": 0}')
    (folder / "merges.txt").write_text("#version: 0.2\n")
    assert f"must name {CLIP_START} and {CLIP_END}" in refusal_of(open_bundle, folder)
    (folder / "merges.txt").write_text("a b c\n")
    assert "are no byte pairs" in refusal_of(open_bundle, folder)


def test_more_words_than_the_model_knows(folder):
    reconfigure(folder, "text", vocab_size=100)
    rewrite(
        folder,
        lambda state: state.update(
            {
                "text_model.embeddings.token_embedding.weight": state[
                    "text_model.embeddings.token_embedding.weight"
                ][:100].clone()
            }
        ),
    )
    assert "has 520 tokens, but the model knows only 100" in refusal_of(open_bundle, folder)
