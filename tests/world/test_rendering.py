"""Laws of the two renderers: they agree with each other, and the owner map with both."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from vilt_core.world.rendering import (
    LEVELS,
    MAX_OBJECTS,
    Painting,
    paint,
    paint_batch,
    visible_shares,
)
from vilt_core.world.scenes import SPLITS, TEXTURES, Scene, SceneObject, scene
from vilt_core.world.sprites import CELL, atlas, build_pyramid, sprites

# Mean (red, green, blue) of the 4 x 4 blocks of scene (0, 1) in its checks. Rounding may differ by
# one in single pixels from machine to machine, so that a digest of bytes would say too much.
BLOCKS = (
    ((243.0, 243.0, 240.0), (236.6, 236.1, 235.9), (183.0, 177.5, 191.4), (243.0, 243.0, 240.0)),
    ((243.0, 243.0, 240.0), (227.0, 226.2, 228.0), (205.9, 203.7, 214.1), (242.6, 242.5, 239.7)),
    ((151.8, 144.5, 168.8), (219.0, 217.5, 223.5), (195.3, 192.6, 206.8), (163.7, 156.3, 175.0)),
    ((239.3, 239.1, 237.6), (231.2, 230.6, 231.0), (216.6, 215.3, 220.5), (227.8, 226.8, 229.9)),
)


def batch(count: int, *, seed: int = 11, **changes) -> list[Scene]:
    """Scenes of all splits in turn."""
    drawn = [scene(seed, index, split=SPLITS[index % len(SPLITS)]) for index in range(count)]
    return [replace(place, **changes) for place in drawn]


def sticker(**changes) -> SceneObject:
    whole = SceneObject(
        sprite=sprites()[0], style="noto", x=0.5, y=0.5, size=0.5, angle=0.0, mirrored=False
    )
    return replace(whole, **changes)


def on_plain(*things: SceneObject) -> Scene:
    return replace(scene(0, 0), texture="plain", background="green", objects=things)


def largest_difference(scenes: list[Scene], size: int, *, device: str = "cpu") -> int:
    one_by_one = np.stack([paint(place, size).pixels for place in scenes]).astype(int)
    together = paint_batch(scenes, size, device=device).permute(0, 2, 3, 1).cpu().numpy()
    return int(np.abs(one_by_one - together).max())


@pytest.mark.parametrize("size", [8, 33, 64, 128, 192])
def test_both_renderers_draw_the_same_picture(size):
    assert largest_difference(batch(40), size) <= 2


@pytest.mark.parametrize("texture", TEXTURES)
def test_both_renderers_draw_the_same_texture(texture):
    assert largest_difference(batch(24, texture=texture), 128) <= 2
    assert largest_difference(batch(24, texture=texture, objects=()), 100) == 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_both_renderers_draw_the_same_picture_on_a_gpu():
    for size in (64, 128, 192):
        assert largest_difference(batch(40), size, device="cuda") <= 2


def test_a_picture_is_a_function_of_its_scene():
    for place in batch(8):
        first, second = paint(place, 96), paint(place, 96)
        assert (first.pixels == second.pixels).all()
        assert (first.owner == second.owner).all()


def test_company_in_a_batch_changes_nothing():
    scenes = batch(6)
    together = paint_batch(scenes, 64)
    assert all(
        torch.equal(paint_batch([place], 64)[0], picture)
        for place, picture in zip(scenes, together, strict=True)
    )


def test_the_picture_is_the_committed_one():
    means = paint(scene(0, 1), 128).pixels.reshape(4, 32, 4, 32, 3).mean((1, 3))
    assert np.abs(means - np.array(BLOCKS)).max() < 0.5


def test_outside_of_all_boxes_is_background():
    size = 128
    for place in batch(30):
        painting, empty = paint(place, size), paint(replace(place, objects=()), size)
        free = np.ones((size, size), bool)
        for thing in place.objects:
            # Half-transparent rims and shadows reach over the box of the opaque ink.
            reach = 0.75 * thing.size
            left, top = (max(int((at - reach) * size), 0) for at in (thing.x, thing.y))
            right, bottom = (int((at + reach) * size) + 1 for at in (thing.x, thing.y))
            free[top:bottom, left:right] = False
        assert (painting.pixels[free] == empty.pixels[free]).all()
        assert (painting.owner[free] == -1).all()
        assert (empty.owner == -1).all()


def test_owned_pixels_lie_in_their_owner_s_box():
    size = 128
    for place in batch(30):
        owner = paint(place, size).owner
        assert owner.max() < len(place.objects)
        for index, thing in enumerate(place.objects):
            rows, columns = np.nonzero(owner == index)
            x0, y0, x1, y1 = (edge * size for edge in thing.box)
            assert len(rows) > 0
            assert (columns > x0 - 1).all()
            assert (columns < x1).all()
            assert (rows > y0 - 1).all()
            assert (rows < y1).all()


def test_the_last_sticker_lies_on_top():
    under, over = (
        sticker(sprite=next(s for s in sprites() if s.label == label))
        for label in ("red circle", "blue square")
    )
    alone, both = paint(on_plain(over)), paint(on_plain(under, over))
    covered = alone.owner == 0
    assert (both.owner[covered] == 1).all()
    assert (both.owner == 0).any() == (paint(on_plain(under)).owner[~covered] == 0).any()
    assert (both.pixels[60:68, 60:68] == alone.pixels[60:68, 60:68]).all()


@pytest.mark.parametrize("index", range(0, len(sprites()), 53))
def test_mirroring_and_quarter_turns_move_pixels_alone(index):
    thing = sticker(sprite=sprites()[index])
    upright = paint(on_plain(thing)).pixels.astype(int)
    mirrored = paint(on_plain(replace(thing, mirrored=True))).pixels
    turned = paint(on_plain(replace(thing, angle=90.0))).pixels
    assert np.abs(upright[:, ::-1] - mirrored).max() <= 1
    assert np.abs(np.rot90(upright) - turned).max() <= 1  # counter-clockwise


def test_a_sticker_at_its_own_size_is_the_atlas():
    place = on_plain(sticker(size=1.0))
    painting, empty = paint(place, CELL), paint(replace(place, objects=()), CELL)
    cell = atlas("noto")[0].astype(float)
    exact = cell[..., :3] + empty.pixels * (1 - cell[..., 3:] / 255)
    assert np.abs(painting.pixels - exact).max() <= 1
    assert ((painting.owner == 0) == (cell[..., 3] > 127)).all()


def test_sizes_show_the_same_scene():
    for place in batch(12, texture="plain"):
        large = paint(place, 256).pixels.reshape(64, 4, 64, 4, 3).mean((1, 3))
        small = paint(place, 64).pixels
        assert np.abs(large - small).mean() < 2.5


def test_shares_are_counts_of_owned_pixels():
    size, grid = 96, 12
    for place in batch(12):
        painting = paint(place, size)
        shares = visible_shares(painting, grid)
        assert shares.shape == (MAX_OBJECTS + 1, grid * grid)
        np.testing.assert_allclose(shares.sum(0), 1)
        patches = painting.owner.reshape(grid, 8, grid, 8).swapaxes(1, 2).reshape(grid * grid, -1)
        for index in range(MAX_OBJECTS):
            np.testing.assert_allclose(shares[index], (patches == index).mean(1))
        np.testing.assert_allclose(shares[MAX_OBJECTS], (patches == -1).mean(1))


def test_shares_of_a_grid_that_does_not_divide_leave_the_rim_out():
    owner = np.full((10, 10), -1, np.int8)
    owner[:3, :3] = 0
    owner[9] = 1
    shares = visible_shares(Painting(pixels=np.zeros((10, 10, 3), np.uint8), owner=owner), 3)
    np.testing.assert_allclose(shares[0], np.eye(9)[0])
    np.testing.assert_allclose(shares[1], 0)
    np.testing.assert_allclose(shares.sum(0), 1)


@pytest.mark.parametrize("grid", [0, 129])
def test_a_grid_finer_than_the_pixels_is_refused(grid):
    with pytest.raises(ValueError, match=f"between 1 and 128 patches a side, got {grid}"):
        visible_shares(paint(scene(0, 0)), grid)


def test_own_icons_take_the_place_of_one_style():
    cells = np.zeros((len(sprites()), CELL, CELL, 4), np.uint8)
    cells[:, 8:-8, 8:-8] = (200, 30, 40, 255)
    icons = {"noto": build_pyramid(cells)}
    assert [level.shape[1] for level in icons["noto"]] == list(LEVELS)
    place = on_plain(sticker(x=0.3), sticker(x=0.8, size=0.3, style="twemoji"))
    shipped, own = paint(place), paint(place, icons=icons)
    assert (own.pixels[64, 38] == (200, 30, 40)).all()
    right = np.s_[:, 80:]
    assert (own.pixels[right] == shipped.pixels[right]).all()
    assert (own.owner == 0).sum() == pytest.approx((0.5 * 128 * 112 / CELL) ** 2, rel=0.02)


def test_pictures_that_are_too_small_are_refused():
    with pytest.raises(ValueError, match="at least 8 pixels, got 7"):
        paint(scene(0, 0), 7)
