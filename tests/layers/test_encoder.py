import pytest
import torch
from torch import nn

from vilt_core.layers import Encoder, PreNormBlock


def encoder(depth=3):
    blocks = [PreNormBlock(16, heads=4, mlp_width=24) for _ in range(depth)]
    return Encoder(blocks, norm=nn.LayerNorm(16))


def test_nothing_is_kept_unless_asked():
    out = encoder()(torch.randn(2, 5, 16))
    assert out.states is None
    assert out.attentions is None


def test_states_start_with_the_input_and_end_before_the_norm():
    stack, tokens = encoder(), torch.randn(2, 5, 16)
    out = stack(tokens, return_states=True)
    assert len(out.states) == 4
    assert out.states[0] is tokens
    torch.testing.assert_close(stack.norm(out.states[-1]), out.tokens)


def test_each_state_is_the_blocks_answer_to_the_one_before():
    stack = encoder()
    out = stack(torch.randn(2, 5, 16), return_states=True)
    for block, before, after in zip(stack.blocks, out.states, out.states[1:], strict=False):
        torch.testing.assert_close(block(before)[0], after)


def test_asking_changes_nothing():
    stack, tokens = encoder(), torch.randn(2, 5, 16)
    mask = torch.tensor([[True] * 5, [True, True, False, False, False]])
    with torch.no_grad():
        plain = stack(tokens, mask=mask)
        asked = stack(tokens, mask=mask, return_states=True, return_attentions=True)
    torch.testing.assert_close(plain.tokens, asked.tokens)
    assert len(asked.attentions) == 3
    for weights in asked.attentions:
        torch.testing.assert_close(weights.sum(-1), torch.ones(2, 4, 5))
        assert (weights[1, :, :, 2:] == 0).all()


def test_one_block_can_be_asked_alone():
    stack, tokens = encoder(), torch.randn(2, 5, 16)
    every = stack(tokens, return_attentions=True).attentions
    for block in (1, 2, 3):
        (own,) = stack(tokens, attention_of=block).attentions
        torch.testing.assert_close(own, every[block - 1])
    assert stack(tokens).attentions is None
    for strange in (0, 4):
        with pytest.raises(ValueError, match="attention_of must be a block from 1 to 3"):
            stack(tokens, attention_of=strange)


def test_the_first_tokens_alone_are_the_first_tokens_of_all():
    stack, tokens = encoder(), torch.randn(2, 5, 16)
    out = stack(tokens, first=2, return_states=True)
    torch.testing.assert_close(out.tokens, stack(tokens).tokens[:, :2])
    assert [state.shape[1] for state in out.states] == [5, 5, 5, 2]


def test_no_blocks_is_just_the_norm():
    stack, tokens = encoder(depth=0), torch.randn(2, 5, 16)
    torch.testing.assert_close(stack(tokens).tokens, stack.norm(tokens))
