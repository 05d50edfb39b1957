"""Gradients pass through packed parts to what they were given, as through the plain ones."""

import pytest
import torch
from torch import nn

from vilt_core.layers import PreNormBlock
from vilt_core.layers.packed import PackedBlock, PackedLinear


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("gelu", [False, True])
def test_a_layer_hands_gradients_on(gelu):
    layer, tokens = nn.Linear(48, 32), torch.randn(2, 9, 48, requires_grad=True)
    packed = PackedLinear(layer.weight, layer.bias, dtype=torch.float32, gelu=gelu)
    plain = nn.functional.gelu(layer(tokens)) if gelu else layer(tokens)
    weights = torch.randn(2, 9, 32)
    (found,) = torch.autograd.grad((packed(tokens) * weights).sum(), tokens)
    (expected,) = torch.autograd.grad((plain * weights).sum(), tokens)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_a_block_hands_gradients_to_its_tokens_and_its_attention():
    block = PreNormBlock(24, heads=3, mlp_width=48).eval()
    tokens = torch.randn(2, 7, 24, requires_grad=True)
    found = []
    for one in (block, PackedBlock(block, dtype=torch.float32)):
        out, weights = one(tokens, return_weights=True)
        found.append(torch.autograd.grad(out.square().sum(), (tokens, weights)))
    for packed, plain in zip(*found, strict=True):
        torch.testing.assert_close(packed, plain, atol=1e-4, rtol=1e-4)


def test_gates_silence_a_head_of_a_packed_block_too():
    block = PreNormBlock(24, heads=3, mlp_width=48).eval()
    tokens, gates = torch.randn(2, 7, 24), torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 1.0]])
    with torch.inference_mode():
        plain = block(tokens, gates=gates)[0]
        packed = PackedBlock(block, dtype=torch.float32)(tokens, gates=gates)[0]
        whole = block(tokens)[0]
    torch.testing.assert_close(packed, plain, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(plain[1], whole[1])
    assert (plain[0] - whole[0]).abs().max() > 0.01
