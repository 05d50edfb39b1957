import torch

from vilt_core.layers import ItmHead, MlmHead, Pooler, VqaHead


def test_equation_6():
    pooler, first = Pooler(8), torch.randn(3, 8)
    expected = torch.tanh(first @ pooler.dense.weight.T + pooler.dense.bias)
    torch.testing.assert_close(pooler(first), expected)


def test_itm_has_two_logits():
    assert ItmHead(8)(torch.randn(3, 8)).shape == (3, 2)


def test_mlm_of_some_tokens_is_some_of_the_mlm():
    head, tokens = MlmHead(8, vocab_size=30), torch.randn(3, 5, 8)
    chosen = torch.rand(3, 5) < 0.5
    logits = head(tokens)
    assert logits.shape == (3, 5, 30)
    torch.testing.assert_close(head(tokens[chosen]), logits[chosen])


def test_vqa_goes_through_twice_the_width():
    head = VqaHead(8, answers=11)
    assert head(torch.randn(3, 8)).shape == (3, 11)
    assert head.expand.out_features == 16
