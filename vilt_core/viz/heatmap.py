"""A word's mass over the picture, the figure 4 of the paper: dark where the word does not look."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from vilt_core.viz.palette import RIGHT, ramp

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in fractions of the picture's sides

_VEIL = np.array([14.0, 17.0, 24.0])
_VEIL_SHARE, _HEAT_SHARE = 0.58, 0.45  # opacity where there is no mass, and where there is the most


def blend(
    pixels: UInt8[np.ndarray, "height width 3"],
    heatmap: Float[np.ndarray, "rows columns"],
    *,
    smooth: bool = True,
    top: float | None = None,
) -> UInt8[np.ndarray, "height width 3"]:
    """The picture under its heat: veiled where there is no mass, tinted where there is.

    Args:
        pixels: the picture.
        heatmap: mass of each patch, not negative; the patches tile the picture.
        smooth: interpolate between the patches' centres; otherwise every patch is one flat square.
        top: the mass that is drawn hottest; the largest of the heatmap by default.
    """
    height, width, _ = pixels.shape
    top = float(heatmap.max()) if top is None else top
    level = np.clip(heatmap / max(top, 1e-12), 0, 1).astype(np.float32)
    how = Image.Resampling.BILINEAR if smooth else Image.Resampling.NEAREST
    level = np.asarray(Image.fromarray(level).resize((width, height), how), dtype=float)[..., None]
    veil = _VEIL_SHARE * (1 - level)
    heat = _HEAT_SHARE * level
    mixed = (1 - veil) * pixels + veil * _VEIL
    return ((1 - heat) * mixed + heat * ramp(level[..., 0])).round().astype(np.uint8)


def layer(
    heatmap: Float[np.ndarray, "rows columns"], *, top: float | None = None
) -> UInt8[np.ndarray, "rows columns 4"]:
    """What ``blend`` lays over a picture, alone: one RGBA pixel a patch, for a browser to enlarge.

    Args:
        heatmap: mass of each patch, not negative.
        top: the mass that is drawn hottest; the largest of the heatmap by default.
    """
    top = float(heatmap.max()) if top is None else top
    level = np.clip(heatmap / max(top, 1e-12), 0, 1)[..., None]
    veil, heat = _VEIL_SHARE * (1 - level), _HEAT_SHARE * level
    opacity = 1 - (1 - veil) * (1 - heat)
    color = ((1 - heat) * veil * _VEIL + heat * ramp(level[..., 0])) / opacity
    return np.concatenate([color, 255 * opacity], axis=-1).round().astype(np.uint8)


def overlay(
    pixels: UInt8[np.ndarray, "height width 3"],
    heatmap: Float[np.ndarray, "rows columns"],
    *,
    title: str = "",
    smooth: bool = True,
    grid: bool = False,
    boxes: Sequence[Box] = (),
    top: float | None = None,
) -> Figure:
    """A figure of :func:`blend`, with the patch grid and true boxes where asked for."""
    height, width, _ = pixels.shape
    figure = Figure(figsize=(4, 4 * height / width + 0.3 * bool(title)), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(blend(pixels, heatmap, smooth=smooth, top=top), extent=(0, width, height, 0))
    axes.set_axis_off()
    if title:
        axes.set_title(title, fontsize=11)
    if grid:
        rows, columns = heatmap.shape
        axes.hlines(np.arange(1, rows) * height / rows, 0, width, color="white", lw=0.4, alpha=0.5)
        axes.vlines(
            np.arange(1, columns) * width / columns, 0, height, color="white", lw=0.4, alpha=0.5
        )
    for x0, y0, x1, y1 in boxes:
        corner, across, down = (x0 * width, y0 * height), (x1 - x0) * width, (y1 - y0) * height
        axes.add_patch(Rectangle(corner, across, down, fill=False, edgecolor=RIGHT, lw=2))
    return figure
