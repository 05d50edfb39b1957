import pytest
import torch
from torch import nn

from vilt_core.layers import PreNormBlock
from vilt_core.layers.block import CoAttentionBlock, CrossModalBlock, PostNormBlock


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


def torch_layer(part: nn.Module, **settings) -> nn.TransformerEncoderLayer:
    """PyTorch's own layer with a block's weights."""
    reference = nn.TransformerEncoderLayer(
        16, 4, dim_feedforward=24, dropout=0.0, activation="gelu", batch_first=True, **settings
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
    return reference


def test_equals_torch_encoder_layer():
    part = block()
    reference = torch_layer(part, layer_norm_eps=1e-6, norm_first=True)
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


MASKS = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])


def test_post_norm_equals_torch_encoder_layer():
    part = PostNormBlock(16, heads=4, mlp_width=24)
    reference = torch_layer(part, layer_norm_eps=1e-12)
    tokens = torch.randn(2, 5, 16)
    whole = part(tokens, mask=MASKS)[0]
    torch.testing.assert_close(whole, reference(tokens, src_key_padding_mask=~MASKS))
    torch.testing.assert_close(part(tokens, mask=MASKS, first=2)[0], whole[:, :2])


def test_co_attention_reads_the_other_stream_alone():
    """Each word depends on all regions and on no other word, and the other way round."""
    part = CoAttentionBlock(
        text_width=16,
        image_width=12,
        inner_width=8,
        heads=2,
        text_mlp_width=24,
        image_mlp_width=12,
    )
    text, image = torch.randn(1, 4, 16), torch.randn(1, 5, 12)
    before = part(text, image)
    other = text.clone()
    other[:, 1] += 1
    after = part(other, image)
    kept = torch.tensor([True, False, True, True])
    torch.testing.assert_close(after.text[:, kept], before.text[:, kept])
    assert not torch.allclose(after.image, before.image, atol=1e-4)
    assert before.text_to_image is None
    looks = part(text, image, return_weights=True)
    assert looks.text_to_image.shape == (1, 2, 4, 5)
    assert looks.image_to_text.shape == (1, 2, 5, 4)
    torch.testing.assert_close(looks.text, before.text)


def test_the_cross_modality_layer_is_lxmerts():
    lxmert = pytest.importorskip("transformers.models.lxmert.modeling_lxmert")
    configuration = pytest.importorskip("transformers").LxmertConfig(
        hidden_size=16, num_attention_heads=4, intermediate_size=24
    )
    theirs, part = (
        lxmert.LxmertXLayer(configuration).eval(),
        CrossModalBlock(16, heads=4, mlp_width=24),
    )

    def copy(mine: nn.Module, their: nn.Module) -> None:
        mine.load_state_dict(their.state_dict())

    def join(mine: nn.Linear, *parts: nn.Linear) -> None:
        for kind in ("weight", "bias"):
            joined = torch.cat([getattr(one, kind) for one in parts])
            getattr(mine, kind).data.copy_(joined)

    asks = theirs.visual_attention
    copy(part.asks.query, asks.att.query)
    join(part.asks.key_value, asks.att.key, asks.att.value)
    copy(part.asks.projection, asks.output.dense)
    copy(part.norm, asks.output.LayerNorm)
    for own, attention, expand, contract in (
        (part.text, theirs.lang_self_att, theirs.lang_inter, theirs.lang_output),
        (part.image, theirs.visn_self_att, theirs.visn_inter, theirs.visn_output),
    ):
        join(own.attention.qkv, attention.self.query, attention.self.key, attention.self.value)
        copy(own.attention.projection, attention.output.dense)
        copy(own.norm1, attention.output.LayerNorm)
        copy(own.mlp.expand, expand.dense)
        copy(own.mlp.contract, contract.dense)
        copy(own.norm2, contract.LayerNorm)
    text, image = torch.randn(2, 5, 16), torch.randn(2, 6, 16)
    hidden = (1.0 - MASKS.float())[:, None, None] * torch.finfo(torch.float32).min
    expected = theirs(text, hidden, image, None)
    met = part(text, image, text_mask=MASKS, return_weights=True)
    torch.testing.assert_close(met.text, expected[0])
    torch.testing.assert_close(met.image, expected[1])
    assert met.text_to_image.shape == (2, 4, 5, 6)
