"""Laws of the ranking loss with a margin, and a plain loop that is the same."""

import pytest
import torch
from torch.testing import assert_close

from vilt_core.objectives import triplet


@pytest.fixture
def scores() -> torch.Tensor:
    return torch.randn(6, 6, generator=torch.Generator().manual_seed(0)) / 3


def looped(scores, *, margin, hardest, matches=()):
    """Pair by pair, as the sentence says it."""
    choose, total = max if hardest else sum, 0.0
    for own in range(len(scores)):
        for side, transposed in ((scores, False), (scores.mT, True)):
            mistakes = [0.0]
            for other in range(len(scores)):
                pair = (other, own) if transposed else (own, other)
                if other != own and pair not in matches:
                    mistakes.append(max(0.0, margin + float(side[own, other] - side[own, own])))
            total += choose(mistakes)
    return total / len(scores)


@pytest.mark.parametrize("margin", [0.0, 0.2])
@pytest.mark.parametrize("hardest", [False, True])
@pytest.mark.parametrize("matches", [(), ((0, 3), (4, 1), (1, 4))])
def test_it_is_the_loop(scores, margin, hardest, matches):
    mask = torch.zeros(6, 6, dtype=torch.bool)
    for pair in matches:
        mask[pair] = True
    found = triplet(scores, margin=margin, hardest=hardest, matches=mask)
    expected = looped(scores, margin=margin, hardest=hardest, matches=matches)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_undecided_costs_the_margin_on_both_sides():
    level = torch.full((5, 5), 0.7)
    assert float(triplet(level)) == pytest.approx(2 * 0.2)
    assert float(triplet(level, hardest=False)) == pytest.approx(2 * 4 * 0.2)


def test_beyond_the_margin_nothing_is_lost():
    assert float(triplet(0.21 * torch.eye(4))) == 0
    assert float(triplet(0.15 * torch.eye(4))) == pytest.approx(2 * 0.05)


def test_texts_and_images_are_treated_alike(scores):
    for hardest in (False, True):
        assert_close(triplet(scores, hardest=hardest), triplet(scores.mT, hardest=hardest))


def test_only_the_hardest_is_pushed_away(scores):
    scores.requires_grad_()
    triplet(scores, margin=5.0).backward()
    pushed = scores.grad - torch.diag(scores.grad.diagonal())
    raw = scores.detach().masked_fill(torch.eye(6, dtype=torch.bool), -torch.inf)
    expected = torch.zeros(6, 6)
    for own in range(6):
        expected[own, raw[own].argmax()] += 1 / 6
        expected[raw[:, own].argmax(), own] += 1 / 6
    assert_close(pushed, expected)


def test_other_matches_are_left_out_and_a_lone_pair_costs_nothing(scores):
    matches = torch.zeros(6, 6, dtype=torch.bool)
    matches[2, 5] = True
    loud = scores.clone()
    loud[2, 5] = 1e4
    assert_close(triplet(loud, matches=matches), triplet(scores, matches=matches))
    assert float(triplet(scores, matches=~matches | matches)) == 0
    assert float(triplet(scores[:1, :1])) == 0
    assert float(triplet(scores[:0, :0])) == 0
