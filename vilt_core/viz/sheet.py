"""Pictures side by side, each with its title."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure


def sheet(
    pictures: Sequence[UInt8[np.ndarray, "_height _width 3"]],
    *,
    titles: Sequence[str],
    columns: int = 4,
    size: float = 2.6,
) -> Figure:
    """A figure of pictures row after row.

    Args:
        pictures: of any sizes.
        titles: one for each of them.
        columns: at most so many beside each other.
        size: of one picture's side, inches.

    Raises:
        ValueError: no picture, or titles that do not fit.
    """
    if not pictures or len(titles) != len(pictures):
        raise ValueError(f"expected a title a picture, got {len(titles)} for {len(pictures)}")
    across = min(columns, len(pictures))
    down = math.ceil(len(pictures) / across)
    figure = Figure(figsize=(size * across, (size + 0.3) * down), layout="constrained")
    for place, (picture, title) in enumerate(zip(pictures, titles, strict=True), start=1):
        axes = figure.add_subplot(down, across, place)
        axes.imshow(picture)
        axes.set_axis_off()
        axes.set_title(title, fontsize=10)
    return figure
