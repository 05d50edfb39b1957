import pytest
import torch
from torch import nn

from vilt_core.layers import PreNormBlock


def block():
    return PreNormBlock(16, heads=4, mlp_width=24, norm_eps=1e-6)


def test_zero_output_projections_make_it_the_identity():
    part = block()
    for layer in (part.attention.projection, part.mlp.contract):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    tokens = torch.randn(2, 5, 16)
    torch.testing.assert_close(part(tokens)[0], tokens, atol=0, rtol=0)


def test_equations_4_and_5():
    part, z = block(), torch.randn(2, 5, 16)
    middle = part.attention(part.norm1(z))[0] + z
    torch.testing.assert_close(part(z)[0], part.mlp(part.norm2(middle)) + middle)


def test_equals_torch_encoder_layer():
    part = block()
    reference = nn.TransformerEncoderLayer(
        16,
        4,
        dim_feedforward=24,
        dropout=0.0,
        activation="gelu",
        layer_norm_eps=1e-6,
        batch_first=True,
        norm_first=True,
    )
    own = part.state_dict()
    names = {
        "self_attn.in_proj_": "attention.qkv.",
        "self_attn.out_proj.": "attention.projection.",
        "linear1.": "mlp.expand.",
        "linear2.": "mlp.contract.",
        "norm1.": "norm1.",
        "norm2.": "norm2.",
    }
    reference.load_state_dict(
        {
            theirs + kind: own[ours + kind]
            for theirs, ours in names.items()
            for kind in ("weight", "bias")
        }
    )
    tokens, mask = torch.randn(2, 5, 16), torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    expected = reference(tokens, src_key_padding_mask=~mask)
    torch.testing.assert_close(part(tokens, mask=mask)[0], expected)


@pytest.mark.parametrize("first", [1, 3, 5])
def test_the_first_tokens_alone_are_the_first_tokens_of_all(first):
    part, tokens = block(), torch.randn(2, 5, 16)
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    whole, weights = part(tokens, mask=mask, return_weights=True)
    some, few = part(tokens, mask=mask, return_weights=True, first=first)
    torch.testing.assert_close(some, whole[:, :first])
    torch.testing.assert_close(few, weights[:, :, :first])
    with torch.no_grad():
        torch.testing.assert_close(part(tokens, mask=mask, first=first)[0], whole[:, :first])


def test_dropout_only_while_training():
    part = PreNormBlock(16, heads=4, mlp_width=24, dropout=0.5)
    tokens = torch.randn(2, 5, 16)
    assert not torch.equal(part(tokens)[0], part(tokens)[0])
    part.eval()
    assert torch.equal(part(tokens)[0], part(tokens)[0])
