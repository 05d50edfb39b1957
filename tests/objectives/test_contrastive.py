"""Laws of the symmetric contrastive loss."""

import math

import pytest
import torch
from torch.testing import assert_close

from vilt_core.objectives import contrastive


@pytest.fixture
def scores() -> torch.Tensor:
    return 3 * torch.randn(4, 4, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("pairs", [1, 2, 7])
def test_undecided_costs_the_logarithm_of_the_pairs(pairs):
    assert float(contrastive(torch.full((pairs, pairs), 2.5))) == pytest.approx(math.log(pairs))


def test_certain_and_right_costs_nothing_and_wrong_its_margin():
    assert float(contrastive(50 * torch.eye(3))) < 1e-6
    assert float(contrastive(50 * torch.eye(3).roll(1, 0))) == pytest.approx(50)


def test_it_is_the_mean_of_both_sides(scores):
    chances = [scores.softmax(dim=side).diagonal() for side in (0, 1)]
    assert_close(contrastive(scores), -torch.cat(chances).log().mean())
    assert_close(contrastive(scores), contrastive(scores.mT))


def test_it_equals_transformers(scores):
    clip = pytest.importorskip("transformers.models.clip.modeling_clip")
    assert_close(contrastive(scores), clip.image_text_contrastive_loss(scores))


def test_other_matches_are_left_out(scores):
    """Of two texts that both suit a picture, neither is wrong."""
    matches = torch.eye(4, dtype=torch.bool)
    matches[1, 2] = True
    loud = scores.clone()
    loud[1, 2] = 1e4
    loud.requires_grad_()
    loss = contrastive(loud, matches=matches)
    kept = [scores.exp() * ~(matches & ~torch.eye(4, dtype=torch.bool)) for _ in range(2)]
    chances = [part.diagonal() / part.sum(dim=side) for side, part in enumerate(kept)]
    assert_close(loss, -torch.cat(chances).log().mean())
    loss.backward()
    assert loud.grad[1, 2] == 0
    assert_close(contrastive(scores, matches=torch.eye(4, dtype=torch.bool)), contrastive(scores))
    assert_close(contrastive(scores, matches=torch.zeros(4, 4).bool()), contrastive(scores))


def test_nothing_costs_nothing():
    assert float(contrastive(torch.zeros(0, 0))) == 0
    everyone = torch.ones(4, 4, dtype=torch.bool)
    assert float(contrastive(torch.randn(4, 4), matches=everyone)) == 0
