"""Gates of heads: 1 is nothing, 0 is a head whose part of the projection is not there."""

import pytest
import torch
from torch import nn

from vilt_core.layers import PreNormBlock
from vilt_core.layers.attention import SelfAttention
from vilt_core.layers.encoder import Encoder


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)
    with torch.inference_mode():
        yield


def test_open_gates_change_nothing():
    attention, tokens = SelfAttention(24, heads=3), torch.randn(2, 7, 24)
    torch.testing.assert_close(attention(tokens, gates=torch.ones(2, 3))[0], attention(tokens)[0])


def test_a_silent_head_is_one_whose_columns_of_the_projection_are_zero():
    attention, tokens = SelfAttention(24, heads=3), torch.randn(1, 7, 24)
    found = attention(tokens, gates=torch.tensor([[1.0, 0.0, 1.0]]))[0]
    attention.projection.weight[:, 8:16] = 0
    torch.testing.assert_close(found, attention(tokens)[0])


def test_gates_are_of_each_row_and_each_block_by_itself():
    blocks = [PreNormBlock(24, heads=3, mlp_width=48) for _ in range(2)]
    encoder = Encoder(blocks, norm=nn.LayerNorm(24)).eval()
    tokens = torch.randn(1, 7, 24).expand(3, -1, -1)
    gates = torch.ones(3, 2, 3)
    gates[1, 0, 2] = gates[2, 1, 2] = 0
    found = encoder(tokens, gates=gates).tokens
    torch.testing.assert_close(found[0], encoder(tokens[:1]).tokens[0])
    halfway = blocks[0](tokens[:1], gates=torch.tensor([[1.0, 1.0, 0.0]]))[0]
    torch.testing.assert_close(found[1], encoder.norm(blocks[1](halfway)[0])[0])
    halfway = blocks[1](blocks[0](tokens[:1])[0], gates=torch.tensor([[1.0, 1.0, 0.0]]))[0]
    torch.testing.assert_close(found[2], encoder.norm(halfway)[0])
