import pytest
import torch

from vilt_core.layers import Fusion, split


def test_slices_give_both_inputs_back():
    part = Fusion(8)
    text, image_class, patches = torch.randn(2, 5, 8), torch.randn(2, 8), torch.randn(2, 7, 8)
    joint = part(text, image_class, patches)
    assert joint.shape == (2, 5 + 1 + 7, 8)
    text_type, image_type = part.types.weight
    torch.testing.assert_close(joint[:, :5] - text_type, text)
    torch.testing.assert_close(joint[:, 5] - image_type, image_class)
    torch.testing.assert_close(joint[:, 6:] - image_type, patches)


def test_split_undoes_the_concatenation():
    part = Fusion(8)
    torch.nn.init.zeros_(part.types.weight)
    inputs = torch.randn(2, 5, 8), torch.randn(2, 8), torch.randn(2, 7, 8)
    for given, back in zip(inputs, split(part(*inputs), text_tokens=5), strict=True):
        torch.testing.assert_close(given, back, atol=0, rtol=0)


def test_halves_are_the_whole():
    part = Fusion(8)
    text, image_class, patches = torch.randn(2, 5, 8), torch.randn(2, 8), torch.randn(2, 7, 8)
    halves = torch.cat([part.text(text), part.image(image_class, patches)], dim=1)
    assert torch.equal(halves, part(text, image_class, patches))


def test_text_alone_splits_into_text_and_nothing():
    text, image_class, patches = split(torch.randn(2, 5, 8), text_tokens=5)
    assert text.shape == (2, 5, 8)
    assert not image_class.any()
    assert patches.shape == (2, 0, 8)


def test_the_second_image_has_a_type_of_its_own():
    part = Fusion(8, types=3)
    image_class, patches = torch.randn(2, 8), torch.randn(2, 4, 8)
    first, second = (part.image(image_class, patches, row=row) for row in (1, 2))
    difference = (part.types.weight[2] - part.types.weight[1]).expand(2, 5, 8)
    torch.testing.assert_close(second - first, difference)


@pytest.mark.parametrize("row", [0, 2])
def test_types_that_no_image_has(row):
    with pytest.raises(ValueError, match=f"1 to 1, got {row}"):
        Fusion(8).image(torch.randn(2, 8), torch.randn(2, 4, 8), row=row)
