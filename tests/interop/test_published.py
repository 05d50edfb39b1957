"""ViLT-B/32 in its published size: transformers' function, and every bit of the weights.

Where the environment variable VILT_CHECKPOINTS names a folder with the published checkpoints, each
in a subfolder of its name (vilt-b32-mlm and so on), their published logits are checked as well.
"""

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from judges import same
from PIL import Image

from vilt_core.config import vilt_b32
from vilt_core.data.image import to_pixels
from vilt_core.interop import from_huggingface, to_huggingface
from vilt_core.interop.huggingface import load_huggingface
from vilt_core.interop.parity import compare_with_transformers
from vilt_core.models.vilt import Vilt
from vilt_core.types import ImageBatch, TextBatch


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A model of the published size, away from its start; norms as transformers has them."""
    torch.manual_seed(0)
    config = replace(vilt_b32(), tasks=("rank", "nlvr2"), modality_types=3, norm_eps=1e-12)
    model = Vilt(config).eval()
    # By so much that states reach 8: at 12 to 15 a float32 leaves room for ten roundings in 1e-5.
    for parameter in model.parameters():
        parameter.data += 0.01 * torch.randn_like(parameter)
    folder = tmp_path_factory.mktemp("full")
    to_huggingface(model, folder)
    return model, folder


@pytest.mark.slow
def test_the_full_size_equals_transformers(full, transformers):
    model, folder = full
    rows = compare_with_transformers(model, folder)
    assert len(rows) == 1 + 12 + 1 + 1 + 2
    for row in rows:
        heads = row.layer in ("pooled", "rank", "nlvr2")
        assert row.difference <= (1e-4 if heads else 1e-5), row


@pytest.mark.slow
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("size", [(384, 384), (384, 608), (608, 384)])
@torch.no_grad()
def test_the_full_size_at_every_shape(full, transformers, size, masked):
    model, folder = full
    theirs = transformers.ViltForImageAndTextRetrieval.from_pretrained(folder).eval()
    generator = torch.Generator().manual_seed(2)
    ids = torch.randint(30522, (1, 40), generator=generator)
    words = torch.arange(40)[None] < (25 if masked else 40)
    pixels = torch.rand(1, 3, *size, generator=generator) * 2 - 1
    mask = torch.ones(1, *size, dtype=torch.bool)
    if masked:
        mask[:, 352:] = False
        mask[:, :, 320:] = False
    expected = theirs(
        input_ids=ids, attention_mask=words.long(), pixel_values=pixels, pixel_mask=mask.long()
    )
    image = ImageBatch(pixels=pixels, mask=mask if masked else None)
    out = model(TextBatch(ids=ids, mask=words), image)
    torch.testing.assert_close(model.rank(out.pooled)[:, None], expected.logits, atol=1e-4, rtol=0)


@pytest.mark.slow
def test_the_full_size_keeps_every_bit(full):
    model, folder = full
    assert same(model, from_huggingface(folder))


# The published checkpoints, where they are at hand


PUBLISHED = os.environ.get("VILT_CHECKPOINTS")
COCO = Path(__file__).parents[2].parent / "shared" / "formats" / "coco_000000039769.png"


@pytest.fixture
def published():
    """Opens one of the published folders; the picture of two cats on a couch comes along."""
    if PUBLISHED is None:
        pytest.skip("VILT_CHECKPOINTS names no folder with the published checkpoints")

    def find(name):
        folders = [Path(PUBLISHED) / name, Path(PUBLISHED) / "dandelin" / name]
        for folder in folders:
            if folder.is_dir():
                return load_huggingface(folder)
        return pytest.skip(f"{name} is not in {PUBLISHED}")

    return find


def read(bundle, text, image, *, image_type=1):
    pictures = bundle.processing
    pixels = to_pixels(image, size=pictures.size, patch_size=pictures.patch_size)
    words, seen = bundle.tokenizer.encode([text]).batch, ImageBatch(pixels=pixels[None])
    return bundle.model(words, seen, image_type=image_type)


def approximately(found, *expected):
    torch.testing.assert_close(found[: len(expected)], torch.tensor(expected), atol=1e-3, rtol=0)


@pytest.mark.slow
@torch.no_grad()
def test_the_published_masked_words(published):
    bundle = published("vilt-b32-mlm")
    out = read(bundle, "a bunch of [MASK] laying on a [MASK].", Image.open(COCO).convert("RGB"))
    logits = bundle.model.mlm(out.text)[0]
    approximately(logits[0], -12.5061, -12.5123, -12.5174)
    assert bundle.tokenizer.token(int(logits[4].argmax())) == "cats"


@pytest.mark.slow
@torch.no_grad()
def test_the_published_answers(published):
    bundle = published("vilt-b32-finetuned-vqa")
    out = read(bundle, "How many cats are there?", Image.open(COCO).convert("RGB"))
    logits = bundle.model.vqa(out.pooled)[0]
    approximately(logits, -15.9495, -18.1472, -10.3041)
    assert bundle.answers[int(logits.argmax())] == "2"


@pytest.mark.slow
@torch.no_grad()
def test_the_published_pairs(published):
    bundle = published("vilt-b32-finetuned-nlvr2")
    picture = Path(PUBLISHED) / "ex0_0.jpg"  # of lil.nlp.cornell.edu/nlvr/exs, on both sides
    if not picture.is_file():
        pytest.skip(f"{picture} is not there")
    text = (
        "The left image contains twice the number of dogs as the right image, "
        "and at least two dogs in total are standing."
    )
    image = Image.open(picture).convert("RGB")
    left, right = (read(bundle, text, image, image_type=side).pooled for side in (1, 2))
    approximately(bundle.model.nlvr2.pair(left, right)[0], -2.8721, 2.1291)
