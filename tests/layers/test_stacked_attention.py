"""Stacked cross attention, against a plain loop after the published algorithm."""

import math

import pytest
import torch
from torch.nn.functional import normalize

from vilt_core.layers.stacked_attention import pooled, stacked_attention, stacked_scores

WORDS, REGIONS = [5, 2, 4], [3, 6]


def vectors(counts: list[int], *, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Vectors of length 1, near enough to each other to have something to say; padding is loud."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.arange(max(counts)) < torch.tensor(counts)[:, None]
    drawn = torch.randn(*mask.shape, 4, generator=generator)
    return torch.where(mask[..., None], normalize(drawn, dim=-1), 9.0), mask


@pytest.fixture
def words() -> tuple[torch.Tensor, torch.Tensor]:
    return vectors(WORDS, seed=1)


@pytest.fixture
def regions() -> tuple[torch.Tensor, torch.Tensor]:
    return vectors(REGIONS, seed=2)


def looped(queries, keys, *, sharpness, steepness):
    """Weights (queries, keys) and the score of one pair without padding, number by number."""
    leaky = [
        [s if s > 0 else s / 10 for s in (float(query @ key) for key in keys)] for query in queries
    ]
    lengths = [math.sqrt(sum(row[k] ** 2 for row in leaky)) for k in range(len(keys))]
    weights, cosines = [], []
    for query, row in zip(queries, leaky, strict=True):
        powers = [math.exp(sharpness * s / z) for s, z in zip(row, lengths, strict=True)]
        weights.append([power / sum(powers) for power in powers])
        found = sum(w * key for w, key in zip(weights[-1], keys, strict=True))
        cosines.append(float(query @ found / (query.norm() * found.norm())))
    if steepness is None:
        return torch.tensor(weights), sum(cosines) / len(cosines)
    summed = sum(math.exp(steepness * cosine) for cosine in cosines)
    return torch.tensor(weights), math.log(summed) / steepness


@pytest.mark.parametrize("steepness", [None, 6.0])
@pytest.mark.parametrize("sharpness", [9.0, 4.0])
def test_it_is_the_published_loop(words, regions, sharpness, steepness):
    asked = {"sharpness": sharpness, "steepness": steepness}
    scores = stacked_scores(words[0], regions[0], words[1], regions[1], **asked)
    back = stacked_scores(regions[0], words[0], regions[1], words[1], **asked)
    for text, l in enumerate(WORDS):
        for image, n in enumerate(REGIONS):
            own, others = words[0][text, :l], regions[0][image, :n]
            weights, score = looped(own, others, **asked)
            found = stacked_attention(
                own @ others.mT, words[1][text, :l], regions[1][image, :n], sharpness=sharpness
            )
            torch.testing.assert_close(found, weights)
            assert float(scores[text, image]) == pytest.approx(score, abs=1e-5)
            assert float(back[image, text]) == pytest.approx(
                looped(others, own, **asked)[1], abs=1e-5
            )


@pytest.mark.parametrize("steepness", [None, 6.0])
def test_chunks_change_nothing(words, regions, steepness):
    every = (words[0], regions[0], words[1], regions[1])
    whole = stacked_scores(*every, sharpness=9.0, steepness=steepness)
    for cells in (1, 130):  # a row at a time, and two
        some = stacked_scores(*every, sharpness=9.0, steepness=steepness, cells=cells)
        torch.testing.assert_close(some, whole)


def test_rows_sum_to_one_over_real_keys(words, regions):
    similarity = torch.einsum("aqd,bkd->abqk", words[0], regions[0])
    weights = stacked_attention(similarity, words[1][:, None], regions[1][None], sharpness=9.0)
    assert not weights[:, 0, :, 3:].any()
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(3, 2, 5))


def test_queries_compete_for_keys():
    """The more another query wants a key, the less is left of it."""
    mask = torch.ones(2, dtype=torch.bool)
    alone = torch.tensor([[0.5, 0.5], [0.0, 0.0]])
    wanted = torch.tensor([[0.5, 0.5], [0.9, 0.0]])
    even = stacked_attention(alone, mask, mask, sharpness=9.0)
    pushed = stacked_attention(wanted, mask, mask, sharpness=9.0)
    torch.testing.assert_close(even[0], torch.tensor([0.5, 0.5]))
    assert pushed[0, 0] < 0.1


def test_pooling_has_closed_forms():
    cosines = torch.tensor([[0.4, 0.4, 0.9]])
    mask = torch.tensor([[True, True, False]])
    torch.testing.assert_close(pooled(cosines, mask), torch.tensor([0.4]))
    expected = torch.tensor([0.4 + math.log(2) / 6])
    torch.testing.assert_close(pooled(cosines, mask, steepness=6.0), expected)


@pytest.mark.parametrize("steepness", [None, 6.0])
def test_padding_has_no_gradient_and_gives_no_nan(words, regions, steepness):
    left, right = words[0].requires_grad_(), regions[0].requires_grad_()
    scores = stacked_scores(left, right, words[1], regions[1], sharpness=9.0, steepness=steepness)
    scores.sum().backward()
    for vector, mask in ((left, words[1]), (right, regions[1])):
        assert vector.grad.isfinite().all()
        assert not vector.grad[~mask].any()
        assert vector.grad[mask].any()


def test_half_precision_is_scored_in_float32(words, regions):
    half = words[0].bfloat16(), regions[0].bfloat16()
    found = stacked_scores(*half, words[1], regions[1], sharpness=9.0)
    rounded = stacked_scores(half[0].float(), half[1].float(), words[1], regions[1], sharpness=9.0)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, rounded)
