"""What the Pixels tab says of a picture is what the library does to it."""

import io
import re

import numpy as np
import pytest
import torch
from PIL import GifImagePlugin, Image, TiffImagePlugin

from app import peculiar, preparing
from app.peculiar import BROKEN, PECULIAR
from app.photographs import PHOTOGRAPHS
from app.preparing import B32
from app.tabs import preprocess
from vilt_core.data.image import fitted_size, open_image, resize
from vilt_core.layers.positions import PositionGrid

TINY = "tiny"
named = {"ids": lambda one: one.name}


def text_of(html):
    return re.sub(r"<style>.*?</style>|<[^>]+>", "", html, flags=re.DOTALL)


@pytest.fixture
def published(tiny):
    return preparing.geometry(B32)


def shown(button=None, name=B32, limit=None, key=None):
    return preprocess.shown((None, key, button), name, 1, limit, 0)


@pytest.mark.parametrize("one", PECULIAR, **named)
@pytest.mark.parametrize("name", [TINY, B32])
def test_odd_files_go_all_the_way(tiny, one, name):
    trouble, *steps = shown(one.name, name)
    assert trouble == ""
    prepared = preparing.prepare(one.make(), preparing.geometry(name))
    upright = open_image(one.make())
    size, p = preparing.geometry(name).processing.size, prepared.seen.width // prepared.grid[1]
    assert prepared.seen.size == fitted_size(*upright.size, size=size, patch_size=p)
    np.testing.assert_array_equal(
        np.asarray(prepared.seen), np.asarray(resize(upright, size=size, patch_size=p))
    )
    assert f"{prepared.patches} patches" in text_of(steps[2])
    width, height = prepared.stored
    assert f"{width} x {height}" in text_of(steps[0])
    assert prepared.mode == "RGB" or "nothing has to be done" not in text_of(steps[0])


@pytest.mark.parametrize("one", BROKEN, **named)
def test_broken_files_get_one_sentence_that_names_no_folder(tiny, one):
    trouble, *steps = shown(one.name)
    said = text_of(trouble)
    assert 'role="alert"' in trouble
    assert said[0].isupper()
    assert said.endswith(".")
    assert "/" not in said
    assert "DOS" not in said  # what Pillow says of a file that is far too large
    assert "Traceback" not in said
    assert all(isinstance(step, dict) for step in steps)  # left as they were
    assert shown("One pixel")[0] == ""


def test_each_file_is_what_its_button_says():
    def opened(make):
        return Image.open(io.BytesIO(make()))

    assert opened(peculiar.turned).getexif()[0x0112] == 6
    assert opened(peculiar.inks).mode == "CMYK"
    assert opened(peculiar.deep_grey).mode.startswith("I")
    assert opened(peculiar.glass).mode == "RGBA"
    assert opened(peculiar.ribbon).size == (3000, 20)
    assert opened(peculiar.dot).size == (1, 1)
    assert opened(peculiar.moving).n_frames == 3
    assert len(peculiar.enormous()) < 100
    width, height = opened(peculiar.panorama).size
    assert width == 12 * height
    with pytest.raises(ValueError, match="one of the files on the buttons"):
        peculiar.bytes_of("anything")


def test_of_a_large_picture_no_more_is_kept_than_is_shown(published):
    held = io.BytesIO()
    Image.new("RGB", (4000, 3000), "teal").save(held, format="PNG")
    one = preparing.prepare(held.getvalue(), published)
    assert one.same
    assert one.upright.size == (4000, 3000)
    kept = [small.pixels.nbytes for small in (one.upright, one.careless)]
    assert max(kept) <= 300 * 300 * 3
    assert preparing.prepare(held.getvalue(), published) is one


@pytest.mark.parametrize("form", ["GIF", "TIFF", "PNG", "WEBP"])
def test_frames_are_not_counted(published, monkeypatch, form):
    held = io.BytesIO()
    first, *others = (Image.new("RGB", (40, 40), (80 * at, 90, 30)) for at in range(3))
    first.save(held, format=form, save_all=True, append_images=others)
    counted = property(lambda image: pytest.fail("a file of a million frames takes hours to count"))
    for reader in (GifImagePlugin.GifImageFile, TiffImagePlugin.TiffImageFile):
        monkeypatch.setattr(reader, "n_frames", counted)
    assert preparing.prepare(held.getvalue(), published).moves


def test_a_turned_photograph_is_upright_again():
    upright = np.asarray(open_image(peculiar.turned()), dtype=int)
    photo = np.asarray(open_image(PHOTOGRAPHS[1].path), dtype=int)
    assert upright.shape == photo.shape
    assert np.abs(upright - photo).mean() < 4


def test_the_published_rule_is_told_as_it_is(tiny):
    _, _, resized, cut, places, *_ = shown(key=PHOTOGRAPHS[1])
    assert "600 x 400 times 0.96 would be 576 x 384" in text_of(resized)
    assert "576 / 32 = 18 across, 384 / 32 = 12 down: 216 patches, and 217 rows" in text_of(cut)
    assert "12 x 18 places, so the table is stretched" in text_of(places)
    assert "random" in text_of(places)
    resized = text_of(shown("Panorama")[2])
    assert "no side may be longer than 639" in resized
    assert "cut to whole patches of 32: 608 x 32" in resized


def test_the_table_drawn_is_the_one_that_the_model_would_use(tiny, published):
    own = preparing.geometry(TINY)
    assert own.learned
    assert not published.learned
    grid = PositionGrid(own.grid, own.table.shape[-1])
    with torch.no_grad():
        grid.table.copy_(torch.from_numpy(own.table))
        expected = grid(3, 6)[..., 7].numpy()
    np.testing.assert_allclose(preparing.stretched(own, (3, 6), 7), expected, atol=1e-6)
    before, after = preparing.table_figures(own, (3, 6), 7)
    np.testing.assert_allclose(after.data[0].z, expected, atol=1e-6)
    np.testing.assert_allclose(before.data[0].z, own.table[..., 7], atol=1e-6)


def test_what_is_read_lies_between_the_corners(published):
    points = preparing.reads(published, (12, 18))
    assert points.shape == (216, 2)
    np.testing.assert_allclose(points[0], [0, 0])
    np.testing.assert_allclose(points[-1], [11, 11], atol=1e-4)


def test_a_batch_pads_the_smaller_picture_alone(published):
    first, second = (
        Image.new("RGB", size, color) for size, color in (((384, 576), "red"), ((512, 384), "blue"))
    )
    patches, pixels = preparing.embedded([first, second], published)
    assert patches.grid == (18, 16)
    assert len(preparing.cells_of(patches, 0)) == 12 * 18
    assert len(preparing.cells_of(patches, 1)) == 16 * 12
    assert preparing.cells_of(patches, 1) == {r * 16 + c for r in range(12) for c in range(16)}
    assert pixels.shape == (2, 576, 512, 3)
    assert (pixels[0, :, 384:] == pixels[0, 0, 384]).all()  # padding has one colour
    assert tuple(pixels[0, 0, 0]) == (255, 0, 0)


@pytest.mark.parametrize("limit", [1, 100, 200])
def test_training_drops_all_above_its_limit(published, limit):
    prepared = preparing.prepare(PHOTOGRAPHS[1].path.read_bytes(), published)
    gone = preparing.dropped(prepared, published, limit=limit, seed=0)
    assert len(gone) == 216 - limit
    assert gone == preparing.dropped(prepared, published, limit=limit, seed=0)
    assert gone != preparing.dropped(prepared, published, limit=limit, seed=1)


def test_the_page_tells_how_many_are_dropped(tiny):
    *_, sampled, _, limit = shown(key=PHOTOGRAPHS[1])
    assert "at most 200 patches" in text_of(sampled)
    assert "at that limit 16 are dropped" in text_of(sampled)
    assert (limit.maximum, limit.value) == (216, 200)
    source = (None, PHOTOGRAPHS[1], None)
    assert "150 dropped (dark), 66 kept" in text_of(preprocess.resampled(source, B32, 66, 1))
    *_, sampled, _, limit = shown("One pixel", TINY)
    assert "none is dropped" in text_of(sampled)
    assert limit.value == limit.maximum == 16


def test_nothing_chosen_is_one_sentence(tiny):
    assert "add one of your own" in shown()[0]
    assert "add one of your own" in preprocess.resampled((None, None, None), B32, 10, 0)


def test_the_geometry_of_a_model_that_is_no_vilt_is_not_made_up(tiny, monkeypatch):
    monkeypatch.setattr(tiny, "model", torch.nn.Linear(1, 1))
    preparing._of_model.cache_clear()
    with pytest.raises(ValueError, match="is no ViLT"):
        preparing.geometry(TINY)
    preparing._of_model.cache_clear()
