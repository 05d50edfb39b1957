"""The cosine cost is one minus the cosine, whatever the vectors."""

import torch
from torch.testing import assert_close

from vilt_core.transport import cosine_cost


def vectors(*shape, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=dtype)


def test_it_is_one_minus_the_cosine_of_every_pair():
    text, image = vectors(2, 5, 16), vectors(2, 9, 16)
    cosine = torch.nn.functional.cosine_similarity(text[:, :, None], image[:, None], dim=-1)
    assert_close(cosine_cost(text, image), 1 - cosine)


def test_equal_directions_cost_nothing_and_opposite_ones_two():
    text = vectors(1, 4, 8)
    assert_close(cosine_cost(text, 3 * text).diagonal(dim1=1, dim2=2), torch.zeros(1, 4).double())
    assert_close(cosine_cost(text, -text).diagonal(dim1=1, dim2=2), 2 * torch.ones(1, 4).double())


def test_length_does_not_matter():
    text, image = vectors(2, 5, 16), vectors(2, 9, 16)
    assert_close(cosine_cost(100 * text, image / 7), cosine_cost(text, image))


def test_a_zero_vector_costs_one_and_its_gradient_is_finite():
    text = torch.zeros(1, 2, 4, requires_grad=True)
    image = vectors(1, 3, 4, dtype=torch.float32).requires_grad_()
    cost = cosine_cost(text, image)
    cost.sum().backward()
    assert_close(cost, torch.ones(1, 2, 3))
    assert text.grad.isfinite().all()
    assert image.grad.isfinite().all()


def test_its_gradient_is_that_of_its_differences():
    inputs = vectors(1, 3, 5).requires_grad_(), vectors(1, 4, 5).requires_grad_()
    assert torch.autograd.gradcheck(cosine_cost, inputs)


def test_autocast_and_half_precision_keep_float32_costs():
    text = vectors(1, 5, 16, dtype=torch.float32)
    image = vectors(1, 9, 16, dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(cosine_cost(text, image), cosine_cost(text.float(), image.float()))
    assert cosine_cost(text.bfloat16(), image.bfloat16()).dtype == torch.float32
