"""What becomes of a picture before a model sees it: the steps of the Pixels tab, with true counts.

All of it is done by the library's own functions; torch is imported on first use.
"""

import hashlib
import io
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from app import services

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from PIL.Image import Image

    from vilt_core.data.image import Processing
    from vilt_core.predictor import Predictor
    from vilt_core.types import PatchEmbeddings

B32 = "ViLT-B/32"
_ORIENTATION = 0x0112  # EXIF
_DRAWN = 8  # width of the vectors that only tell where patches lie
_SMALL = 300  # pixels of the longer side of a small picture
_KEPT = 8  # pictures that were prepared, the last ones


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Geometry:
    """How a model takes a picture.

    Attributes:
        name: of the model.
        processing: sizes of pictures and patches.
        grid: side of the learned position table, in patches.
        limit: patches kept while training.
        table: of positions, (grid, grid, width).
        learned: whether it is a trained one.
    """

    name: str
    processing: "Processing"
    grid: int
    limit: int
    table: np.ndarray
    learned: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Small:
    """A picture as it is shown.

    Attributes:
        pixels: of it in small.
        size: its own width and height.
    """

    pixels: np.ndarray
    size: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """A picture on its way.

    Attributes:
        kind: of the file, "JPEG".
        mode: of its pixels, "CMYK".
        stored: width and height as they lie in the file.
        moves: whether it has several frames. How many takes minutes to count in a hostile file.
        orientation: of EXIF, 1 where there is none.
        careless: as a reader finds it that looks at pixels alone; None where it fails.
        upright: in 8-bit RGB, upright.
        same: whether the two do not differ.
        ideal: width and height before they are cut to whole patches.
        seen: the picture as the model sees it.
        grid: rows and columns of patches.
    """

    kind: str
    mode: str
    stored: tuple[int, int]
    moves: bool
    orientation: int
    careless: Small | None
    upright: Small
    same: bool
    ideal: tuple[int, int]
    seen: "Image"
    grid: tuple[int, int]

    @property
    def patches(self) -> int:
        """How many there are."""
        return self.grid[0] * self.grid[1]


def names() -> list[str]:
    """The models whose geometry can be looked at: the one at hand, and the published one."""
    return list(dict.fromkeys((services.LIBRARY.first, B32)))


def geometry(name: str) -> Geometry:
    """How a model takes a picture. Loads no weights that have to be fetched.

    Raises:
        ValueError: no such model, or it is damaged.
    """
    at_hand = services.LIBRARY.model(name).at_once
    if at_hand or services.LIBRARY.state(name, "answer").kind == "ready":
        return _of_model(services.predictor(name), name)
    return _published()


@lru_cache(maxsize=2)
def _of_model(predictor: "Predictor", name: str) -> Geometry:
    from vilt_core.models.vilt import Vilt

    if not isinstance(predictor.model, Vilt):
        raise ValueError(f"{name} is no ViLT, and takes a picture in another way")
    config, table = predictor.model.config, predictor.model.patch_embedding.positions.table
    return Geometry(
        name=name,
        processing=predictor.processing,
        grid=config.grid,
        limit=config.max_patches,
        table=table.detach().float().cpu().numpy(),
        learned=True,
    )


@lru_cache(maxsize=1)
def _published() -> Geometry:
    import torch

    from vilt_core.config import vilt_b32
    from vilt_core.data.image import Processing

    config = vilt_b32()
    drawn = torch.randn(config.grid, config.grid, 64, generator=torch.Generator().manual_seed(0))
    return Geometry(
        name=B32,
        processing=Processing(size=config.image_size, patch_size=config.patch_size),
        grid=config.grid,
        limit=config.max_patches,
        table=drawn.numpy(),
        learned=False,
    )


_prepared: OrderedDict[tuple[bytes, Geometry], Prepared] = OrderedDict()  # by a file's digest


def prepare(file: bytes, found: Geometry) -> Prepared:
    """Open, turn, convert, resize and cut a picture; the last ones are kept, as small as shown.

    Raises:
        ValueError: one sentence on what is wrong with the file.
    """
    key = hashlib.sha256(file).digest(), found
    one = _prepared.get(key) or _prepare(file, found)
    _prepared[key] = one
    while len(_prepared) > _KEPT:
        _prepared.popitem(last=False)
    return one


def _prepare(file: bytes, found: Geometry) -> Prepared:
    from PIL import Image

    from vilt_core.data.image import FORMATS, fitted_size, open_image, resize

    upright = open_image(file)
    size, p = found.processing.size, found.processing.patch_size
    seen = resize(upright, size=size, patch_size=p)
    with Image.open(io.BytesIO(file), formats=FORMATS) as stored:
        moves, careless = getattr(stored, "is_animated", False), _careless(stored)
        return Prepared(
            kind=stored.format or "",
            mode=stored.mode,
            stored=stored.size,
            moves=moves,
            orientation=stored.getexif().get(_ORIENTATION, 1),
            careless=None if careless is None else _small(careless),
            upright=_small(upright),
            same=careless is not None and _same(careless, upright),
            ideal=fitted_size(*upright.size, size=size, patch_size=1),
            seen=seen,
            grid=(seen.height // p, seen.width // p),
        )


def _careless(stored: "Image") -> "Image | None":
    try:
        return stored.convert("RGB")
    except (ValueError, OSError):
        return None


def _same(one: "Image", other: "Image") -> bool:
    from PIL import ImageChops

    return one.size == other.size and ImageChops.difference(one, other).getbbox() is None


def _small(picture: "Image") -> Small:
    from PIL import Image

    small = picture.copy()
    small.thumbnail((_SMALL, _SMALL), Image.Resampling.LANCZOS)
    return Small(pixels=np.asarray(small), size=picture.size)


# Patches.


def embedded(pictures: list["Image"], found: Geometry) -> tuple["PatchEmbeddings", np.ndarray]:
    """Pictures padded to one canvas and cut: their patches, and the canvas as it is read.

    Where patches lie does not depend on weights: those of the projection are random.

    Returns:
        The patches; and pixels, (b, height, width, 3) uint8, padding being 0 before it is shown.
    """
    import torch

    from vilt_core.data.image import stack, to_pixels
    from vilt_core.layers.patches import PatchEmbedding

    processing = found.processing
    settings = {
        "size": processing.size,
        "patch_size": processing.patch_size,
        "mean": processing.mean,
        "std": processing.std,
    }
    batch = stack([to_pixels(picture, **settings) for picture in pictures])
    cut = PatchEmbedding(_DRAWN, patch_size=processing.patch_size, grid=found.grid).eval()
    with torch.inference_mode():
        patches = cut(batch.pixels, mask=batch.mask)
        mean, std = (
            torch.tensor(level)[:, None, None] for level in (processing.mean, processing.std)
        )
        shown = ((batch.pixels * std + mean) * 255).round().clamp(0, 255).byte()
    return patches, shown.permute(0, 2, 3, 1).contiguous().numpy()


def cells_of(patches: "PatchEmbeddings", row: int) -> set[int]:
    """The cells of the canvas, row after row, where a picture has a real patch."""
    columns = patches.grid[1]
    places = patches.positions[row][patches.mask[row]].tolist()
    return {down * columns + across for down, across in places}


def dropped(one: Prepared, found: Geometry, *, limit: int, seed: int) -> set[int]:
    """The patches that a training step would not see.

    Args:
        one: the picture.
        found: how the model takes it.
        limit: patches that are kept.
        seed: of the chance.
    """
    import torch

    from vilt_core.layers.patches import sample_patches

    patches, _ = embedded([one.seen], found)
    generator = torch.Generator().manual_seed(seed)
    kept = sample_patches(patches, limit=limit, generator=generator)
    return cells_of(patches, 0) - cells_of(kept, 0)


# The position table.


def stretched(found: Geometry, grid: tuple[int, int], number: int) -> np.ndarray:
    """One number of every vector of the table, resized to a grid: (rows, columns)."""
    import torch

    from vilt_core.layers.positions import resize_grid

    table = torch.from_numpy(found.table[..., number : number + 1])
    return resize_grid(table, rows=grid[0], columns=grid[1])[..., 0].numpy()


def reads(found: Geometry, grid: tuple[int, int]) -> np.ndarray:
    """Where each cell of a grid reads in the learned table: (points, 2), in its cells."""
    import torch

    from vilt_core.layers.positions import hat_weights

    cells = torch.arange(found.grid, dtype=torch.float32)
    rows, columns = (
        hat_weights(torch.tensor([length]), side=found.grid, longest=length)[0] @ cells
        for length in grid
    )
    return torch.cartesian_prod(rows, columns).numpy()


def table_figures(
    found: Geometry, grid: tuple[int, int], number: int
) -> tuple["go.Figure", "go.Figure"]:
    """The learned table with the points that are read, and what came of them."""
    from vilt_core.viz.positions import table_map

    before, after = found.table[..., number], stretched(found, grid, number)
    top = float(np.abs(before).max()) or 1.0
    side, scale = found.grid, f"full colour: ±{top:.2g}"
    learned = f"as learned: {side} x {side}; {scale}"
    here = f"for this picture: {grid[0]} x {grid[1]}; {scale}"
    return (
        table_map(before, title=learned, top=top, reads=reads(found, grid)),
        table_map(after, title=here, top=top),
    )
