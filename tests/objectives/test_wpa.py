"""Laws of word-patch alignment as a loss."""

import numpy as np
import ot
import pytest
import torch
from torch.testing import assert_close

from vilt_core.objectives import content_mask, wpa
from vilt_core.transport import cosine_cost, ipot


def pairs(count: int = 3, words: int = 4, patches: int = 6, width: int = 8, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    text = torch.randn(count, words, width, generator=generator)
    image = torch.randn(count, patches, width, generator=generator)
    return text, image, torch.ones(count, words).bool(), torch.ones(count, patches).bool()


def test_it_is_near_the_exact_transport_distance():
    text, image, text_mask, image_mask = pairs()
    loss = wpa(text, image, text_mask, image_mask, torch.ones(3).bool(), iterations=2000)
    exact = [ot.emd2([], [], cost.double().numpy()) for cost in cosine_cost(text, image)]
    assert float(loss) == pytest.approx(np.mean(exact), abs=1e-3)


def test_matching_pairs_pull_and_others_push():
    text, image, text_mask, image_mask = pairs()
    together = wpa(text, image, text_mask, image_mask, torch.tensor([True, True, True]))
    apart = wpa(text, image, text_mask, image_mask, torch.tensor([False, False, False]))
    assert_close(together, -apart)
    alone = [
        wpa(*(part[row : row + 1] for part in pairs()), torch.tensor([True])) for row in range(3)
    ]
    mixed = wpa(text, image, text_mask, image_mask, torch.tensor([True, False, True]))
    assert_close(mixed, (alone[0] - alone[1] + alone[2]) / 3)


@pytest.mark.parametrize("matched", [True, False])
def test_a_step_downhill_brings_matching_pairs_nearer_and_others_apart(matched):
    text, image, text_mask, image_mask = pairs(1)
    text.requires_grad_()
    truth, true = torch.tensor([matched]), torch.tensor([True])
    wpa(text, image, text_mask, image_mask, truth).backward()
    assert text.grad is not None
    before = wpa(text.detach(), image, text_mask, image_mask, true)
    after = wpa(text.detach() - 0.1 * text.grad, image, text_mask, image_mask, true)
    assert (after < before) == matched


def test_the_gradient_flows_through_the_cost_alone():
    text, image, text_mask, image_mask = pairs(2)
    text.requires_grad_()
    wpa(text, image, text_mask, image_mask, torch.tensor([True, True])).backward()
    free = text.detach().clone().requires_grad_()
    cost = cosine_cost(free, image)
    plan = ipot(cost.detach())
    (cost * plan).sum().div(2).backward()
    assert_close(text.grad, free.grad)


def test_identical_states_cost_nothing():
    text, _, text_mask, _ = pairs(2, words=5)
    loss = wpa(text, text, text_mask, text_mask, torch.ones(2).bool(), beta=0.1, iterations=500)
    assert abs(float(loss)) < 1e-4


def test_what_a_mask_leaves_out_has_no_influence_and_no_gradient():
    text, image, text_mask, image_mask = pairs()
    text_mask[:, 3:] = False
    image_mask[1, 4:] = False
    matched = torch.tensor([True, False, True])
    loud = text.masked_fill(~text_mask[..., None], 7.0).requires_grad_()
    loss = wpa(loud, image, text_mask, image_mask, matched)
    assert_close(loss, wpa(text, image, text_mask, image_mask, matched))
    loss.backward()
    assert loud.grad is not None
    assert (loud.grad[~text_mask] == 0).all()
    assert (loud.grad[text_mask] != 0).any()


def test_states_that_are_not_finite_have_a_loss_that_is_none():
    text, image = torch.randn(2, 3, 8), torch.randn(2, 5, 8)
    text[1, 2, 3] = torch.inf
    masks = torch.ones(2, 3, dtype=torch.bool), torch.ones(2, 5, dtype=torch.bool)
    assert wpa(text, image, *masks, torch.tensor([True, False])).isnan()


def test_half_precision_states_are_compared_in_float32():
    text, image, text_mask, image_mask = pairs()
    matched = torch.ones(3).bool()
    half = wpa(text.bfloat16(), image.bfloat16(), text_mask, image_mask, matched)
    assert half.dtype == torch.float32
    rounded = wpa(text.bfloat16().float(), image.bfloat16().float(), text_mask, image_mask, matched)
    assert_close(half, rounded)


def test_content_is_what_stands_between_cls_and_sep():
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 1, 0, 0, 0]]).bool()
    given = mask.clone()
    content = torch.tensor([[0, 1, 1, 1, 0], [0, 1, 0, 0, 0], [0, 0, 0, 0, 0]]).bool()
    assert_close(content_mask(mask), content)
    assert_close(mask, given)
