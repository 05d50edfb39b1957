"""The measures of a plan, on plans small enough to check by hand."""

import pytest
import torch
from torch.testing import assert_close

from vilt_core.transport import (
    column_normalised,
    entropy,
    hard_assignment,
    marginal_error,
    row_normalised,
    transport_cost,
    uniform_marginals,
)


@pytest.fixture
def plan():
    """Two words and a padded one, three patches and a padded one."""
    return torch.tensor([[[0.25, 0.125, 0.125, 0.0], [0.0, 0.25, 0.25, 0.0], [0.0, 0.0, 0.0, 0.0]]])


@pytest.fixture
def masks():
    return torch.tensor([[True, True, False]]), torch.tensor([[True, True, True, False]])


def test_mass_is_equal_among_the_real(plan, masks):
    text, image = uniform_marginals(plan, *masks)
    assert_close(text, torch.tensor([[1 / 2, 1 / 2, 0]]))
    assert_close(image, torch.tensor([[1 / 3, 1 / 3, 1 / 3, 0]]))


def test_marginal_errors_are_l1_distances(plan, masks):
    text_error, image_error = marginal_error(plan, *masks)
    assert_close(text_error, torch.tensor([0.0]))
    assert_close(image_error, torch.tensor([(1 / 3 - 1 / 4) + 2 * (3 / 8 - 1 / 3)]))


def test_the_transport_cost_is_the_inner_product(plan):
    cost = torch.arange(12.0).view(1, 3, 4)
    assert_close(transport_cost(cost, plan), torch.tensor([0.125 * 1 + 0.125 * 2 + 0.25 * (5 + 6)]))


def test_masks_keep_the_cost_of_padding_out_of_value_and_gradient(plan, masks):
    cost = torch.ones(1, 3, 4)
    cost[:, 2] = torch.nan
    cost[:, :, 3] = torch.inf
    cost.requires_grad_()
    distance = transport_cost(cost, plan, *masks)
    distance.sum().backward()
    assert_close(distance, torch.ones(1))
    assert torch.equal(cost.grad, plan)


def test_entropy_lies_between_one_place_and_everywhere():
    certain = torch.zeros(1, 3, 4)
    certain[0, 1, 2] = 1
    assert_close(entropy(certain), torch.zeros(1))
    assert_close(entropy(torch.full((1, 3, 4), 1 / 12)), torch.tensor([12.0]).log())


def test_each_patch_goes_to_its_strongest_word_and_padding_to_none(plan):
    assert hard_assignment(plan).tolist() == [[0, 1, 1, -1]]


def test_rows_and_columns_become_distributions(plan):
    assert_close(row_normalised(plan).sum(-1), torch.tensor([[1.0, 1.0, 0.0]]))
    assert_close(column_normalised(plan).sum(-2), torch.tensor([[1.0, 1.0, 1.0, 0.0]]))
    assert_close(row_normalised(plan)[0, 0], torch.tensor([0.5, 0.25, 0.25, 0.0]))
    assert_close(column_normalised(plan)[0, :, 1], torch.tensor([1 / 3, 2 / 3, 0.0]))


def test_the_plans_of_a_trace_are_measured_in_one_call(plan, masks):
    cost = torch.rand(1, 3, 4, generator=torch.Generator().manual_seed(0))
    plans = torch.stack([plan, plan / 2])
    for measure in (
        lambda p: transport_cost(cost, p, *masks),
        lambda p: marginal_error(p, *masks)[1],
        entropy,
        hard_assignment,
        row_normalised,
    ):
        assert torch.equal(measure(plans), torch.stack([measure(plan), measure(plan / 2)]))
