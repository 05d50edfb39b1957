"""Laws of the stickers: what every atlas holds, and how a user's own icons join it."""

import csv
import importlib.util
import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from vilt_core.world.sprites import (
    ASSETS,
    CELL,
    COLORS,
    HELD_OUT_STYLE,
    SHAPES,
    STYLES,
    atlas,
    atlas_from_folder,
    box_of,
    build_pyramid,
    categories,
    fit_to_cell,
    nouns,
    premultiply,
    pyramid,
    sprites,
    tight_box,
)

ALL_STYLES = (*STYLES, HELD_OUT_STYLE)
ROOT = Path(__file__).resolve().parents[2]


def test_there_are_enough_nouns_and_every_shape_in_every_colour():
    plain = [sprite for sprite in sprites() if sprite.color is None]
    shapes = [(sprite.name, sprite.color) for sprite in sprites() if sprite.color is not None]
    assert len(plain) >= 200
    assert sorted(shapes) == sorted((shape, color) for shape in SHAPES for color in COLORS)
    assert len(categories()) >= 12
    assert {sprite.category for sprite in sprites()} == set(categories())


def test_no_two_sprites_share_words_or_code_points():
    labels = Counter(sprite.label for sprite in sprites())
    codes = Counter(sprite.hexcode for sprite in sprites())
    assert labels.most_common(1)[0][1] == 1
    assert codes.most_common(1)[0][1] == 1
    assert [sprite.index for sprite in sprites()] == list(range(len(sprites())))


def test_a_word_means_one_thing():
    singular, plural = set(nouns()), {sprite.plural for sprite in sprites()}
    both = {sprite.name for sprite in sprites() if sprite.name == sprite.plural}
    assert singular & plural == both
    assert not singular & set(COLORS)
    assert not (singular | plural) & (set(categories()) | set(categories().values()))
    assert all(word == word.lower() and word.replace(" ", "").isalpha() for word in singular)


@pytest.mark.parametrize("style", ALL_STYLES)
def test_every_sprite_is_drawn_with_a_transparent_margin(style):
    cells = atlas(style)
    assert cells.shape == (len(sprites()), CELL, CELL, 4)
    assert cells.dtype == np.uint8
    alpha = cells[..., 3]
    inside = alpha[:, 2:-2, 2:-2]
    assert (inside >= 128).any(axis=(1, 2)).all()
    assert alpha.sum(dtype=np.int64) == inside.sum(dtype=np.int64)


@pytest.mark.parametrize("style", ALL_STYLES)
def test_no_two_sprites_look_the_same(style):
    assert len({cell.tobytes() for cell in atlas(style)}) == len(sprites())


@pytest.mark.parametrize("style", ALL_STYLES)
def test_colour_never_exceeds_alpha(style):
    for level in pyramid(style):
        assert (level[..., :3] <= level[..., 3:]).all()


@pytest.mark.parametrize("style", ALL_STYLES)
def test_each_pyramid_level_keeps_the_mean_of_the_one_above(style):
    levels = pyramid(style)
    assert [level.shape[1:] for level in levels] == [(128, 128, 4), (64, 64, 4), (32, 32, 4)]
    for above, below in itertools.pairwise(levels):
        exact = above.reshape(len(above), below.shape[1], 2, below.shape[2], 2, 4).mean((2, 4))
        assert np.abs(exact - below).max() <= 0.5


@pytest.mark.parametrize("style", ALL_STYLES)
def test_a_coloured_shape_has_its_colour(style):
    # The named colour nearest in red, green and blue, with the shade each artist gave it.
    middle = {
        sprite.label: atlas(style)[sprite.index, CELL // 2, CELL // 2].astype(int)
        for sprite in sprites()
        if sprite.color is not None
    }
    for shape in SHAPES:
        red, green, blue = (middle[f"{color} {shape}"] for color in ("red", "green", "blue"))
        assert red[0] > max(red[1:3])
        assert green[1] > max(green[0], green[2])
        assert blue[2] > max(blue[:2])
        assert middle[f"white {shape}"][:3].min() > 200
        assert middle[f"black {shape}"][:3].max() < 80


def test_tight_box_matches_the_opaque_pixels():
    for style in ALL_STYLES:
        for index in range(0, len(sprites()), 17):
            left, top, right, bottom = tight_box(style, index)
            opaque = atlas(style)[index, ..., 3] >= 128
            inside = np.zeros_like(opaque)
            inside[round(top * CELL) : round(bottom * CELL)] = True
            inside[:, : round(left * CELL)] = False
            inside[:, round(right * CELL) :] = False
            assert opaque.sum() == (opaque & inside).sum()
            assert 0 < left < right < 1
            assert 0 < top < bottom < 1


def test_box_of_an_empty_cell_is_refused():
    with pytest.raises(ValueError, match="got none"):
        box_of(np.zeros((CELL, CELL, 4), np.uint8))


def test_shared_arrays_cannot_be_changed():
    assert atlas("noto") is atlas("noto")
    for level in pyramid("noto"):
        with pytest.raises(ValueError, match="read-only"):
            level[0, 0, 0, 0] = 1


def test_an_unknown_style_is_refused():
    with pytest.raises(ValueError, match=r"noto, twemoji, fluent, openmoji, got 'oil'"):
        atlas("oil")


def test_premultiply_rounds_to_nearest():
    rgba = np.random.default_rng(0).integers(0, 256, (64, 64, 4), dtype=np.uint8)
    exact = rgba[..., :3] * (rgba[..., 3:] / 255)
    result = premultiply(rgba)
    assert np.abs(result[..., :3] - exact).max() <= 0.5 + 1e-9
    assert (result[..., 3] == rgba[..., 3]).all()


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (120, 120), (1000, 400)])
def test_fit_to_cell_centres_and_scales_to_the_content_size(size):
    cell = fit_to_cell(Image.new("RGBA", size, (10, 200, 30, 255)))
    left, top, right, bottom = box_of(cell)
    assert max(right - left, bottom - top) == pytest.approx(120 / 128)
    assert left == pytest.approx(1 - right, abs=1 / CELL)
    assert top == pytest.approx(1 - bottom, abs=1 / CELL)
    assert (cell[CELL // 2, CELL // 2] == (10, 200, 30, 255)).all()


def _icon(mode: str = "RGBA", size: int = 50) -> Image.Image:
    image = Image.new("RGBA", (size, size))
    ImageDraw.Draw(image).ellipse((5, 10, size - 5, size - 10), fill=(250, 120, 10, 255))
    return image.convert(mode)


def test_a_folder_of_icons_is_an_atlas_of_its_own(tmp_path):
    for name in ("cat.png", "hot_dog.png", "Red Heart.PNG", "zeppelin.png"):
        _icon().save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not a picture")
    own = atlas_from_folder(tmp_path)
    assert [sprite.label for sprite in own.present] == ["cat", "hot dog", "red heart"]
    assert own.unknown == ("zeppelin.png",)
    assert own.cells.shape == atlas("noto").shape
    assert own.cells.any((1, 2, 3)).sum() == 3
    for sprite in own.present:
        left, top, right, bottom = box_of(own.cells[sprite.index])
        assert min(left, top, 1 - right, 1 - bottom) >= 2 / CELL
    assert [level.shape[1] for level in build_pyramid(own.cells)] == [128, 64, 32]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_icons_of_every_mode_are_read(tmp_path, mode):
    image = _icon("L" if mode == "I;16" else mode)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    image.save(tmp_path / "sun.png")
    own = atlas_from_folder(tmp_path)
    assert [sprite.name for sprite in own.present] == ["sun"]
    # The mean of the disc's middle, because a one-bit picture is dithered.
    middle = own.cells[own.present[0].index, 48:80, 48:80, :3].mean((0, 1))
    luma = middle @ (0.299, 0.587, 0.114)
    assert luma == pytest.approx(147, abs=12)


def test_bad_folders_get_one_clear_sentence(tmp_path):
    with pytest.raises(ValueError, match=r"expected a folder of PNG files, got .*nowhere"):
        atlas_from_folder(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"named like nouns.*got no PNG file"):
        atlas_from_folder(tmp_path)
    _icon().save(tmp_path / "zeppelin.png")
    with pytest.raises(ValueError, match=r"named like nouns.*got zeppelin\.png"):
        atlas_from_folder(tmp_path)
    (tmp_path / "cat.png").write_bytes(b"not a picture")
    with pytest.raises(ValueError, match=r"cat\.png must be a readable picture"):
        atlas_from_folder(tmp_path)
    Image.new("RGBA", (9, 9)).save(tmp_path / "cat.png")
    with pytest.raises(ValueError, match=r"cat\.png must be .*without a visible pixel"):
        atlas_from_folder(tmp_path)
    for name in ("red_heart.png", "red heart.png"):
        _icon().save(tmp_path / name)
    with pytest.raises(ValueError, match="expected one PNG for 'red heart'"):
        atlas_from_folder(tmp_path)


def _build_script():
    pytest.importorskip("resvg_py", reason="the atlases are built with resvg-py, a dev extra")
    path = ROOT / "scripts" / "build_atlases.py"
    spec = importlib.util.spec_from_file_location("build_atlases", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_curation_table_gives_the_shipped_list():
    build = _build_script()
    with (ASSETS / "curation.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", restval=""))
    shipped = [sprite for sprite in sprites() if sprite.color is None]
    for row, sprite in zip(rows, shipped, strict=True):
        name = row["name"] or row["label"].lower()
        plural = row["plural"] or build.regular_plural(name)
        assert (name, plural, row["category"]) == (sprite.name, sprite.plural, sprite.category)
        assert categories()[row["category"]] == row["category_plural"]


@pytest.mark.parametrize(
    ("noun", "plural"),
    [("fox", "foxes"), ("butterfly", "butterflies"), ("donkey", "donkeys"), ("church", "churches")],
)
def test_regular_plural(noun, plural):
    assert _build_script().regular_plural(noun) == plural


@pytest.mark.parametrize("style", ALL_STYLES)
def test_every_style_names_its_author_and_carries_its_licence(style):
    text = (ASSETS / "LICENSES.md").read_text(encoding="utf-8")
    (row,) = [line for line in text.splitlines() if line.startswith(f"| `{style}.webp`")]
    licence = row.split("](licenses/")[1].split(")")[0]
    opening = {
        "Apache-2.0.txt": "Apache License",
        "CC-BY-4.0.txt": "Attribution 4.0 International",
        "MIT.txt": "MIT License",
        "CC-BY-SA-4.0.txt": "Attribution-ShareAlike 4.0 International",
    }[licence]
    assert opening in (ASSETS / "licenses" / licence).read_text(encoding="utf-8")[:200]


def test_the_atlases_are_small_enough_to_ship():
    assert sum(path.stat().st_size for path in ASSETS.glob("*.webp")) < 8 * 2**20
