"""From a scene to pixels, and to the truth about every pixel.

Two renderers draw the same picture: ``paint`` draws one scene on the CPU, ``paint_batch`` draws a
batch of scenes in torch on any device. They agree within 2/255 (tests/world/test_rendering.py).

Stickers are premultiplied RGBA, sampled bilinearly from the pyramid level that is at least as large
as the sticker on the canvas, and laid over one another in painting order.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int8, UInt8
from PIL import Image
from torch import Tensor

from vilt_core.world.retouching import Retouch
from vilt_core.world.scenes import BACKGROUNDS, TEXTURES, Scene, SceneObject
from vilt_core.world.sprites import HELD_OUT_STYLE, STYLES, pyramid

LEVELS = (128, 64, 32)  # sides of the pyramid's levels, pixels
MAX_OBJECTS = 6
_SHADE = 14  # how much darker a texture's second tone is, of 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Painting:
    """A rendered scene and the owner of every pixel."""

    pixels: UInt8[np.ndarray, "height width 3"]
    owner: Int8[np.ndarray, "height width"]  # index of the topmost object, -1 for the background


def paint(
    scene: Scene,
    size: int = 128,
    *,
    icons: Mapping[str, Sequence[np.ndarray]] | None = None,
    retouches: Sequence[Retouch] | None = None,
) -> Painting:
    """Draw one scene.

    Args:
        scene: what to draw.
        size: side of the picture in pixels.
        icons: pyramids to draw with instead of the shipped ones, by the name of the style that
            they replace, as ``sprites.build_pyramid`` makes them.
        retouches: what happens to each sticker on its way onto the canvas.

    Raises:
        ValueError: a size under 8 pixels.
    """
    if size < 8:
        raise ValueError(f"size must be at least 8 pixels, got {size}")
    pixels = _background(scene, size)
    owner = np.full((size, size), -1, dtype=np.int8)
    for index, thing in enumerate(scene.objects):
        _lay(pixels, owner, thing, index, size, icons, retouches[index] if retouches else None)
    return Painting(pixels=pixels, owner=owner)


def visible_shares(painting: Painting, grid: int) -> Float[np.ndarray, "objects_and_1 n"]:
    """How much of each patch every object covers, the background last; columns sum to 1.

    Pixels beyond the last whole patch are left out.

    Raises:
        ValueError: a grid finer than the pixels.
    """
    size = len(painting.owner)
    if not 1 <= grid <= size:
        raise ValueError(f"grid must be between 1 and {size} patches a side, got {grid}")
    side = size // grid
    rows = np.arange(grid * side) // side
    patch = rows[:, None] * grid + rows[None, :]
    kinds = MAX_OBJECTS + 1
    owner = painting.owner[: grid * side, : grid * side]
    code = patch * kinds + np.where(owner < 0, MAX_OBJECTS, owner)
    counts = np.bincount(code.ravel(), minlength=grid * grid * kinds)
    return counts.reshape(grid * grid, kinds).T / (side * side)


def _wave(seed: float) -> tuple[float, float, float]:
    """(cos, sin, pitch) of a texture's direction and scale."""
    turn = 2 * math.pi * seed
    return math.cos(turn), math.sin(turn), 5 + 5 * (seed * 7 % 1)


def _texture(texture: str, seed: float, size: int) -> UInt8[np.ndarray, "size size"]:
    """The second tone's share of every pixel, 0 to 255. In float64: thresholds bear no rounding."""
    if texture == "plain":
        return np.zeros((size, size), dtype=np.uint8)
    span = (np.arange(size) + 0.5) / size
    cos, sin, pitch = _wave(seed)
    across = cos * span[None, :] + sin * span[:, None]
    if texture == "gradient":
        return ((across * 0.35 + 0.5) * 255).astype(np.uint8)
    if texture == "stripes":
        return ((across * pitch) % 1 < 0.5).astype(np.uint8) * 255
    column, row = (span * pitch + seed) % 1 - 0.5, (span * pitch + 2 * seed) % 1 - 0.5
    if texture == "dots":
        return (column[None, :] ** 2 + row[:, None] ** 2 < 0.06).astype(np.uint8) * 255
    return ((column[None, :] < 0) ^ (row[:, None] < 0)).astype(np.uint8) * 255


@lru_cache(maxsize=len(BACKGROUNDS))
def _tones(background: str) -> UInt8[np.ndarray, "256 3"]:
    share = np.arange(256)[:, None] / 255
    return (np.array(BACKGROUNDS[background])[None] - _SHADE * share).round().astype(np.uint8)


def _background(scene: Scene, size: int) -> UInt8[np.ndarray, "size size 3"]:
    return _tones(scene.background)[_texture(scene.texture, scene.texture_seed, size)]


def _level(thing: SceneObject, size: int) -> int:
    """The smallest pyramid level that is no smaller than the sticker on the canvas."""
    wanted = thing.size * size
    return max((i for i, side in enumerate(LEVELS) if side >= wanted), default=0)


def _inverse(
    thing: SceneObject, size: int, warp: Float[np.ndarray, "2 2"] | None = None
) -> tuple[float, float, float, float, float, float]:
    """(a, b, c, d, e, f) with source = (a x + b y + c, d x + e y + f).

    (x, y) are pixels of the canvas, the source is in fractions of the cell.
    """
    turn = math.radians(thing.angle)
    flip = -1.0 if thing.mirrored else 1.0
    cos, sin = math.cos(turn) / thing.size, math.sin(turn) / thing.size
    a, b = flip * cos, -flip * sin
    d, e = sin, cos
    if warp is not None:
        (a, b), (d, e) = (warp @ np.array([[a, b], [d, e]])).tolist()
    c = 0.5 - a * thing.x - b * thing.y
    f = 0.5 - d * thing.x - e * thing.y
    return a / size, b / size, c, d / size, e / size, f


@lru_cache(maxsize=4096)
def _cell(style: str, level: int, index: int) -> Image.Image:
    # CMYK is Pillow's plain mode of four bytes: RGBA would be premultiplied a second time.
    return Image.fromarray(np.ascontiguousarray(pyramid(style)[level][index]), mode="CMYK")


def _lay(
    pixels, owner, thing: SceneObject, index: int, size: int, icons, retouch: Retouch | None
) -> None:
    level = _level(thing, size)
    if icons is not None and thing.style in icons:
        cell = Image.fromarray(icons[thing.style][level][thing.sprite.index], mode="CMYK")
    else:
        cell = _cell(thing.style, level, thing.sprite.index)
    reach = 0.5 * thing.size * _reach(thing.angle)
    if retouch is not None:
        reach *= np.linalg.norm(np.linalg.inv(retouch.warp), 2)
    left, top = (max(int((at - reach) * size), 0) for at in (thing.x, thing.y))
    right, bottom = (min(math.ceil((at + reach) * size), size) for at in (thing.x, thing.y))
    a, b, c, d, e, f = _inverse(thing, size, None if retouch is None else retouch.warp)
    side = LEVELS[level]
    c, f = c + a * left + b * top, f + d * left + e * top
    layer = np.asarray(
        cell.transform(
            (right - left, bottom - top),
            Image.Transform.AFFINE,
            (a * side, b * side, c * side, d * side, e * side, f * side),
            Image.Resampling.BILINEAR,
        )
    )
    alpha = layer[..., 3]
    if retouch is not None:
        colored = layer[..., :3] @ retouch.colors.T.astype(np.float32)
        layer = np.minimum(colored.clip(0, 255), alpha[..., None]).astype(np.uint8)
    place = pixels[top:bottom, left:right]
    # Exact rounding division by 255, in 16 bits.
    under = place * (255 - alpha.astype(np.uint16))[..., None] + 128
    place[:] = layer[..., :3] + ((under + (under >> 8)) >> 8).astype(np.uint8)
    owner[top:bottom, left:right][alpha > 127] = index


def _reach(angle: float) -> float:
    """Half the diagonal extent of a turned unit square, over a half."""
    turn = math.radians(angle)
    return abs(math.cos(turn)) + abs(math.sin(turn))


@lru_cache(maxsize=4)
def _device_atlas(device: str) -> tuple[UInt8[Tensor, "cells 4 side side"], ...]:
    styles = (*STYLES, HELD_OUT_STYLE)
    return tuple(
        torch.from_numpy(np.concatenate([pyramid(s)[level] for s in styles]))
        .permute(0, 3, 1, 2)
        .contiguous()
        .to(device)
        for level in range(len(LEVELS))
    )


def paint_batch(
    scenes: Sequence[Scene], size: int = 128, *, device: str = "cpu"
) -> UInt8[Tensor, "b 3 size size"]:
    """Draw a batch of scenes in torch, on any device: ``paint``'s pictures within 2/255."""
    atlas = _device_atlas(device)
    styles = {name: place for place, name in enumerate((*STYLES, HELD_OUT_STYLE))}
    sprites = len(atlas[0]) // len(styles)
    tones = torch.from_numpy(np.stack([_tones(s.background) for s in scenes])).to(device)
    texture = _textures(scenes, size, device)
    canvas = torch.gather(tones, 1, texture.reshape(len(scenes), -1, 1).expand(-1, -1, 3).long())
    canvas = canvas.reshape(len(scenes), size, size, 3).permute(0, 3, 1, 2).float()
    for order in range(max((len(s.objects) for s in scenes), default=0)):
        things = [(i, s.objects[order]) for i, s in enumerate(scenes) if len(s.objects) > order]
        for level in range(len(LEVELS)):
            here = [(i, o) for i, o in things if _level(o, size) == level]
            if not here:
                continue
            rows = torch.tensor([i for i, _ in here], device=device)
            cells = torch.tensor(
                [styles[o.style] * sprites + o.sprite.index for _, o in here], device=device
            )
            maps = torch.tensor([_inverse(o, size) for _, o in here], device=device)
            layer = _sample(atlas[level][cells], maps, size)
            under = (canvas[rows] * (255 - layer[:, 3:]) / 255).round()
            canvas[rows] = layer[:, :3] + under
    return canvas.clamp_(0, 255).to(torch.uint8)


def _sample(
    cells: UInt8[Tensor, "b 4 side side"], maps: Float[Tensor, "b 6"], size: int
) -> Float[Tensor, "b 4 size size"]:
    """Bilinear samples of each cell over the whole canvas, cut to whole bytes as Pillow does."""
    steps = torch.arange(size, device=cells.device, dtype=torch.float32) + 0.5
    a, b, c, d, e, f = (maps[:, i, None, None] for i in range(6))
    x = a * steps[None, None, :] + b * steps[None, :, None] + c
    y = d * steps[None, None, :] + e * steps[None, :, None] + f
    grid = torch.stack((x, y), dim=-1) * 2 - 1
    layer = torch.nn.functional.grid_sample(
        cells.float(), grid, mode="bilinear", padding_mode="zeros", align_corners=False
    )
    return layer.floor()


def _textures(scenes: Sequence[Scene], size: int, device: str) -> UInt8[Tensor, "b size size"]:
    """``_texture`` for a batch: every texture is evaluated everywhere and the right one is kept."""
    waves = [(s.texture_seed, *_wave(s.texture_seed)) for s in scenes]
    numbers = torch.tensor(waves, dtype=torch.float64, device=device)
    seed, cos, sin, pitch = (numbers[:, i, None, None] for i in range(4))
    kind = torch.tensor([TEXTURES.index(s.texture) for s in scenes], device=device)
    span = (torch.arange(size, dtype=torch.float64, device=device) + 0.5) / size
    across = cos * span[None, None, :] + sin * span[None, :, None]
    gradient = ((across * 0.35 + 0.5) * 255).floor()
    stripes = ((across * pitch) % 1 < 0.5) * 255.0
    column = (span[None, None, :] * pitch + seed) % 1 - 0.5
    row = (span[None, :, None] * pitch + 2 * seed) % 1 - 0.5
    dots = (column**2 + row**2 < 0.06) * 255.0
    checks = ((column < 0) ^ (row < 0)) * 255.0
    choices = torch.stack((torch.zeros_like(gradient), gradient, stripes, dots, checks))
    picked = torch.gather(choices, 0, kind[None, :, None, None].expand(1, *gradient.shape))[0]
    return picked.to(torch.uint8)
