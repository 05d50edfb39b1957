"""Stickers: the nouns of the embedded world and their pictures in four styles of art.

An atlas is one lossless WebP a style, a grid of square cells in the order of sprites.json, drawn by
scripts/build_atlases.py. Everything handed out here is premultiplied by alpha, the form in which
averaging and compositing are exact (Porter and Duff, 1984), and read-only, because it is shared.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ASSETS = Path(__file__).resolve().parents[2] / "assets" / "sprites"
STYLES = ("noto", "twemoji", "fluent")
HELD_OUT_STYLE = "openmoji"
COLORS = ("red", "orange", "yellow", "green", "blue", "purple", "brown", "black", "white")
SHAPES = ("circle", "square", "heart")

CELL = 128
COLUMNS = 16
CONTENT = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Sprite:
    """One sticker, the same thing in every style.

    Attributes:
        index: its place in sprites.json and in every atlas.
        name: the singular noun, in lower case.
        plural: its plural.
        category: the singular noun of its category.
        color: its colour word where it is a coloured shape.
        hexcode: its Unicode code points.
    """

    index: int
    name: str
    plural: str
    category: str
    color: str | None
    hexcode: str

    @property
    def label(self) -> str:
        """The noun, behind its colour where it has one: what tells it from all other sprites."""
        return self.name if self.color is None else f"{self.color} {self.name}"


@lru_cache(maxsize=1)
def _rows() -> list[dict[str, Any]]:
    return json.loads((ASSETS / "sprites.json").read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def sprites() -> tuple[Sprite, ...]:
    """All sprites, in the order of the atlases."""
    return tuple(
        Sprite(
            index=index,
            name=row["name"],
            plural=row["plural"],
            category=row["category"],
            color=row["color"],
            hexcode=row["hexcode"],
        )
        for index, row in enumerate(_rows())
    )


def nouns() -> tuple[str, ...]:
    """The distinct nouns, in the order of the atlases."""
    return tuple(dict.fromkeys(sprite.name for sprite in sprites()))


def categories() -> dict[str, str]:
    """Every category's singular noun and its plural, in the order of the atlases."""
    return {row["category"]: row["category_plural"] for row in _rows()}


@lru_cache(maxsize=len(STYLES) + 1)
def atlas(style: str) -> np.ndarray:
    """All sprites in one style.

    Args:
        style: one of STYLES, or HELD_OUT_STYLE.

    Returns:
        (sprites, CELL, CELL, 4) uint8 RGBA, premultiplied, read-only.

    Raises:
        ValueError: no such style.
    """
    known = (*STYLES, HELD_OUT_STYLE)
    if style not in known:
        raise ValueError(f"style must be one of {', '.join(known)}, got {style!r}")
    return _frozen(read_cells(ASSETS / f"{style}.webp", side=CELL))


def read_cells(path: Path, *, side: int) -> np.ndarray:
    """The cells of an atlas: (sprites, side, side, 4) uint8 RGBA, premultiplied."""
    with Image.open(path) as image:
        grid = np.asarray(image.convert("RGBA"))
    cells = grid.reshape(len(grid) // side, side, COLUMNS, side, 4).swapaxes(1, 2)
    return premultiply(cells.reshape(-1, side, side, 4)[: len(sprites())])


def premultiply(rgba: np.ndarray) -> np.ndarray:
    """Straight RGBA to premultiplied RGBA, uint8, each colour rounded to nearest."""
    alpha = rgba[..., 3:].astype(np.uint16)
    color = (rgba[..., :3] * alpha + 127) // 255
    return np.concatenate([color.astype(np.uint8), rgba[..., 3:]], axis=-1)


@lru_cache(maxsize=len(STYLES) + 1)
def pyramid(style: str) -> tuple[np.ndarray, ...]:
    """A style's sprites at 128, 64 and 32 pixels a side, so that small stickers do not alias.

    Args:
        style: one of STYLES, or HELD_OUT_STYLE.

    Returns:
        Three premultiplied (sprites, side, side, 4) uint8 arrays, read-only.
    """
    return build_pyramid(atlas(style))


def build_pyramid(cells: np.ndarray, *, levels: int = 3) -> tuple[np.ndarray, ...]:
    """Each level is the one above it averaged over 2 x 2 pixels and rounded to nearest.

    Args:
        cells: premultiplied (sprites, side, side, 4) uint8.
        levels: how many, the given one included.
    """
    result = [cells]
    for _ in range(levels - 1):
        above = result[-1]
        total = above[:, 0::2, 0::2].astype(np.uint16)
        for row, column in ((0, 1), (1, 0), (1, 1)):
            total += above[:, row::2, column::2]
        result.append(_frozen(((total + 2) // 4).astype(np.uint8)))
    return tuple(result)


def tight_box(style: str, index: int) -> tuple[float, float, float, float]:
    """The box around what is more opaque than not.

    Args:
        style: one of STYLES, or HELD_OUT_STYLE.
        index: a sprite's index.

    Returns:
        Left, top, right and bottom in fractions of the cell.
    """
    return box_of(atlas(style)[index])


def box_of(cell: np.ndarray) -> tuple[float, float, float, float]:
    """The box around a cell's pixels with alpha of 128 and more, in fractions of the cell.

    Raises:
        ValueError: no such pixel.
    """
    opaque = cell[..., 3] >= 128
    if not opaque.any():
        raise ValueError("a sprite must have pixels more opaque than not, got none")
    rows, columns = np.flatnonzero(opaque.any(1)), np.flatnonzero(opaque.any(0))
    height, width = opaque.shape
    return (
        float(columns[0]) / width,
        float(rows[0]) / height,
        float(columns[-1] + 1) / width,
        float(rows[-1] + 1) / height,
    )


def fit_to_cell(image: Image.Image) -> np.ndarray:
    """Centre a picture's visible part in a cell, scaled so that its longer side is CONTENT pixels.

    Args:
        image: any size and mode; what is transparent around it is cut away first.

    Returns:
        (CELL, CELL, 4) uint8 RGBA, straight (not premultiplied).

    Raises:
        ValueError: nothing in the picture is visible.
    """
    if image.mode.startswith("I"):
        # Pillow clips 16-bit greys on conversion instead of scaling them.
        image = Image.fromarray((np.asarray(image) // 257).astype(np.uint8))
    image = image.convert("RGBA")
    box = image.getchannel("A").getbbox()
    if box is None:
        raise ValueError("a sprite must show something, got a picture without a visible pixel")
    content = image.crop(box)
    scale = CONTENT / max(content.size)
    size = (max(1, round(content.width * scale)), max(1, round(content.height * scale)))
    content = content.resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC)
    cell = Image.new("RGBA", (CELL, CELL))
    cell.paste(content, ((CELL - size[0]) // 2, (CELL - size[1]) // 2))
    return np.asarray(cell)


@dataclass(frozen=True, slots=True, kw_only=True)
class IconFolder:
    """A user's own icons, in the shape of a shipped style.

    Attributes:
        present: the sprites that have an icon, in the order of the atlases.
        cells: (sprites, CELL, CELL, 4) uint8 RGBA, premultiplied, read-only, as from atlas(); what
            is not present is transparent. build_pyramid(cells) gives what pyramid() gives.
        boxes: the box around each icon's ink, by index of its sprite, as from tight_box().
        unknown: names of the files that fit no noun.
    """

    present: tuple[Sprite, ...]
    cells: np.ndarray
    boxes: dict[int, tuple[float, float, float, float]]
    unknown: tuple[str, ...]


def atlas_from_folder(folder: str | Path) -> IconFolder:
    """Read a user's own icons: one PNG a noun, named like it ("cat.png", "red_heart.png").

    Args:
        folder: where the PNG files lie; spaces, underscores and case in names do not matter.

    Returns:
        The icons that fit a noun, and the names of the files that fit none.

    Raises:
        ValueError: no file fits a noun, two fit the same one, or one that does is not a readable,
            visible picture.
    """
    folder = Path(folder)
    sprite_of = {sprite.label: sprite for sprite in sprites()}
    found: dict[Sprite, Path] = {}
    unknown: list[str] = []
    for path in _pngs(folder):
        sprite = sprite_of.get(path.stem.replace("_", " ").strip().lower())
        if sprite is None:
            unknown.append(path.name)
        elif sprite in found:
            both = f"{found[sprite].name} and {path.name}"
            raise ValueError(f"expected one PNG for {sprite.label!r}, got {both}")
        else:
            found[sprite] = path
    if not found:
        raise ValueError(
            f"{folder} must hold PNG files named like nouns, such as cat.png or red_heart.png, "
            f"got {', '.join(unknown[:5]) or 'no PNG file'}"
        )
    cells = np.zeros((len(sprites()), CELL, CELL, 4), np.uint8)
    for sprite, path in found.items():
        cells[sprite.index] = premultiply(_read_cell(path))
    present = tuple(sprite for sprite in sprites() if sprite in found)
    boxes = {sprite.index: box_of(cells[sprite.index]) for sprite in present}
    return IconFolder(present=present, cells=_frozen(cells), boxes=boxes, unknown=tuple(unknown))


def _pngs(folder: Path) -> Iterable[Path]:
    if not folder.is_dir():
        raise ValueError(f"expected a folder of PNG files, got {folder}")
    return sorted(path for path in folder.iterdir() if path.suffix.lower() == ".png")


def _read_cell(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as image:
            return fit_to_cell(image)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path.name} must be a readable picture: {error}") from error


def _frozen(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array
