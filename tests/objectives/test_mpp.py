"""Laws of masked patch prediction: what is asked, and what an answer costs."""

import math

import pytest
import torch
from torch.testing import assert_close

from vilt_core.data.image import normalise
from vilt_core.objectives import mpp, patch_colours
from vilt_core.objectives.mlm import IGNORED


def test_a_patch_of_one_colour_is_labelled_with_it():
    levels = torch.arange(256)
    flat = torch.stack([levels, levels.flip(0), (levels * 7) % 256], dim=-1)  # (256, 3)
    patches = flat[:, None, None].expand(-1, 5, 5, -1).to(torch.uint8)
    found = patch_colours(normalise(patches.contiguous().numpy()), 5)
    assert torch.equal(found[:, 0], flat)


def test_the_label_is_the_mean_of_the_patch_in_raster_order():
    bytes_ = torch.randint(
        256, (2, 12, 8, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )
    found = patch_colours(normalise(bytes_.numpy()), 4)
    assert found.shape == (2, 6, 3)
    for image in range(2):
        for row in range(3):
            for column in range(2):
                patch = bytes_[image, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4].double()
                mean = patch.mean(dim=(0, 1))
                label = found[image, 2 * row + column]
                assert ((label - mean).abs() <= 0.5 + 1e-4).all()


def test_pixels_beyond_black_and_white_have_labels_too():
    found = patch_colours(torch.tensor([-3.0, 3.0, 0.0])[None, :, None, None].expand(1, 3, 2, 2), 2)
    assert found[0, 0, :2].tolist() == [0, 255]


def test_sides_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="multiples of 4, got 8 x 10"):
        patch_colours(torch.zeros(1, 3, 8, 10), 4)


@pytest.fixture
def labels():
    generator = torch.Generator().manual_seed(1)
    found = torch.randint(256, (2, 5, 3), generator=generator)
    found[:, ::2] = IGNORED
    return found


def test_undecided_costs_log_256(labels):
    assert float(mpp(torch.zeros(2, 5, 3, 256), labels)) == pytest.approx(math.log(256))


def test_certain_and_right_costs_nothing(labels):
    right = torch.nn.functional.one_hot(labels.clamp(min=0), 256) * 100.0
    assert float(mpp(right, labels)) < 1e-6


def test_each_channel_is_a_third_of_the_cost(labels):
    right = torch.nn.functional.one_hot(labels.clamp(min=0), 256) * 100.0
    right[..., 1, :] = 0  # of green nothing is known
    assert float(mpp(right, labels)) == pytest.approx(math.log(256) / 3)


def test_patches_not_asked_about_have_no_influence(labels):
    logits = torch.randn(2, 5, 3, 256, generator=torch.Generator().manual_seed(2))
    asked = labels[..., 0] != IGNORED
    assert_close(mpp(logits[asked], labels[asked]), mpp(logits, labels))
    loud = logits.masked_fill(~asked[..., None, None], 1e4).requires_grad_()
    loss = mpp(loud, labels)
    assert_close(loss, mpp(logits, labels))
    loss.backward()
    assert (loud.grad[~asked] == 0).all()
    assert (loud.grad[asked] != 0).any()


def test_nothing_asked_costs_nothing():
    nothing = torch.full((2, 4, 3), IGNORED)
    logits = torch.randn(2, 4, 3, 256, generator=torch.Generator().manual_seed(0))
    assert float(mpp(logits, nothing)) == 0
    assert float(mpp(logits[:0, 0], nothing[:0, 0])) == 0
