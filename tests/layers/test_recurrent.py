"""Laws of the recurrent text embedding, against torch's GRU and its packed sequences."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from vilt_core.layers.init import initialise
from vilt_core.layers.recurrent import RecurrentText, turned

LENGTHS = torch.tensor([4, 7, 1, 6])
MASK = torch.arange(7) < LENGTHS[:, None]


@pytest.fixture(params=[False, True], ids=["forwards", "both ways"])
def reader(request) -> RecurrentText:
    torch.manual_seed(0)
    return RecurrentText(20, 6, word_width=5, both_ways=request.param)


@pytest.fixture
def ids() -> torch.Tensor:
    return torch.randint(20, MASK.shape, generator=torch.Generator().manual_seed(1))


def reference(reader: RecurrentText) -> nn.GRU:
    """The same as one GRU of torch's."""
    gru = nn.GRU(5, 6, batch_first=True, bidirectional=reader.backwards is not None)
    values = reader.forwards.state_dict()
    if reader.backwards is not None:
        values |= {f"{name}_reverse": v for name, v in reader.backwards.state_dict().items()}
    gru.load_state_dict(values)
    return gru


def mean_of_ways(states: torch.Tensor) -> torch.Tensor:
    return states.unflatten(-1, (-1, 6)).mean(dim=-2)


def test_a_text_without_padding_is_read_as_torch_does(reader, ids):
    states = reader(ids[1:2], mask=MASK[1:2])
    expected, _ = reference(reader)(reader.words(ids[1:2]))
    torch.testing.assert_close(states, mean_of_ways(expected))


def test_padded_texts_are_read_as_packed_ones(reader, ids):
    packed = pack_padded_sequence(
        reader.words(ids), LENGTHS, batch_first=True, enforce_sorted=False
    )
    expected, _ = pad_packed_sequence(reference(reader)(packed)[0], batch_first=True)
    torch.testing.assert_close(reader(ids, mask=MASK), mean_of_ways(expected))


def test_padding_changes_nothing_and_learns_nothing(reader, ids):
    states = reader(ids, mask=MASK)
    other = torch.where(MASK, ids, 19)
    torch.testing.assert_close(reader(other, mask=MASK), states, atol=0, rtol=0)
    kept = reader(torch.where(MASK, ids % 19, 19), mask=MASK)
    kept.square().sum().backward()
    assert not reader.words.weight.grad[19].any()


def test_forwards_no_word_looks_ahead_and_both_ways_all_do(reader, ids):
    changed = ids.clone()
    changed[:, 5] = (ids[:, 5] + 1) % 20
    before, after = reader(ids, mask=MASK)[1], reader(changed, mask=MASK)[1]
    same = torch.isclose(before, after).all(dim=-1)
    assert same[:5].tolist() == [reader.backwards is None] * 5


def test_turning_twice_is_standing_still():
    order = turned(MASK)
    assert order[0].tolist() == [3, 2, 1, 0, 6, 5, 4]
    assert torch.equal(order.take_along_dim(order, dim=1), torch.arange(7).expand(4, -1))


def test_it_begins_as_the_table_says():
    reader = RecurrentText(20, 64, both_ways=True)
    initialise(reader)
    for name, parameter in reader.named_parameters():
        if "bias" in name:
            assert not parameter.any(), name
        elif name != "words.weight":
            assert 0.12 < parameter.abs().max() <= 1 / 8, name
