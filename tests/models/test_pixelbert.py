"""Laws of Pixel-BERT: cells in raster order, samples of them, sizes by arithmetic."""

from dataclasses import asdict, replace

import pytest
import torch

from vilt_core.config import (
    CnnConfig,
    PixelBertConfig,
    pixelbert_mini,
    pixelbert_r50,
    pixelbert_x152,
    resnet50,
    resnext152,
)
from vilt_core.layers.cnn import GridCnn
from vilt_core.models import build
from vilt_core.models.pixelbert import PixelBert
from vilt_core.types import ImageBatch, TextBatch

CONFIG = PixelBertConfig(
    vocab_size=50,
    width=24,
    depth=2,
    heads=3,
    mlp_width=48,
    max_text_tokens=12,
    cnn=CnnConfig(depths=(1, 1), widths=(8, 12), bottleneck=False, stages=2),
    image_size=64,
    longest_side=96,
    max_patches=7,
    answers=5,
    dropout=0.0,
)
SIZES = [(64, 96), (48, 33)]


def texts(*lengths: int) -> TextBatch:
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    ids = torch.randint(1, 50, mask.shape, generator=torch.Generator().manual_seed(1))
    return TextBatch(ids=ids * mask, mask=mask)


def images() -> ImageBatch:
    mask = torch.zeros(len(SIZES), 64, 96, dtype=torch.bool)
    for row, (height, width) in enumerate(SIZES):
        mask[row, :height, :width] = True
    generator = torch.Generator().manual_seed(2)
    return ImageBatch(
        pixels=torch.randn(*mask.shape[:1], 3, 64, 96, generator=generator), mask=mask
    )


@pytest.fixture
def model() -> PixelBert:
    torch.manual_seed(0)
    whole = PixelBert(CONFIG).eval()
    for parameter in whole.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return whole


def test_shapes_places_and_heads(model):
    out = model(texts(5, 3), images(), return_states=True, return_attentions=True)
    assert out.grid == (4, 6)
    assert out.image.shape == (2, 24, 24)
    row, column = out.positions[0].unbind(dim=-1)
    assert torch.equal(6 * row + column, torch.arange(24))
    assert out.positions[1][out.image_mask[1]].tolist() == [
        [r, c] for r in range(3) for c in range(3)
    ]
    assert (out.positions[1][~out.image_mask[1]] == -1).all()
    assert len(out.states) == CONFIG.depth + 1
    assert out.attentions[0].shape == (2, 3, 29, 29)
    assert model.itm(out.pooled).shape == (2, 2)
    assert model.mlm(out.text).shape == (2, 5, 50)
    assert model.vqa(out.pooled).shape == (2, 5)
    assert model.mlm.decoder.weight is model.text_embedding.words.weight


@torch.no_grad()
def test_everything_alone_is_everything_in_a_padded_batch(model):
    text, image = texts(9, 4), images()
    together = model(text, image)
    alone = model(
        TextBatch(ids=text.ids[1:, :4], mask=text.mask[1:, :4]),
        ImageBatch(pixels=image.pixels[1:, :, :48, :33]),
    )
    torch.testing.assert_close(together.text[1:, :4], alone.text)
    torch.testing.assert_close(together.image[1][together.image_mask[1]], alone.image[0])
    torch.testing.assert_close(together.pooled[1:], alone.pooled)


@torch.no_grad()
def test_a_picture_looked_at_once_serves_many_texts(model):
    text, image = texts(5, 5), images()
    torch.testing.assert_close(model(text, model.look(image)).pooled, model(text, image).pooled)


@torch.no_grad()
def test_sampled_cells_are_cells_of_the_whole(model):
    whole = model.embed_image(images())
    some = model.embed_image(images(), limit=7, generator=torch.Generator().manual_seed(0))
    assert some.tokens.shape == (2, 7, 24)
    assert some.grid == whole.grid
    for row in range(2):
        places = whole.positions[row].tolist()
        found = [places.index(place) for place in some.positions[row].tolist()]
        assert found == sorted(set(found))
        torch.testing.assert_close(some.tokens[row], whole.tokens[row, found])


def test_cells_are_sampled_in_training_alone(model):
    assert model.eval().embed_image(images()).tokens.shape[1] == 24
    assert model.train().embed_image(images()).tokens.shape[1] == CONFIG.max_patches
    every = replace(CONFIG, max_patches=24)
    assert PixelBert(every).train().embed_image(images()).tokens.shape[1] == 24


def test_every_parameter_learns(model):
    model.train()
    out = model(texts(12, 12), images())
    answers = (model.itm(out.pooled), model.mlm(out.text), model.vqa(out.pooled))
    sum(answer.square().sum() for answer in answers).backward()
    still = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []


def test_mini_reads_stickers_as_eight_by_eight():
    config = pixelbert_mini(vocab_size=500, answers=40)
    out = PixelBert(config).eval()(texts(5), ImageBatch(pixels=torch.randn(1, 3, 128, 128)))
    assert out.grid == (8, 8)
    assert config.patch_size == 16


def count(part) -> int:
    return sum(parameter.numel() for parameter in part.parameters())


def convolutions(*, depths: tuple[int, ...], inner: tuple[int, ...], groups: int = 1) -> int:
    """Parameters of a bottleneck network without its classifier, by hand.

    ``inner`` are the channels of each stage's 3 x 3 convolutions; every convolution is followed by
    a normalisation of two numbers a channel.
    """
    total, channels = 3 * 64 * 7 * 7 + 2 * 64, 64
    for stage, (blocks, middle) in enumerate(zip(depths, inner, strict=True)):
        out = 256 * 2**stage
        total += channels * out + 2 * out  # the first block's short cut
        for _ in range(blocks):
            total += channels * middle + 9 * middle * middle // groups + middle * out
            total += 2 * middle + 2 * middle + 2 * out
            channels = out
    return total


def test_published_sizes():
    """By arithmetic, and beside Table 6: 94.9 M with ResNet-50, 144.3 M with ResNeXt-152."""
    with torch.device("meta"):
        small, large = build("pixelbert-r50"), build("pixelbert-x152")
        cut = GridCnn(**asdict(replace(resnet50(), stages=3)))
    blocks, linear, pooler = 85_054_464, 2048 * 768 + 768, 768 * 768 + 768
    r50 = convolutions(depths=(3, 4, 6, 3), inner=(64, 128, 256, 512))
    x152 = convolutions(depths=(3, 8, 36, 3), inner=(128, 256, 512, 1024), groups=32)
    assert (r50, x152) == (23_508_032, 57_902_400)
    for model, cnn in ((small, r50), (large, x152)):
        assert count(model.encoder) == blocks
        assert count(model.image_embedding) == cnn + linear
        assert count(model.pooler) == pooler
    assert blocks + r50 + linear == 110_136_128
    assert blocks + x152 + linear == 144_530_496  # Table 6: 144.3
    # Table 6 has 94.9 for the other. Without the last stage of ResNet-50:
    assert count(cut) == convolutions(depths=(3, 4, 6), inner=(64, 128, 256)) == 8_543_296
    assert blocks + count(cut) + (1024 * 768 + 768) == 94_384_960
    assert blocks + count(cut) + (1024 * 768 + 768) + pooler == 94_975_552


def test_table_6_counts_a_token_for_every_64_by_64_pixels():
    for config, tokens in ((pixelbert_r50(), 260), (pixelbert_x152(), 146)):
        assert config.image_size * config.longest_side // config.patch_size**2 == tokens


def test_a_picture_is_no_longer_than_its_longest_side():
    with pytest.raises(ValueError, match="longest_side must be at least image_size, got 5 and 800"):
        PixelBertConfig(longest_side=5)
    assert pixelbert_x152().cnn == resnext152()
