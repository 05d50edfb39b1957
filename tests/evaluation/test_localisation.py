import numpy as np
import pytest
import torch

from vilt_core.evaluation.localisation import (
    average_precision,
    box_shares,
    mass_inside,
    patches_in_boxes,
    pointing,
    showing_patches,
)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def truth(generator):
    mask = torch.rand(50, 16, generator=generator) < 0.3
    mask[:, 3] = True
    return mask


def test_the_truth_itself_is_perfect(truth):
    heat = truth.float()
    assert (pointing(heat, truth) == 1).all()
    assert (mass_inside(heat, truth) == 1).all()
    assert (average_precision(heat, truth) == 1).all()


def test_its_opposite_is_as_bad_as_can_be(truth):
    heat = (~truth).float()
    assert (pointing(heat, truth) == 0).all()
    assert (mass_inside(heat, truth) == 0).all()
    assert (average_precision(heat, truth) <= truth.float().mean(-1) + 1e-6).all()


def test_an_even_heatmap_scores_chance(truth):
    chance = truth.float().mean(-1)
    heat = torch.full(truth.shape, 1 / 16)
    for measure in (pointing, mass_inside, average_precision):
        torch.testing.assert_close(measure(heat, truth), chance)


def test_random_heatmaps_point_as_often_as_chance(truth, generator):
    heat = torch.rand(4000, *truth.shape, generator=generator)
    found = pointing(heat.flatten(0, 1), truth.expand_as(heat).flatten(0, 1)).mean().item()
    assert found == pytest.approx(truth.float().mean().item(), abs=0.01)


def test_order_of_patches_does_not_matter(truth, generator):
    heat = torch.randint(0, 4, truth.shape, generator=generator).float()  # many ties
    order = torch.randperm(16, generator=generator)
    for measure in (pointing, mass_inside, average_precision):
        torch.testing.assert_close(measure(heat[:, order], truth[:, order]), measure(heat, truth))


def test_scale_does_not_matter(truth, generator):
    heat = torch.rand(truth.shape, generator=generator)
    for measure in (pointing, mass_inside, average_precision):
        torch.testing.assert_close(measure(heat * 1e-6, truth), measure(heat, truth))


def test_average_precision_by_its_definition(truth, generator):
    """Thresholds one after another, from the hottest down."""
    heat = torch.randint(0, 5, truth.shape, generator=generator).float()
    for row in range(len(heat)):
        h, t = heat[row].numpy(), truth[row].numpy()
        area, recall = 0.0, 0.0
        for threshold in np.unique(h)[::-1]:
            chosen = h >= threshold
            now = (chosen & t).sum() / t.sum()
            area += (now - recall) * (chosen & t).sum() / chosen.sum()
            recall = now
        found = average_precision(heat[row : row + 1], truth[row : row + 1])
        assert found.item() == pytest.approx(area, abs=1e-6)


def test_no_mass_is_nowhere(truth):
    assert (mass_inside(torch.zeros(truth.shape), truth) == 0).all()


def test_the_whole_picture_holds_every_patch():
    assert patches_in_boxes(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), grid=(3, 5)).all()


def test_boxes_are_x_then_y():
    inside = patches_in_boxes(torch.tensor([[0.5, 0.0, 1.0, 0.5]]), grid=(2, 4))
    assert inside.tolist() == [[False, False, True, True, False, False, False, False]]


def test_a_thin_box_has_the_patch_under_its_centre():
    inside = patches_in_boxes(torch.tensor([[0.26, 0.1, 0.27, 0.9]]), grid=(4, 4))
    assert inside.nonzero().tolist() == [[0, 9]]


def test_boxes_do_not_mind_each_other(generator):
    corners = torch.rand(20, 2, 2, generator=generator).sort(dim=1).values
    boxes = corners.flatten(1)
    together = patches_in_boxes(boxes, grid=(8, 8))
    for place, box in enumerate(boxes):
        assert (patches_in_boxes(box[None], grid=(8, 8))[0] == together[place]).all()


def test_a_patch_mostly_under_a_box_lies_in_it(generator):
    boxes = torch.rand(200, 2, 2, generator=generator).sort(dim=1).values.flatten(1)
    mostly = box_shares(boxes, grid=(8, 8)) >= 0.5
    assert mostly.any()
    assert patches_in_boxes(boxes, grid=(8, 8))[mostly].all()


def test_box_shares_add_up_to_the_area(generator):
    boxes = torch.rand(50, 2, 2, generator=generator).sort(dim=1).values.flatten(1)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    torch.testing.assert_close(box_shares(boxes, grid=(4, 7)).sum(-1) / 28, area)


def test_showing_patches():
    shares = torch.tensor([[0.6, 0.5, 0.4, 0.0], [0.1, 0.3, 0.2, 0.0], [0.0, 0.0, 0.0, 0.0]])
    assert showing_patches(shares).tolist() == [
        [True, True, False, False],
        [False, True, False, False],
        [False, False, False, False],
    ]
