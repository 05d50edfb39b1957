import pytest
import torch
import torch.nn.functional as F

from vilt_core.layers import SelfAttention, attend, attention_weights
from vilt_core.layers.attention import CrossAttention


@pytest.fixture(params=["all real", "padded"])
def mask(request):
    if request.param == "all real":
        return None
    return torch.tensor([[True] * 7, [True] * 4 + [False] * 3])


@pytest.fixture
def qkv():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(3, 2, 4, 7, 8, generator=generator)


def test_weights_are_the_formula(qkv, mask):
    query, key, _ = qkv
    real = torch.ones(2, 7) if mask is None else mask.float()
    raw = torch.exp(torch.einsum("bhqd,bhkd->bhqk", query, key) / 8**0.5)
    raw = raw * real[:, None, None]
    expected = raw / raw.sum(-1, keepdim=True)
    torch.testing.assert_close(attention_weights(query, key, mask=mask), expected)


def test_rows_sum_to_one_and_padding_gets_nothing(qkv, mask):
    weights = attention_weights(*qkv[:2], mask=mask)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 4, 7))
    if mask is not None:
        assert (weights[1, :, :, 4:] == 0).all()


def test_huge_scores_stay_finite(qkv, mask):
    assert attention_weights(qkv[0] * 1e4, qkv[1] * 1e4, mask=mask).isfinite().all()


def test_fast_path_equals_slow_path(qkv, mask):
    query, key, value = qkv
    slow = attention_weights(query, key, mask=mask) @ value
    with torch.no_grad():
        torch.testing.assert_close(attend(query, key, value, mask=mask), slow)
    torch.testing.assert_close(attend(query, key, value, mask=mask), slow)


def test_fast_path_equals_slow_path_in_gradient(qkv, mask):
    target = torch.randn(2, 4, 7, 8, generator=torch.Generator().manual_seed(1))
    ours, fused = qkv.clone().requires_grad_(), qkv.clone().requires_grad_()
    (attend(*ours, mask=mask) * target).sum().backward()
    bias = None if mask is None else mask[:, None, None]
    (F.scaled_dot_product_attention(*fused, attn_mask=bias) * target).sum().backward()
    torch.testing.assert_close(ours.grad, fused.grad)


def test_module_gives_the_same_with_and_without_weights(mask):
    module = SelfAttention(16, heads=4)
    tokens = torch.randn(2, 7, 16)
    for grad in (True, False):
        with torch.set_grad_enabled(grad):
            mixed, none = module(tokens, mask=mask)
            again, weights = module(tokens, mask=mask, return_weights=True)
        assert none is None
        assert weights.shape == (2, 4, 7, 7)
        torch.testing.assert_close(mixed, again)


def test_module_equals_torch_multihead_attention(mask):
    module, reference = (
        SelfAttention(16, heads=4),
        torch.nn.MultiheadAttention(16, 4, batch_first=True),
    )
    reference.in_proj_weight.data.copy_(module.qkv.weight)
    reference.in_proj_bias.data.copy_(module.qkv.bias)
    reference.out_proj.load_state_dict(module.projection.state_dict())
    tokens = torch.randn(2, 7, 16)
    expected, expected_weights = reference(
        tokens,
        tokens,
        tokens,
        key_padding_mask=None if mask is None else ~mask,
        average_attn_weights=False,
    )
    mixed, weights = module(tokens, mask=mask, return_weights=True)
    torch.testing.assert_close(mixed, expected)
    torch.testing.assert_close(weights, expected_weights)


def test_permuting_tokens_permutes_the_answer():
    module, tokens = SelfAttention(16, heads=4), torch.randn(2, 7, 16)
    order = torch.randperm(7)
    torch.testing.assert_close(module(tokens[:, order])[0], module(tokens)[0][:, order])


def test_softmax_is_float32_under_bfloat16(qkv, mask):
    query, key, value = qkv.bfloat16()
    weights = attention_weights(query, key, mask=mask)
    assert weights.dtype == torch.bfloat16
    scores = (query * 8**-0.5) @ key.mT
    real = torch.ones(2, 7, dtype=torch.bool) if mask is None else mask
    exact = scores.float().masked_fill(~real[:, None, None], float("-inf")).softmax(-1)
    torch.testing.assert_close(weights, exact.bfloat16())
    with torch.no_grad():
        fast = attend(query, key, value, mask=mask)
    torch.testing.assert_close(fast, attend(query, key, value, mask=mask), atol=0.02, rtol=0.02)


def test_width_that_does_not_divide():
    with pytest.raises(ValueError, match="multiple of heads, got 10 and 4"):
        SelfAttention(10, heads=4)


def test_causal_tokens_see_themselves_and_those_before(qkv, mask):
    query, key, value = qkv
    weights = attention_weights(query, key, mask=mask, causal=True)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 4, 7))
    assert (weights.triu(1) == 0).all()
    with torch.no_grad():
        fast = attend(query, key, value, mask=mask, causal=True)
    torch.testing.assert_close(fast, weights @ value)


def test_cross_attention_equals_torch_multihead_attention():
    module = CrossAttention(16, heads=4, context_width=12)
    reference = torch.nn.MultiheadAttention(16, 4, kdim=12, vdim=12, batch_first=True)
    reference.q_proj_weight.data.copy_(module.query.weight)
    key, value = module.key_value.weight.chunk(2)
    reference.k_proj_weight.data.copy_(key)
    reference.v_proj_weight.data.copy_(value)
    reference.in_proj_bias.data.copy_(torch.cat([module.query.bias, module.key_value.bias]))
    reference.out_proj.load_state_dict(module.projection.state_dict())
    tokens, context = torch.randn(2, 5, 16), torch.randn(2, 7, 12)
    mask = torch.tensor([[True] * 7, [True] * 4 + [False] * 3])
    expected, looks = reference(
        tokens, context, context, key_padding_mask=~mask, average_attn_weights=False
    )
    mixed, weights = module(tokens, context, mask=mask, return_weights=True)
    torch.testing.assert_close(mixed, expected)
    torch.testing.assert_close(weights, looks)
    torch.testing.assert_close(module(tokens, context, mask=mask)[0], expected)


def test_heads_divide_the_width_at_which_streams_meet():
    assert CrossAttention(10, heads=4, inner_width=16)(
        torch.randn(1, 2, 10), torch.randn(1, 3, 10)
    )[0].shape == (1, 2, 10)
    with pytest.raises(ValueError, match="width must be a multiple of heads, got 10 and 4"):
        CrossAttention(10, heads=4)
