import pytest
import torch

from vilt_core.explain.integrated_gradients import answer_gradients, integrated_gradients
from vilt_core.types import ImageBatch


def both_ends(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(4, 3, generator=generator), torch.randn(4, 3, generator=generator)


def test_a_linear_function_gives_each_input_its_share():
    x, start = both_ends()
    weights = torch.randn(4, 3, generator=torch.Generator().manual_seed(5))
    found = integrated_gradients(lambda z: (z * weights).sum(dim=(1, 2)), x, start, steps=1)
    torch.testing.assert_close(found, weights * (x - start))


def test_a_square_is_the_difference_of_squares():
    """The integral of 2 z over the way is x² - x'², which two points find exactly."""
    x, start = both_ends()
    found = integrated_gradients(lambda z: z.square().sum(dim=(1, 2)), x, start, steps=2)
    torch.testing.assert_close(found, x.square() - start.square())


def test_the_attributions_of_an_answer_sum_to_what_it_gained(inquiry):
    """Completeness, on the model itself."""
    for answer in range(5):
        found = answer_gradients(inquiry, answer, steps=48)
        gained = inquiry.read(inquiry.joint()) - inquiry.read(inquiry.blank())
        torch.testing.assert_close(found.sum(), gained[0, answer].detach(), atol=1e-3, rtol=1e-3)


def test_what_does_not_change_on_the_way_gets_nothing(inquiry):
    found = answer_gradients(inquiry, 0)
    l = inquiry.text_tokens
    assert found[[0, l - 1, l]].abs().max() == 0
    assert (found[1 : l - 1] != 0).all()


def test_patches_get_the_integral_over_their_pixels(model, inquiry, image):
    """With the text held still, embeddings and pixels give the same, patch by patch."""
    answer, steps = 1, 8
    with torch.no_grad():
        joint, grey = inquiry.joint()[0], inquiry.joint()[0].clone()
        grey[inquiry.text_tokens + 1 :] += (inquiry.grey.tokens - inquiry.patches.tokens)[0]
    by_token = integrated_gradients(
        lambda z: inquiry.read(z)[:, answer], joint, grey, steps=steps
    ).sum(dim=-1)[inquiry.text_tokens + 1 :]

    def of_pixels(flat):
        image = ImageBatch(pixels=flat.reshape(len(flat), 3, 384, 576))
        text = inquiry.text
        text = type(text)(ids=text.ids.expand(len(flat), -1), mask=text.mask.expand(len(flat), -1))
        return model.vqa(model.pool(text, image))[:, answer]

    pixels = image.pixels.reshape(3, -1)
    found = integrated_gradients(of_pixels, pixels, torch.zeros_like(pixels), steps=steps)
    patches = found.reshape(3, 4, 96, 6, 96).sum(dim=(0, 2, 4)).flatten()
    torch.testing.assert_close(patches, by_token, atol=1e-4, rtol=1e-3)


def test_no_steps():
    x, start = both_ends()
    with pytest.raises(ValueError, match="steps must be at least 1"):
        integrated_gradients(lambda z: z.sum(dim=(1, 2)), x, start, steps=0)
