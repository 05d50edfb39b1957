"""Heat over a picture: veiled where there is none, tinted where there is."""

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from vilt_core.viz.palette import ramp

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


def veil(
    heatmap: Float[np.ndarray, "rows columns"], *, top: float | None = None
) -> UInt8[np.ndarray, "rows columns 4"]:
    """What :func:`blend` lays over a picture, a pixel a patch, straight RGBA.

    Args:
        heatmap: mass of each patch, not negative.
        top: the mass that is drawn hottest; the largest of the heatmap by default.
    """
    top = float(heatmap.max()) if top is None else top
    level = np.clip(heatmap / max(top, 1e-12), 0, 1)[..., None]
    dark, heat = _VEIL_SHARE * (1 - level), _HEAT_SHARE * level
    alpha = 1 - (1 - heat) * (1 - dark)
    color = ((1 - heat) * dark * _VEIL + heat * ramp(level[..., 0])) / alpha
    return np.concatenate([color, 255 * alpha], axis=-1).round().astype(np.uint8)
