"""Laws of the two question answering losses."""

import math

import pytest
import torch
from torch.testing import assert_close

from vilt_core.objectives import vqa, vqa_single
from vilt_core.objectives.mlm import IGNORED

ANSWERS = 7


@pytest.fixture
def logits() -> torch.Tensor:
    return torch.randn(5, ANSWERS, generator=torch.Generator().manual_seed(0))


def test_soft_scores_are_summed_over_answers_and_averaged_over_the_batch(logits):
    targets = torch.rand(5, ANSWERS, generator=torch.Generator().manual_seed(1))
    chance = torch.sigmoid(logits)
    each = -(targets * chance.log() + (1 - targets) * (1 - chance).log())
    assert_close(vqa(logits, targets), each.sum() / 5)
    mean = torch.nn.BCEWithLogitsLoss()(logits, targets)
    assert_close(vqa(logits, targets), mean * ANSWERS)


def test_certain_and_right_costs_nothing():
    truth = torch.tensor([3, 0])
    targets = torch.nn.functional.one_hot(truth, ANSWERS).float()
    right = targets * 200 - 100
    assert float(vqa(right, targets)) < 1e-6
    assert float(vqa_single(right, truth)) < 1e-6


def test_undecided_costs_a_bit_an_answer_or_log_k():
    targets = torch.zeros(3, ANSWERS)
    assert float(vqa(torch.zeros(3, ANSWERS), targets)) == pytest.approx(ANSWERS * math.log(2))
    single = vqa_single(torch.zeros(3, ANSWERS), torch.tensor([0, 3, 6]))
    assert float(single) == pytest.approx(math.log(ANSWERS))


def test_the_best_logit_of_a_soft_score_is_its_log_odds():
    targets = torch.tensor([[0.3, 0.6, 0.9]])
    best = vqa(torch.logit(targets), targets)
    for shift in (-0.1, 0.1):
        assert vqa(torch.logit(targets) + shift, targets) > best


def test_one_true_answer_is_minus_its_log_chance(logits):
    truth = torch.tensor([0, 2, 6, 1, 3])
    expected = -torch.stack([row.log_softmax(0)[at] for row, at in zip(logits, truth, strict=True)])
    assert_close(vqa_single(logits, truth), expected.mean())


def test_half_precision_is_computed_in_float32(logits):
    half, truth = logits.bfloat16(), torch.arange(5)
    targets = torch.nn.functional.one_hot(truth, ANSWERS).float()
    assert vqa(half, targets).dtype == vqa_single(half, truth).dtype == torch.float32
    assert_close(vqa(half, targets), vqa(half.float(), targets))


def test_answers_outside_the_list_are_not_asked_about():
    torch.manual_seed(0)
    logits, answers = torch.randn(4, 3, requires_grad=True), torch.tensor([2, IGNORED, 0, IGNORED])
    assert_close(vqa_single(logits, answers), vqa_single(logits[::2], answers[::2]))
    none = vqa_single(logits, torch.full((4,), IGNORED))
    assert float(none.detach()) == 0
    none.backward()
    assert (logits.grad == 0).all()
