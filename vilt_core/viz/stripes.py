"""Numbers as small pictures without a ground, so that they lie on a page by day and by night."""

import base64
import io

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from vilt_core.viz.palette import IMAGE, TEXT, rgb


def stripes(values: Float[np.ndarray, " d"]) -> UInt8[np.ndarray, "1 d 4"]:
    """Numbers in [-1, 1] as colours: orange above 0, blue below, as strong as they are far from it.

    Numbers outside are clipped.
    """
    level = np.clip(values, -1, 1)
    pixels = np.empty((1, len(values), 4), np.uint8)
    pixels[0, :, :3] = np.where(level[:, None] >= 0, rgb(IMAGE), rgb(TEXT))
    pixels[0, :, 3] = (255 * np.abs(level)).round()
    return pixels


def tints(
    levels: Float[np.ndarray, "rows columns"], color: str
) -> UInt8[np.ndarray, "rows columns 4"]:
    """Numbers in [0, 1] as one colour, as strong as they are large; numbers outside are clipped."""
    pixels = np.empty((*levels.shape, 4), np.uint8)
    pixels[..., :3] = rgb(color)
    pixels[..., 3] = (255 * np.clip(levels, 0, 1)).round()
    return pixels


def png_url(pixels: UInt8[np.ndarray, "rows columns _channels"]) -> str:
    """A PNG inside a URL."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
