"""A word's mass over the picture, the figure 4 of the paper: dark where the word does not look."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from vilt_core.viz.blend import Box, blend
from vilt_core.viz.palette import RIGHT


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
