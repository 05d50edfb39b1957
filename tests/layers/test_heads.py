import torch

from vilt_core.layers import ItmHead, MlmHead, MppHead, Nlvr2Head, Pooler, RankHead, VqaHead
from vilt_core.layers.heads import last_of, mean_of


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


def test_mpp_is_an_mlm_of_three_times_256_classes():
    head, tokens = MppHead(8), torch.randn(2, 5, 8)
    logits = head(tokens)
    assert logits.shape == (2, 5, 3, 256)
    same = MlmHead(8, vocab_size=768)
    same.load_state_dict(head.state_dict())
    for channel in range(3):
        levels = same(tokens)[..., 256 * channel : 256 * channel + 256]
        torch.testing.assert_close(logits[:, :, channel], levels)


def test_vqa_goes_through_twice_the_width():
    head = VqaHead(8, answers=11)
    assert head(torch.randn(3, 8)).shape == (3, 11)
    assert head.expand.out_features == 16


def test_a_rank_is_one_number_a_pair():
    head, pooled = RankHead(8), torch.randn(3, 8)
    expected = pooled @ head.dense.weight[0] + head.dense.bias
    torch.testing.assert_close(head(pooled), expected)


def test_nlvr2_tells_left_from_right():
    head, left, right = Nlvr2Head(8), torch.randn(3, 8), torch.randn(3, 8)
    logits = head.pair(left, right)
    assert logits.shape == (3, 2)
    torch.testing.assert_close(logits, head(torch.cat([left, right], dim=1)))
    assert not torch.allclose(logits, head.pair(right, left))


def test_sequences_are_summed_up_by_their_real_tokens():
    tokens = torch.randn(3, 5, 8)
    lengths = torch.tensor([5, 2, 1])
    mask = torch.arange(5) < lengths[:, None]
    for row, length in enumerate(lengths):
        torch.testing.assert_close(mean_of(tokens, mask=mask)[row], tokens[row, :length].mean(0))
        assert torch.equal(last_of(tokens, mask=mask)[row], tokens[row, length - 1])
    assert not mean_of(tokens, mask=torch.zeros_like(mask)).any()
