"""Vilt against the implementation in transformers, with the same random weights.

transformers returns image tokens in random order and forgets it; here each of its tokens is found
again by its embedding, so that every layer can be compared token by token.
"""

import json
from pathlib import Path

import pytest
import torch
from einops import rearrange
from safetensors.torch import load_file

from vilt_core.config import ViltConfig
from vilt_core.layers import Mlp
from vilt_core.models.vilt import Vilt
from vilt_core.types import ImageBatch, TextBatch

transformers = pytest.importorskip("transformers", reason="the reference is not installed")
GOLDEN = Path(__file__).parents[2].parent / "shared" / "golden" / "hf_vilt_tiny"
CLOSE = {"atol": 1e-5, "rtol": 0}

RENAMES = {
    "text_embedding.words.weight": "embeddings.text_embeddings.word_embeddings.weight",
    "text_embedding.positions.weight": "embeddings.text_embeddings.position_embeddings.weight",
    "text_embedding.segments.weight": "embeddings.text_embeddings.token_type_embeddings.weight",
    "text_embedding.norm": "embeddings.text_embeddings.LayerNorm",
    "patch_embedding.projection": "embeddings.patch_embeddings.projection",
    "fusion.types.weight": "embeddings.token_type_embeddings.weight",
    "encoder.norm": "layernorm",
    "pooler.dense": "pooler.dense",
}
BLOCK_RENAMES = {
    "norm1": "layernorm_before",
    "norm2": "layernorm_after",
    "attention.projection": "attention.output.dense",
    "mlp.expand": "intermediate.dense",
    "mlp.contract": "output.dense",
}
HEAD_RENAMES = {
    "mlm.dense": "mlm_score.transform.dense",
    "mlm.norm": "mlm_score.transform.LayerNorm",
    "mlm.decoder": "mlm_score.decoder",
    "vqa.expand": "classifier.0",
    "vqa.norm": "classifier.1",
    "vqa.classify": "classifier.3",
}


def translated(theirs, depth):
    """transformers' weights under our names."""
    body = {name.removeprefix("vilt."): value for name, value in theirs.items()}
    pairs = {**RENAMES, **HEAD_RENAMES}
    for i in range(depth):
        for ours, name in BLOCK_RENAMES.items():
            pairs[f"encoder.blocks.{i}.{ours}"] = f"encoder.layer.{i}.{name}"
    state = {}
    for ours, name in pairs.items():
        for tail in ("", ".weight", ".bias"):
            if name + tail in body:
                state[ours + tail] = body[name + tail]
    for i in range(depth):
        for kind in ("weight", "bias"):
            state[f"encoder.blocks.{i}.attention.qkv.{kind}"] = torch.cat(
                [
                    body[f"encoder.layer.{i}.attention.attention.{part}.{kind}"]
                    for part in ("query", "key", "value")
                ]
            )
    positions = body["embeddings.position_embeddings"][0]
    side = round((len(positions) - 1) ** 0.5)
    state["patch_embedding.class_token"] = body["embeddings.cls_token"][0, 0]
    state["patch_embedding.class_position"] = positions[0]
    state["patch_embedding.positions.table"] = rearrange(
        positions[1:], "(rows columns) d -> rows columns d", rows=side
    )
    return state


def ours_like(config, theirs, *, answers=0):
    """Our model with transformers' config and weights; heads that it lacks stay random."""
    model = Vilt(
        ViltConfig(
            vocab_size=config["vocab_size"],
            width=config["hidden_size"],
            depth=config["num_hidden_layers"],
            heads=config["num_attention_heads"],
            image_size=config["image_size"],
            patch_size=config["patch_size"],
            answers=answers,
            dropout=0.0,
            norm_eps=config["layer_norm_eps"],
            text_norm_eps=config["layer_norm_eps"],
        )
    )
    for block in model.encoder.blocks:  # any width of the MLP, not only a multiple
        block.mlp = Mlp(config["hidden_size"], hidden=config["intermediate_size"])
    state = translated(theirs, config["num_hidden_layers"])
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert unexpected == []
    assert {name.split(".")[0] for name in missing} <= {"itm", "mlm", "vqa"}
    return model.eval()


def reference(kind):
    torch.manual_seed(0)
    config = transformers.ViltConfig(
        vocab_size=99,
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=80,
        image_size=32,
        patch_size=8,
        max_image_length=-1,
        initializer_range=0.2,
        num_labels=5,
        tie_word_embeddings=False,
    )
    model = getattr(transformers, kind)(config).eval()
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return model


def inputs(*sizes):
    generator = torch.Generator().manual_seed(1)
    height, width = (max(side) for side in zip(*sizes, strict=True))
    pixels = torch.randn(len(sizes), 3, height, width, generator=generator)
    pixel_mask = torch.zeros(len(sizes), height, width, dtype=torch.bool)
    for row, (h, w) in zip(pixel_mask, sizes, strict=True):
        row[:h, :w] = True
    ids = torch.randint(0, 99, (len(sizes), 9), generator=generator)
    text_mask = torch.arange(9) < torch.tensor([9, 6, 4])[: len(sizes), None]
    ours = (
        TextBatch(ids=ids, mask=text_mask),
        ImageBatch(pixels=pixels, mask=None if pixel_mask.all() else pixel_mask),
    )
    theirs = {
        "input_ids": ids,
        "attention_mask": text_mask.long(),
        "pixel_values": pixels,
        "pixel_mask": pixel_mask.long(),
    }
    return ours, theirs


CASES = {
    "one image": ((32, 32),),
    "smaller": ((24, 16), (24, 16)),
    "not square": ((48, 40), (48, 40)),
    "padded": ((48, 32), (24, 40), (8, 8)),
}


def same_order(mine, theirs):
    """For each of our tokens the row of the reference that holds it."""
    distance = torch.cdist(mine, theirs, compute_mode="donot_use_mm_for_euclid_dist")
    order = distance.argmin(dim=1)
    assert len(order.unique()) == len(mine)
    return order


@pytest.mark.parametrize("sizes", CASES.values(), ids=CASES)
@torch.no_grad()
def test_every_state_equals_transformers(sizes):
    hf = reference("ViltModel")
    model = ours_like(hf.config.to_dict(), hf.state_dict())
    ours, theirs = inputs(*sizes)
    expected = hf(**theirs, output_hidden_states=True, output_attentions=True)
    out = model(*ours, return_states=True, return_attentions=True)
    torch.testing.assert_close(out.pooled, expected.pooler_output, **CLOSE)
    torch.testing.assert_close(out.image_class, expected.last_hidden_state[:, 9], **CLOSE)
    for i, text_real in enumerate(ours[0].mask):
        words = int(text_real.sum())
        real = torch.cat([text_real, torch.tensor([True]), out.image_mask[i]])
        patches = out.states[0][i, 10:][out.image_mask[i]]
        found = same_order(patches, expected.hidden_states[0][i, 10:])
        rows = torch.cat([torch.arange(words), torch.tensor([9]), 10 + found])
        for state, hidden in zip(out.states, expected.hidden_states, strict=True):
            torch.testing.assert_close(state[i][real], hidden[i][rows], **CLOSE)
        for weights, other in zip(out.attentions, expected.attentions, strict=True):
            torch.testing.assert_close(
                weights[i][:, real][..., real], other[i][:, rows][..., rows], **CLOSE
            )
        last = expected.last_hidden_state[i]
        torch.testing.assert_close(out.text[i, :words], last[:words], **CLOSE)
        torch.testing.assert_close(out.image[i][out.image_mask[i]], last[10 + found], **CLOSE)


@pytest.mark.parametrize("sizes", CASES.values(), ids=CASES)
@torch.no_grad()
def test_heads_equal_transformers(sizes):
    ours, theirs = inputs(*sizes)
    hf = reference("ViltForMaskedLM")
    model = ours_like(hf.config.to_dict(), hf.state_dict())
    logits, expected = model.mlm(model(*ours).text), hf(**theirs).logits
    torch.testing.assert_close(logits[ours[0].mask], expected[ours[0].mask], atol=5e-5, rtol=1e-5)
    hf = reference("ViltForQuestionAnswering")
    model = ours_like(hf.config.to_dict(), hf.state_dict(), answers=5)
    logits = model.vqa(model(*ours).pooled)
    torch.testing.assert_close(logits, hf(**theirs).logits, atol=5e-5, rtol=1e-5)


@pytest.fixture
def golden():
    if not GOLDEN.is_dir():
        pytest.skip("the stored outputs of transformers are not beside this checkout")
    return load_file(GOLDEN / "inputs.safetensors"), load_file(GOLDEN / "outputs.safetensors")


def stored(name, *, answers=0):
    config = json.loads((GOLDEN / f"{name}.config.json").read_text())
    return ours_like(config, load_file(GOLDEN / f"{name}.safetensors"), answers=answers)


def stored_inputs(given, case):
    text = TextBatch(ids=given["input_ids"], mask=given["attention_mask"].bool())
    image = ImageBatch(
        pixels=given[f"{case}_pixel_values"], mask=given[f"{case}_pixel_mask"].bool()
    )
    return text, image


@pytest.mark.parametrize("case", ["A", "B"])
@torch.no_grad()
def test_stored_states(golden, case):
    given, expected = golden
    text, image = stored_inputs(given, case)
    out = stored("model")(text, image, return_states=True)
    torch.testing.assert_close(out.pooled, expected[f"model.{case}.pooler"], **CLOSE)
    torch.testing.assert_close(out.image_class, expected[f"model.{case}.img_cls_out"], **CLOSE)
    text_out = expected[f"model.{case}.text_out"]
    torch.testing.assert_close(out.text[text.mask], text_out[text.mask], **CLOSE)
    for i in range(2):
        key, real = f"model.{case}.b{i}", out.image_mask[i]
        raster = out.positions[i][real] @ torch.tensor([out.grid[1], 1])
        assert torch.equal(raster, expected[f"{key}.valid_patch_raster_index"])
        for layer, state in enumerate(out.states):
            words = expected[f"{key}.hidden{layer}_text"]
            torch.testing.assert_close(state[i, :9][text.mask[i]], words[text.mask[i]], **CLOSE)
            torch.testing.assert_close(
                state[i, 10:][real], expected[f"{key}.hidden{layer}_patches"], **CLOSE
            )


@pytest.mark.parametrize("case", ["A", "B"])
@torch.no_grad()
def test_stored_logits(golden, case):
    given, expected = golden
    text, image = stored_inputs(given, case)
    model = stored("mlm")
    logits = model.mlm(model(text, image).text)
    torch.testing.assert_close(
        logits[text.mask], expected[f"mlm.{case}.logits"][text.mask], atol=5e-5, rtol=1e-5
    )
    model = stored("vqa", answers=5)
    logits = model.vqa(model(text, image).pooled)
    torch.testing.assert_close(logits, expected[f"vqa.{case}.logits"], atol=5e-5, rtol=1e-5)
