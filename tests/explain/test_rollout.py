import pytest
import torch

from vilt_core.config import ViltConfig
from vilt_core.explain.attention import words_to_patches
from vilt_core.explain.rollout import rollout
from vilt_core.models.vilt import Vilt
from vilt_core.types import ImageBatch, TextBatch


def random_weights(blocks, *, tokens=7, heads=3, batch=2):
    generator = torch.Generator().manual_seed(0)
    shape = (batch, heads, tokens, tokens)
    return [(3 * torch.rand(shape, generator=generator)).softmax(dim=-1) for _ in range(blocks)]


def test_rows_sum_to_one():
    torch.testing.assert_close(rollout(random_weights(4)).sum(-1), torch.ones(2, 7))


def test_attention_to_oneself_is_the_identity():
    identity = torch.eye(7).expand(2, 3, -1, -1)
    torch.testing.assert_close(rollout([identity] * 4), torch.eye(7).expand(2, -1, -1))


def test_residual_alone_is_the_identity():
    weights = random_weights(4)
    torch.testing.assert_close(rollout(weights, residual=1.0), torch.eye(7).expand(2, -1, -1))


def test_one_block_is_half_attention_half_oneself():
    (weights,) = random_weights(1)
    expected = 0.5 * weights.mean(1) + 0.5 * torch.eye(7)
    torch.testing.assert_close(rollout([weights]), expected)


def test_even_attention_comes_near_evenness_with_depth():
    even = torch.full((1, 1, 7, 7), 1 / 7)
    torch.testing.assert_close(rollout([even] * 40), even[:, 0])


def test_blocks_are_multiplied_from_the_input_up():
    """The published recursion, one token at a time: flow(output) = sum of A flow(attended to)."""
    weights = [w.double() for w in random_weights(3, batch=1)]
    mixed = [0.5 * w.mean(1)[0] + 0.5 * torch.eye(7, dtype=torch.float64) for w in weights]

    def flow(block, token):
        if block < 0:
            return torch.eye(7, dtype=torch.float64)[token]
        return sum(mixed[block][token, other] * flow(block - 1, other) for other in range(7))

    expected = torch.stack([flow(2, token) for token in range(7)])
    torch.testing.assert_close(rollout(weights)[0], expected)


def test_padding_changes_no_real_word():
    torch.manual_seed(0)
    config = ViltConfig(
        vocab_size=20, width=24, depth=3, heads=3, image_size=16, patch_size=8, dropout=0.0
    )
    model = Vilt(config).eval()
    image = ImageBatch(pixels=torch.randn(1, 3, 16, 16))
    ids = torch.tensor([[2, 7, 8, 3, 0, 0]])
    with torch.inference_mode():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        alone, padded = (
            words_to_patches(
                rollout(
                    model(
                        TextBatch(ids=ids[:, :l], mask=ids[:, :l] > 0),
                        image,
                        return_attentions=True,
                    ).attentions
                ),
                text_tokens=l,
            )
            for l in (4, 6)
        )
    torch.testing.assert_close(padded[:, :4], alone)


def test_no_blocks():
    with pytest.raises(ValueError, match="at least one block"):
        rollout([])


def test_a_share_that_is_none():
    with pytest.raises(ValueError, match=r"residual must be in \[0, 1\]"):
        rollout(random_weights(1), residual=1.5)
