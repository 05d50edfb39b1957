"""Colours with a meaning, the same in every figure: the text's side is blue, the image's orange."""

import numpy as np
from jaxtyping import Float, UInt8

TEXT = "#2f62d9"
IMAGE = "#e8590c"
IMAGE_DEEP = "#b34206"  # the image's, where white words stand on it
BOTH = "#8a5bd6"  # where the two meet
PLAIN = "#7b8494"
RIGHT = "#15803d"
WRONG = "#c02626"
# Lines of one chart that mean neither side; readable on light and on dark paper.
SERIES = ("#e8590c", "#2f7de0", "#8a5bd6", "#12978b", "#c9368b", "#a8830b", "#6b7f2a")

# Stops of the heat ramps, low to high: on light paper heat grows darker, on dark paper brighter.
ON_LIGHT = ("#fff1e3", "#fdb777", "#f2701d", "#b3300f", "#571208")
ON_DARK = ("#2a1a18", "#8c2f12", "#e8590c", "#ff9f43", "#ffe08a")


def rgb(color: str) -> tuple[int, int, int]:
    """The three bytes of "#rrggbb"."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def ramp(
    values: Float[np.ndarray, "*shape"], stops: tuple[str, ...] = ON_DARK
) -> UInt8[np.ndarray, "*shape 3"]:
    """Values in [0, 1] as colours, linear between the stops; values outside are clipped."""
    at = np.clip(values, 0, 1) * (len(stops) - 1)
    table = np.array([rgb(stop) for stop in stops], dtype=float)
    channels = [np.interp(at, np.arange(len(stops)), table[:, c]) for c in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def scale(stops: tuple[str, ...] = ON_LIGHT) -> list[tuple[float, str]]:
    """The same ramp as plotly wants it."""
    return [(place / (len(stops) - 1), stop) for place, stop in enumerate(stops)]
