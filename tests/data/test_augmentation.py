"""Laws of chance on pictures: RandAugment beside torchvision, MixGen, patches to predict."""

import inspect
import math
import random
from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import functional

from vilt_core.data.augmentation import (
    OPERATIONS,
    draw_masked_patches,
    draw_operations,
    mixgen,
    rand_augment,
)

NAMED = {operation.name: operation for operation in OPERATIONS}


def picture(width=52, height=36, seed=0):
    """Large shapes in dull colours with a little noise: something for every operation to change."""
    chance = np.random.default_rng(seed)
    coarse = chance.integers(30, 220, (4, 5, 3)).astype(np.uint8)
    smooth = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    noisy = np.asarray(smooth).astype(int) + chance.integers(-6, 7, (height, width, 3))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def difference(image, reference):
    ours = functional.pil_to_tensor(image).int()
    theirs = (
        reference if isinstance(reference, torch.Tensor) else functional.pil_to_tensor(reference)
    )
    return (ours - theirs.int()).abs()


def still(x, **motion):
    settings = {"angle": 0.0, "translate": [0, 0], "scale": 1.0, "shear": [0.0, 0.0]} | motion
    return functional.affine(x, **settings)


def degrees(slope):
    return math.degrees(math.atan(slope))


# What torchvision computes on tensors, by kernels of its own, at the published value.
SAME = {
    "Equalize": lambda x, v: functional.equalize(x),
    "Posterize": lambda x, v: functional.posterize(x, max(1, int(v))),
    "Solarize": lambda x, v: functional.solarize(x, min(v, 255.0)),
    "Brightness": lambda x, v: functional.adjust_brightness(x, v),
    "Sharpness": lambda x, v: functional.adjust_sharpness(x, v),
    "ShearX": lambda x, v: still(x, shear=[degrees(v), 0.0], center=[0, 0]),
    "ShearY": lambda x, v: still(x, shear=[0.0, degrees(v)], center=[0, 0]),
    "TranslateXabs": lambda x, v: still(x, translate=[-v, 0]),
    "TranslateYabs": lambda x, v: still(x, translate=[0, -v]),
}
SAME_BUT_FOR_ROUNDING = {
    "AutoContrast": lambda x, v: functional.autocontrast(x),
    "Color": lambda x, v: functional.adjust_saturation(x, v),
    "Contrast": lambda x, v: functional.adjust_contrast(x, v),
}
# The published ranges, from magnitude 0 to 30, and the value at 9.
PUBLISHED = {
    "AutoContrast": (0, 0.3, 1),
    "Equalize": (0, 0.3, 1),
    "Rotate": (0, 9, 30),
    "Posterize": (0, 1.2, 4),
    "Solarize": (0, 76.8, 256),
    "SolarizeAdd": (0, 33, 110),
    "Color": (0.1, 0.64, 1.9),
    "Contrast": (0.1, 0.64, 1.9),
    "Brightness": (0.1, 0.64, 1.9),
    "Sharpness": (0.1, 0.64, 1.9),
    "ShearX": (0, 0.09, 0.3),
    "ShearY": (0, 0.09, 0.3),
    "TranslateXabs": (0, 30, 100),
    "TranslateYabs": (0, 30, 100),
}


# RandAugment


def test_the_operations_and_their_ranges_are_the_published_ones():
    assert NAMED.keys() == PUBLISHED.keys()
    for name, values in PUBLISHED.items():
        assert [NAMED[name].value(at) for at in (0, 9, 30)] == pytest.approx(values)


# None at which a shear falls right between two pixels, where the nearest is a matter of taste.
@pytest.mark.parametrize("magnitude", [0, 7, 9, 21, 29])
@pytest.mark.parametrize("name", SAME)
def test_pixels_are_those_of_torchvision(name, magnitude):
    image = picture()
    value = NAMED[name].value(magnitude)
    found = difference(
        NAMED[name](image, magnitude=magnitude), SAME[name](functional.pil_to_tensor(image), value)
    )
    assert found.max() == 0


@pytest.mark.parametrize("magnitude", [0, 9, 29])
@pytest.mark.parametrize("name", SAME_BUT_FOR_ROUNDING)
def test_pixels_are_those_of_torchvision_but_for_rounding(name, magnitude):
    image = picture()
    reference = SAME_BUT_FOR_ROUNDING[name](
        functional.pil_to_tensor(image), NAMED[name].value(magnitude)
    )
    assert difference(NAMED[name](image, magnitude=magnitude), reference).max() <= 1


@pytest.mark.parametrize("opposite", [False, True])
@pytest.mark.parametrize("name", [op.name for op in OPERATIONS if op.either_way])
def test_what_goes_either_way_is_torchvision_s_other_way(name, opposite):
    image = picture()
    value = -9 if opposite else 9
    if name == "Rotate":
        reference = functional.rotate(image, value)  # whole pixels, by Pillow for both
    else:
        signed = math.copysign(NAMED[name].value(9), value)
        reference = SAME[name](functional.pil_to_tensor(image), signed)
    assert difference(NAMED[name](image, opposite=opposite), reference).max() == 0


def test_solarize_add_brightens_then_inverts_the_upper_half():
    levels = np.arange(256, dtype=np.uint8)
    image = Image.fromarray(np.stack([levels, levels, levels], axis=-1)[None])
    found = np.asarray(NAMED["SolarizeAdd"](image))[0, :, 0].astype(int)
    for level in range(256):
        brighter = min(level + 33, 255)
        assert found[level] == (brighter if brighter < 128 else 255 - brighter)


@pytest.mark.parametrize("operation", OPERATIONS, ids=NAMED)
def test_every_operation_changes_the_picture_and_keeps_its_size(operation):
    image = picture()
    before = np.asarray(image).copy()
    changed = operation(image)
    assert (changed.mode, changed.size) == ("RGB", image.size)
    assert (np.asarray(changed) != before).any()
    np.testing.assert_array_equal(np.asarray(image), before)


def test_a_draw_is_operations_one_after_the_other():
    image = picture()
    for seed in range(10):
        expected = image
        for operation, opposite in draw_operations(random.Random(seed), count=3):
            expected = operation(expected, magnitude=12, opposite=opposite)
        found = rand_augment(image, random.Random(seed), operations=3, magnitude=12)
        np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))


def test_every_operation_is_as_likely_in_either_place_and_repeats():
    draws = [draw_operations(random.Random(seed)) for seed in range(4000)]
    for place in range(2):
        names = Counter(found[place][0].name for found in draws)
        assert names.keys() == NAMED.keys()
        for count in names.values():
            assert count / 4000 == pytest.approx(1 / 14, abs=4 * math.sqrt(1 / 14 * 13 / 14 / 4000))
        turned = sum(found[place][1] for found in draws)
        assert turned / 4000 == pytest.approx(0.5, abs=4 * math.sqrt(0.25 / 4000))
    twice = sum(found[0][0] is found[1][0] for found in draws)
    assert twice / 4000 == pytest.approx(1 / 14, abs=4 * math.sqrt(1 / 14 * 13 / 14 / 4000))


def test_two_operations_of_magnitude_nine_as_published():
    defaults = inspect.signature(rand_augment).parameters
    assert (defaults["operations"].default, defaults["magnitude"].default) == (2, 9)


def test_its_own_source_decides_alone():
    image = picture()
    random.seed(1)
    first = np.asarray(rand_augment(image, random.Random(7)))
    random.seed(2)
    np.testing.assert_array_equal(np.asarray(rand_augment(image, random.Random(7))), first)
    others = [np.asarray(rand_augment(image, random.Random(seed))) for seed in range(5)]
    assert any((other != first).any() for other in others)


def test_no_operations_are_no_change():
    image = picture()
    assert rand_augment(image, random.Random(0), operations=0) is image


def test_other_pictures_and_magnitudes_are_refused():
    with pytest.raises(ValueError, match="RGB picture, got mode L"):
        rand_augment(picture().convert("L"), random.Random(0))
    with pytest.raises(ValueError, match="0 to 30, got 31"):
        rand_augment(picture(), random.Random(0), magnitude=31)


# MixGen


def pixels(height, width, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(3, height, width, generator=generator) * 2 - 1


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_a_mixture_is_the_weighted_sum_and_both_texts(share):
    left, right = pixels(6, 8, 0), pixels(6, 8, 1)
    mixed, text = mixgen((left, "a cat"), (right, "two dogs"), share=share)
    torch.testing.assert_close(mixed, share * left + (1 - share) * right)
    assert text == "a cat two dogs"


def test_with_itself_a_picture_stays():
    image = pixels(6, 8, 0)
    torch.testing.assert_close(mixgen((image, "a"), (image, "a"))[0], image)


@pytest.mark.parametrize("size", [(3, 20), (12, 16), (24, 4)])
def test_a_second_picture_of_another_size_is_stretched_to_the_first(size):
    height, width = size
    up, across = torch.linspace(-1, 1, height), torch.linspace(-1, 1, width)
    ramp = torch.stack([up[:, None].expand(size), across.expand(size), torch.full(size, 0.3)])
    first = torch.zeros(3, 12, 16)
    mixed, _ = mixgen((first, "a"), (ramp, "b"))
    assert mixed.shape == first.shape
    assert mixed.abs().max() <= 0.5 + 1e-6
    torch.testing.assert_close(mixed[2], torch.full((12, 16), 0.15))
    assert (mixed[0].diff(dim=0) >= -1e-6).all()
    assert (mixed[1].diff(dim=1) >= -1e-6).all()
    torch.testing.assert_close(mixed.mean(dim=(1, 2)), torch.tensor([0.0, 0.0, 0.15]))


def test_both_pictures_stay_what_they_were():
    left, right = pixels(6, 8, 0), pixels(3, 8, 1)
    before = left.clone(), right.clone()
    mixgen((left, "a"), (right, "b"))
    assert torch.equal(left, before[0])
    assert torch.equal(right, before[1])


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_a_share_beyond_the_whole_is_refused(share):
    image = pixels(2, 2, 0)
    with pytest.raises(ValueError, match=f"0 to 1, got {share}"):
        inspect.unwrap(mixgen)((image, "a"), (image, "b"), share=share)


# Patches to predict


def test_what_is_hidden_is_asked_about_and_four_fifths_of_it():
    asked, hidden = draw_masked_patches(40_000, draw=random.Random(0))
    assert asked.dtype == hidden.dtype == torch.bool
    assert (hidden <= asked).all()
    share = asked.float().mean().item()
    assert share == pytest.approx(0.15, abs=4 * math.sqrt(0.15 * 0.85 / 40_000))
    of_asked = hidden.sum().item() / asked.sum().item()
    assert of_asked == pytest.approx(0.8, abs=4 * math.sqrt(0.8 * 0.2 / asked.sum().item()))


def test_rates_of_none_and_all():
    assert not draw_masked_patches(9, rate=0.0, draw=random.Random(0))[0].any()
    assert draw_masked_patches(9, rate=1.0, draw=random.Random(0))[0].all()
    assert [part.shape for part in draw_masked_patches(0, draw=random.Random(0))] == [(0,), (0,)]


def test_every_patch_has_its_turn():
    draws = [draw_masked_patches(12, rate=0.3, draw=random.Random(seed)) for seed in range(2000)]
    bound = 4 * math.sqrt(0.3 * 0.7 / 2000)
    share = torch.stack([asked for asked, _ in draws]).float().mean(dim=0)
    assert (share - 0.3).abs().max() < bound
    hidden = torch.stack([hidden for _, hidden in draws]).float().mean(dim=0)
    assert (hidden - 0.24).abs().max() < bound


def test_the_same_source_hides_the_same_patches():
    first, again, other = (draw_masked_patches(64, draw=random.Random(at)) for at in (3, 3, 4))
    assert all(map(torch.equal, first, again))
    assert not all(map(torch.equal, first, other))
