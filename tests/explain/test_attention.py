import pytest
import torch

from vilt_core.config import ViltConfig
from vilt_core.explain.attention import head_mean, raw_attention, words_to_patches
from vilt_core.models.vilt import Vilt
from vilt_core.types import ImageBatch, TextBatch


def random_weights(blocks, *, tokens, heads=3, batch=2):
    generator = torch.Generator().manual_seed(0)
    shape = (batch, heads, tokens, tokens)
    return [torch.rand(shape, generator=generator).softmax(dim=-1) for _ in range(blocks)]


def test_words_patches_and_class_share_each_words_attention():
    weights = head_mean(random_weights(1, tokens=9)[0])
    patches = words_to_patches(weights, text_tokens=4)
    assert patches.shape == (2, 4, 4)
    whole = patches.sum(-1) + weights[:, :4, :5].sum(-1)
    torch.testing.assert_close(whole, torch.ones(2, 4))


def test_last_block_alone_by_default():
    blocks = random_weights(3, tokens=9)
    torch.testing.assert_close(
        raw_attention(blocks, text_tokens=4), raw_attention(blocks[-1:], text_tokens=4)
    )


def test_several_blocks_are_averaged():
    blocks = random_weights(3, tokens=9)
    one_by_one = [raw_attention([block], text_tokens=4) for block in blocks[1:]]
    torch.testing.assert_close(
        raw_attention(blocks, text_tokens=4, blocks=2), torch.stack(one_by_one).mean(0)
    )


def test_order_of_heads_does_not_matter():
    blocks = random_weights(1, tokens=9)
    torch.testing.assert_close(
        raw_attention([blocks[0].flip(1)], text_tokens=4), raw_attention(blocks, text_tokens=4)
    )


@pytest.mark.parametrize("blocks", [0, 4])
def test_blocks_that_are_not_there(blocks):
    with pytest.raises(ValueError, match=r"blocks must be in 1 \.\. 3"):
        raw_attention(random_weights(3, tokens=9), text_tokens=4, blocks=blocks)


@pytest.mark.parametrize("text_tokens", [0, 9])
def test_a_text_that_does_not_fit(text_tokens):
    with pytest.raises(ValueError, match="text_tokens must be in"):
        words_to_patches(random_weights(1, tokens=9)[0].mean(1), text_tokens=text_tokens)


def test_attention_follows_a_patch_to_its_new_place():
    """Without position embeddings, moving the picture by one patch moves the map by one patch."""
    torch.manual_seed(0)
    config = ViltConfig(
        vocab_size=20, width=24, depth=2, heads=3, image_size=24, patch_size=8, dropout=0.0
    )
    model = Vilt(config).eval()
    text = TextBatch(ids=torch.tensor([[1, 2, 3]]), mask=torch.ones(1, 3, dtype=torch.bool))
    pixels = torch.randn(1, 3, 24, 24)
    with torch.inference_mode():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        for parameter in model.patch_embedding.positions.parameters():
            parameter.zero_()
        here, moved = (
            raw_attention(
                model(text, ImageBatch(pixels=p), return_attentions=True).attentions, text_tokens=3
            ).reshape(1, 3, 3, 3)
            for p in (pixels, pixels.roll(8, dims=-1))
        )
    assert here.std() > 0.01
    torch.testing.assert_close(moved, here.roll(1, dims=-1))
