"""Packed parts compute what they were made from."""

import pytest
import torch
from torch import nn

from vilt_core.config import ViltConfig
from vilt_core.layers import PreNormBlock
from vilt_core.layers.packed import (
    PackedBlock,
    PackedLinear,
    PackedProjection,
    has_bfloat16_units,
    pack,
)
from vilt_core.models import build
from vilt_core.models.vilt import Vilt
from vilt_core.types import ImageBatch, TextBatch

CLOSE = {
    torch.float32: {"atol": 1e-5, "rtol": 1e-5},
    torch.bfloat16: {"atol": 0.1, "rtol": 0.05},
}
MASK = torch.arange(9) < torch.tensor([9, 6])[:, None]


@pytest.fixture(
    params=[
        torch.float32,
        pytest.param(
            torch.bfloat16,
            marks=pytest.mark.skipif(
                not has_bfloat16_units(), reason="this processor has no bfloat16 units"
            ),
        ),
    ]
)
def dtype(request):
    return request.param


@pytest.fixture(autouse=True)
def without_gradients():
    torch.manual_seed(0)
    with torch.inference_mode():
        yield


def test_a_layer_and_its_gelu(dtype):
    layer, tokens = nn.Linear(48, 32), torch.randn(2, 9, 48)
    plain = PackedLinear(layer.weight, layer.bias, dtype=dtype)(tokens)
    bent = PackedLinear(layer.weight, layer.bias, dtype=dtype, gelu=True)(tokens)
    assert plain.dtype == bent.dtype == dtype
    torch.testing.assert_close(plain.float(), layer(tokens), **CLOSE[dtype])
    torch.testing.assert_close(bent.float(), nn.functional.gelu(layer(tokens)), **CLOSE[dtype])


def test_a_projection_is_the_convolution(dtype):
    convolution, pixels = nn.Conv2d(3, 32, 8, stride=8), torch.rand(2, 3, 16, 40) * 2 - 1
    packed = PackedProjection(convolution, dtype=dtype)
    torch.testing.assert_close(packed(pixels), convolution(pixels), **CLOSE[dtype])


@pytest.mark.parametrize("mask", [None, MASK])
@pytest.mark.parametrize("first", [None, 1, 4])
def test_a_block(dtype, mask, first):
    block, tokens = PreNormBlock(48, heads=3, mlp_width=96).eval(), torch.randn(2, 9, 48)
    packed = PackedBlock(block, dtype=dtype)
    expected, weights = block(tokens, mask=mask, return_weights=True, first=first)
    found, found_weights = packed(tokens, mask=mask, return_weights=True, first=first)
    fast, nothing = packed(tokens, mask=mask, first=first)
    assert nothing is None
    assert fast.dtype == torch.float32
    torch.testing.assert_close(found, expected, **CLOSE[dtype])
    torch.testing.assert_close(fast, expected, **CLOSE[dtype])
    torch.testing.assert_close(found_weights.float(), weights, **CLOSE[dtype])


def test_a_whole_model(dtype):
    config = ViltConfig(vocab_size=50, width=48, depth=3, heads=3, image_size=24, patch_size=8)
    model = Vilt(config).eval()
    text = TextBatch(ids=torch.randint(0, 50, MASK.shape), mask=MASK)
    image = ImageBatch(pixels=torch.rand(2, 3, 24, 40) * 2 - 1)
    expected = model(text, image, return_states=True)
    pack(model, dtype=dtype)
    assert not [part for part in model.modules() if isinstance(part, PreNormBlock | nn.Conv2d)]
    found = model(text, image, return_states=True)
    torch.testing.assert_close(found.pooled, expected.pooled, **CLOSE[dtype])
    torch.testing.assert_close(model.pool(text, image), expected.pooled, **CLOSE[dtype])
    for state, other in zip(found.states, expected.states, strict=True):
        torch.testing.assert_close(state, other, **CLOSE[dtype])


def test_the_largest_difference_is_that_of_rounding(dtype):
    """Roundings do not pile up: twelve blocks lose little more than one does."""
    config = ViltConfig(vocab_size=50, width=64, depth=12, heads=4, image_size=64, patch_size=8)
    model = Vilt(config).eval()
    for parameter in model.parameters():
        parameter += 0.02 * torch.randn_like(parameter)
    tokens = torch.randn(1, 40, 64)
    expected = model.encoder(tokens, return_states=True).states
    pack(model, dtype=dtype)
    found = model.encoder(tokens, return_states=True).states
    lost = [float((a - b).norm() / b.norm()) for a, b in zip(found[1:], expected[1:], strict=True)]
    assert lost[-1] < 12 * torch.finfo(dtype).eps


def test_what_has_no_twin_stays_as_it_is():
    """CLIP's texts look back alone, its GELU is another, and its patches have no bias."""
    torch.manual_seed(0)
    model = build("clip", size="mini", vocab_size=50, answers=0).eval()
    text = TextBatch(ids=torch.randint(0, 50, (2, 9)), mask=torch.ones(2, 9, dtype=torch.bool))
    image = ImageBatch(pixels=torch.randn(2, 3, 128, 128))
    with torch.no_grad():
        before = model.score_all(text, image)
        pack(model, dtype=torch.float32)
        assert model.score_all(text, image).equal(before)
