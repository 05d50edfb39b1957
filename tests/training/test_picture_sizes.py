"""Laws of the size at which pictures are read, and of what is said of it."""

from itertools import pairwise

import pytest
from PIL import Image

from vilt_core.data.examples import DataSet, ImageFile, QuestionExample
from vilt_core.data.image import fitted_size, resize
from vilt_core.interop.lab import load_folder
from vilt_core.predictor import MODELS
from vilt_core.training.adapt import adapt
from vilt_core.training.finetuning import fitting_size
from vilt_core.training.picture_sizes import (
    LARGEST,
    MOST_PATCHES,
    as_read,
    sampled_sizes,
    size_for,
    typical,
)

OWN, PATCH = 128, 16  # of vilt-mini
GEOMETRIES = [(128, 16), (192, 16), (384, 32)]
MODEL = MODELS / "vilt-mini"


@pytest.fixture
def pictured(tmp_path):
    """Questions about pictures of some sizes."""

    def pictured(*sizes: tuple[int, int]) -> DataSet:
        examples = []
        for at, size in enumerate(sizes):
            path = tmp_path / f"{at}.png"
            Image.new("RGB", size).save(path)
            said = {"question": "what?", "answers": ("cat",), "id": str(at)}
            examples.append(QuestionExample(image=ImageFile(path), **said))
        return DataSet(name="mine", split="train", kind="questions", examples=examples)

    return pictured


def patches(size: tuple[int, int], at: int, patch: int) -> float:
    width, height = fitted_size(*size, size=at, patch_size=patch)
    return width // patch * (height // patch)


@pytest.mark.parametrize(("own", "patch"), GEOMETRIES)
@pytest.mark.parametrize("size", [(640, 480), (480, 640), (600, 400), (4000, 3000), (500, 500)])
def test_photographs_are_read_at_the_models_own_size_and_nothing_is_said(own, patch, size):
    assert size_for([size], own=own, patch_size=patch) == own
    assert as_read([size], size=own, patch_size=patch) == ""


@pytest.mark.parametrize(
    ("size", "read"),
    [
        ((400, 100), (304, 80)),
        ((100, 400), (80, 304)),
        ((900, 400), (224, 96)),
        ((640, 360), (208, 112)),  # not far below 128
        ((200, 50), (208, 48)),  # has no more detail
    ],
)
def test_wide_and_tall_pictures_are_read_larger_as_far_as_they_have_detail(size, read):
    at = size_for([size], own=OWN, patch_size=PATCH)
    assert fitted_size(*size, size=at, patch_size=PATCH) == read


@pytest.mark.parametrize(("own", "patch"), GEOMETRIES)
@pytest.mark.parametrize("ratio", [2.3, 3, 4, 7, 20])
@pytest.mark.parametrize("height", [100, 173, 1000])
def test_a_larger_size_is_the_largest_that_costs_little_and_enlarges_nothing(
    own, patch, ratio, height
):
    size = (round(height * ratio), height)
    most = MOST_PATCHES * (own // patch) ** 2

    def allowed(at: int) -> bool:
        longer = max(fitted_size(*size, size=at, patch_size=patch))
        return patches(size, at, patch) <= most and longer <= size[0]

    found = size_for([size], own=own, patch_size=patch)
    if found > own:
        assert found % patch == 0
        assert allowed(found)
    if found >= own:
        assert found == LARGEST * own or not allowed(found + patch)


def test_the_more_of_them_are_wide_the_more_patches_all_may_take():
    """A few wide ones change nothing; beside many of them, squares count what they cost."""
    found = [
        size_for([(400, 100)] * wide + [(300, 300)] * (20 - wide), own=OWN, patch_size=PATCH)
        for wide in range(21)
    ]
    assert found[:10] == [OWN] * 10
    assert all(fewer <= more for fewer, more in pairwise(found))
    assert OWN < found[12] < found[20]
    for wide, at in enumerate(found):
        taken = wide * patches((400, 100), at, PATCH) + (20 - wide) * patches((300, 300), at, PATCH)
        assert taken <= 20 * MOST_PATCHES * (OWN // PATCH) ** 2


def test_small_wide_pictures_count_by_the_pixels_of_their_longer_side():
    """Read at 96, 150 x 40 would lose of its detail, as no picture of 64 pixels does."""
    assert size_for([(64, 64)], own=OWN, patch_size=PATCH) == 96
    assert size_for([(150, 40)], own=OWN, patch_size=PATCH) == OWN
    assert max(fitted_size(150, 40, size=96, patch_size=PATCH)) < 150


def test_the_typical_picture_has_as_many_wider_as_squarer():
    assert typical([(1000, 10), (100, 100), (30, 90), (40, 20), (200, 190)]) == (40, 20)


@pytest.mark.parametrize("given", [None, 64, 160])
def test_the_account_says_how_a_wide_picture_is_really_read(pictured, given):
    bundle, data = load_folder(MODEL), pictured((400, 100), (390, 100), (500, 100))
    found = adapt(bundle, task="vqa", data=data, image_size=given)
    to = found.bundle.processing
    width, height = resize(Image.new("RGB", (400, 100)), size=to.size, patch_size=PATCH).size
    [line] = [line for line in found.account if line.startswith("Pictures: ")]
    assert line.startswith(f"Pictures: {given or OWN} pixels on their shorter side, ")
    assert line.endswith(
        f" At most {1333 * to.size // 800} on their longer side: 400 x 100 is read at "
        f"{width} x {height}, {width * height // PATCH**2} patches."
    )


def test_the_account_says_nothing_more_of_photographs(pictured):
    data = pictured((640, 480), (600, 400), (400, 100))
    account = adapt(load_folder(MODEL), task="vqa", data=data).account
    assert f"Pictures: {OWN} pixels on their shorter side, as before." in account


def test_sizes_are_those_of_the_pictures_that_can_be_read(pictured, tmp_path):
    data = pictured((400, 100), (640, 480), (100, 400))
    (tmp_path / "1.png").write_bytes(b"")
    assert sampled_sizes(data) == [(400, 100), (100, 400)]
    assert fitting_size(load_folder(MODEL), sampled_sizes(data)) == 192
