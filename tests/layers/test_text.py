import pytest
import torch
import torch.nn.functional as F

from vilt_core.layers import TextEmbedding


def embedding():
    return TextEmbedding(30, 16, max_tokens=10)


def test_equation_1():
    part, ids = embedding(), torch.tensor([[3, 7, 7, 0]])
    words = F.one_hot(ids, 30).float() @ part.words.weight
    summed = words + part.positions.weight[None, :4] + part.segments.weight[0]
    centred = summed - summed.mean(-1, keepdim=True)
    expected = centred / (summed.var(-1, keepdim=True, unbiased=False) + 1e-12).sqrt()
    torch.testing.assert_close(part(ids), expected)


def test_padding_changes_nothing():
    part = embedding()
    torch.testing.assert_close(
        part(torch.tensor([[5, 6, 0, 0, 0]]))[:, :2], part(torch.tensor([[5, 6]]))
    )


def test_the_limit_itself_is_allowed():
    assert embedding()(torch.zeros(2, 10, dtype=torch.long)).shape == (2, 10, 16)


def test_longer_text_is_refused():
    with pytest.raises(ValueError, match="at most 10 tokens, got 11"):
        embedding()(torch.zeros(2, 11, dtype=torch.long))
