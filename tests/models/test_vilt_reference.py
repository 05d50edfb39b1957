"""Vilt against the implementation in transformers, with the same random weights.

transformers returns image tokens in random order and forgets it; here each of its tokens is found
again by its embedding, so that every layer can be compared token by token.
"""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from vilt_core.interop import from_huggingface
from vilt_core.interop.renames import outwards
from vilt_core.types import ImageBatch, TextBatch

transformers = pytest.importorskip("transformers", reason="the reference is not installed")
GOLDEN = Path(__file__).parents[2].parent / "shared" / "golden" / "hf_vilt_tiny"
CLOSE = {"atol": 1e-5, "rtol": 0}
LOGITS = {"atol": 5e-5, "rtol": 1e-5}


def reference(kind, **settings):
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
        **({"num_labels": 5} | settings),
    )
    model = getattr(transformers, kind)(config).eval()
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return model


@pytest.fixture
def ours_like(tmp_path):
    """Our model with transformers' config and weights, by way of a folder that it wrote."""

    def read(theirs):
        theirs.save_pretrained(tmp_path)
        return from_huggingface(tmp_path)

    return read


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
def test_every_state_equals_transformers(sizes, ours_like):
    hf = reference("ViltModel")
    model = ours_like(hf)
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


def heads(sizes):
    """What each class of transformers and our head of the same kind make of the same input."""
    ours, theirs = inputs(*sizes)
    left = ours[1]
    right = ImageBatch(pixels=-left.pixels, mask=left.mask)
    pair = theirs | {
        "pixel_values": torch.stack([left.pixels, right.pixels], dim=1),
        "pixel_mask": torch.stack([theirs["pixel_mask"]] * 2, dim=1),
    }
    return {
        "ViltForMaskedLM": (lambda model: model.mlm(model(*ours).text)[ours[0].mask], theirs),
        "ViltForQuestionAnswering": (lambda model: model.vqa(model(*ours).pooled), theirs),
        "ViltForImageAndTextRetrieval": (lambda model: model.rank(model(*ours).pooled), theirs),
        "ViltForImagesAndTextClassification": (
            lambda model: model.nlvr2.pair(
                model(*ours).pooled, model(ours[0], right, image_type=2).pooled
            ),
            pair,
        ),
    }


def expected_logits(hf, given):
    logits = hf(**given).logits
    if type(hf).__name__ == "ViltForMaskedLM":
        return logits[given["attention_mask"].bool()]
    return logits[:, 0] if type(hf).__name__ == "ViltForImageAndTextRetrieval" else logits


PAIR = {"num_images": 2, "modality_type_vocab_size": 3, "num_labels": 2}
KINDS = {
    "ViltForMaskedLM": {},
    "ViltForQuestionAnswering": {},
    "ViltForImageAndTextRetrieval": {},
    "ViltForImagesAndTextClassification": PAIR,
}


@pytest.mark.parametrize("sizes", CASES.values(), ids=CASES)
@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_heads_equal_transformers(sizes, kind, ours_like):
    hf = reference(kind, **KINDS[kind])
    compute, given = heads(sizes)[kind]
    torch.testing.assert_close(compute(ours_like(hf)), expected_logits(hf, given), **LOGITS)


@torch.no_grad()
def test_a_decoder_of_its_own(ours_like):
    hf = reference("ViltForMaskedLM")
    hf.mlm_score.decoder.weight = nn.Parameter(torch.randn(99, 32))
    model = ours_like(hf)
    assert not torch.equal(model.mlm.decoder.weight, model.text_embedding.words.weight)
    compute, given = heads(CASES["padded"])["ViltForMaskedLM"]
    torch.testing.assert_close(compute(model), expected_logits(hf, given), **LOGITS)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_equal_transformers(kind, ours_like):
    hf = reference(kind, **KINDS[kind])
    if kind == "ViltForMaskedLM":  # tied, it would add two gradients that are two of ours
        hf.mlm_score.decoder.weight = nn.Parameter(torch.randn(99, 32))
    model = ours_like(hf)
    compute, given = heads(CASES["padded"])[kind]
    expected_logits(hf, given).square().mean().backward()
    compute(model).square().mean().backward()
    gradients = {name: value.grad for name, value in model.named_parameters()}
    found = outwards(
        {name: value for name, value in gradients.items() if value is not None},
        names="transformers",
        depth=3,
        classifier={"ViltForQuestionAnswering": "vqa"}.get(kind, "nlvr2"),
    )
    theirs = {name: value.grad for name, value in hf.named_parameters() if value.grad is not None}
    assert found.keys() == theirs.keys()
    scale = max(gradient.abs().max() for gradient in theirs.values())
    for name, gradient in theirs.items():
        torch.testing.assert_close(found[name] / scale, gradient / scale, **CLOSE, msg=name)


@pytest.fixture
def golden(tmp_path):
    """The stored inputs and outputs, and what opens one of the stored models."""
    if not GOLDEN.is_dir():
        pytest.skip("the stored outputs of transformers are not beside this checkout")

    def stored(name):
        folder = tmp_path / name
        folder.mkdir()
        for ours, theirs in {
            "config.json": ".config.json",
            "model.safetensors": ".safetensors",
        }.items():
            (folder / ours).write_bytes((GOLDEN / f"{name}{theirs}").read_bytes())
        return from_huggingface(folder)

    given, expected = (load_file(GOLDEN / f"{name}.safetensors") for name in ("inputs", "outputs"))
    return given, expected, stored


def stored_inputs(given, case):
    text = TextBatch(ids=given["input_ids"], mask=given["attention_mask"].bool())
    image = ImageBatch(
        pixels=given[f"{case}_pixel_values"], mask=given[f"{case}_pixel_mask"].bool()
    )
    return text, image


@pytest.mark.parametrize("case", ["A", "B"])
@torch.no_grad()
def test_stored_states(golden, case):
    given, expected, stored = golden
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
    given, expected, stored = golden
    text, image = stored_inputs(given, case)
    model = stored("mlm")
    logits = model.mlm(model(text, image).text)
    torch.testing.assert_close(
        logits[text.mask], expected[f"mlm.{case}.logits"][text.mask], **LOGITS
    )
    model = stored("vqa")
    logits = model.vqa(model(text, image).pooled)
    torch.testing.assert_close(logits, expected[f"vqa.{case}.logits"], **LOGITS)
    model = stored("itr")
    logits = model.rank(model(text, image).pooled)
    torch.testing.assert_close(logits, expected[f"itr.{case}.logits"][:, 0], **LOGITS)
    model = stored("nlvr2")
    other = ImageBatch(pixels=-image.pixels, mask=image.mask)
    logits = model.nlvr2.pair(model(text, image).pooled, model(text, other, image_type=2).pooled)
    torch.testing.assert_close(logits, expected[f"nlvr2.{case}.logits"], **LOGITS)


def test_token_classification_is_refused(golden):
    *_, stored = golden
    with pytest.raises(ValueError, match="classifies tokens"):
        stored("tokcls")
