"""A picture cut into its patches, and a sentence cut into its pieces: HTML that can be touched.

Every patch and every piece carries its number in ``data-place``: a page decides what a click does.
"""

from collections.abc import Collection, Mapping, Sequence
from html import escape

import numpy as np
from jaxtyping import Float, UInt8

from vilt_core.viz.blend import Box, blend
from vilt_core.viz.palette import IMAGE, RIGHT, TEXT
from vilt_core.viz.stepper import data_url
from vilt_core.viz.stripes import png_url

_SIDE = 448  # pixels of a picture on the page
_ZOOM = 8  # screen pixels a pixel of one patch, at least
_STYLE = """
.vc-cut { display: block; width: 100%; height: auto; max-height: 380px; border-radius: 10px; }
.vc-cut [data-place] { fill: transparent; cursor: pointer; }
.vc-cut [data-place]:hover { fill: rgb(255 255 255 / .28); }
.vc-cut path { stroke: #fff; stroke-opacity: .7; stroke-width: 1; fill: none;
  vector-effect: non-scaling-stroke; }
.vc-cut .vc-faded { fill: rgb(14 17 24 / .8); }
.vc-cut .vc-chosen { fill: none; stroke: #fff; stroke-width: 5; vector-effect: non-scaling-stroke; }
.vc-cut .vc-chosen + .vc-chosen { stroke: var(--orange); stroke-width: 3; }
.vc-cut .vc-box { fill: none; stroke: var(--green); stroke-width: 2.5; stroke-dasharray: 6 4;
  vector-effect: non-scaling-stroke; }
.vc-cut text { font: 700 1px Arial, sans-serif; fill: #fff; paint-order: stroke;
  stroke: rgb(14 17 24 / .85); stroke-width: .16px; text-anchor: middle; pointer-events: none; }
.vc-pieces { display: flex; flex-wrap: wrap; gap: 6px; }
.vc-pieces button[data-place] { font: inherit; font-size: .92rem; color: inherit; padding: 5px 11px;
  border-radius: 9px; cursor: pointer; border: 1.5px solid transparent;
  background: color-mix(in srgb, var(--blue) 15%, transparent); }
.vc-pieces button[data-place][aria-pressed="true"] { border-color: var(--blue); }
.vc-pieces button:focus-visible { outline: 2px solid var(--blue); outline-offset: 2px; }
.vc-pieces small { display: block; opacity: .7; font-size: .72rem;
  font-variant-numeric: tabular-nums; }
.vc-pieces button[data-place].vc-special {
  background: color-mix(in srgb, currentColor 9%, transparent); }
"""
_NAMES = (
    f"--orange:var(--lab-image, {IMAGE});--blue:var(--lab-text, {TEXT});"
    f"--green:var(--lab-right, {RIGHT})"
)


def cut_picture(
    pixels: UInt8[np.ndarray, "height width 3"],
    grid: tuple[int, int],
    *,
    says: str,
    chosen: int | None = None,
    heat: Float[np.ndarray, "rows columns"] | None = None,
    top: float | None = None,
    faded: Collection[int] = (),
    letters: Mapping[int, str] | None = None,
    boxes: Sequence[Box] = (),
    lines: bool = True,
) -> str:
    """The picture under the lines between its patches.

    Args:
        pixels: the picture, which the patches tile.
        grid: rows and columns of patches.
        says: what is to be seen, for those who cannot see it.
        chosen: the patch with a frame, counted row after row.
        heat: of each patch, not negative: hot ones are tinted and cold ones veiled.
        top: the heat drawn hottest; the largest by default.
        faded: patches that do not count.
        letters: names of patches.
        boxes: true places.
        lines: whether the lines between patches are drawn.
    """
    height, width, _ = pixels.shape
    rows, columns = grid
    down, across = height / rows, width / columns

    def cell(place: int, kind: str) -> str:
        row, column = divmod(place, columns)
        return (
            f'<rect {kind} x="{_n(column * across)}" y="{_n(row * down)}" '
            f'width="{_n(across)}" height="{_n(down)}"/>'
        )

    marks = []
    if lines:
        cuts = [f"M0 {_n(down * row)}H{width}" for row in range(1, rows)]
        cuts += [f"M{_n(across * column)} 0V{height}" for column in range(1, columns)]
        marks.append(f'<path d="{"".join(cuts)}"/>')
    marks += [cell(place, 'class="vc-faded"') for place in sorted(faded)]
    marks += [_box(box, width=width, height=height) for box in boxes]
    if chosen is not None:
        marks += [cell(chosen, 'class="vc-chosen"')] * 2
    marks += [cell(place, f'data-place="{place}"') for place in range(rows * columns)]
    for place, letter in (letters or {}).items():
        row, column = divmod(place, columns)
        size = 0.8 * min(down, across)
        x, y = (column + 0.5) * across, (row + 0.5) * down + 0.36 * size
        marks.append(
            f'<g transform="translate({_n(x)} {_n(y)}) scale({_n(size)})">'
            f"<text>{escape(letter)}</text></g>"
        )
    shown = pixels if heat is None else blend(pixels, heat, top=top)
    return (
        f'<style>{_STYLE}</style><svg class="vc-cut" style="{_NAMES}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-label="{escape(says)}">'
        f'<image href="{data_url(shown, side=_SIDE)}" width="{width}" height="{height}" '
        f'preserveAspectRatio="none"/>{"".join(marks)}</svg>'
    )


def cut_sentence(
    pieces: Sequence[str],
    *,
    notes: Sequence[str] = (),
    chosen: int | None = None,
    special: Collection[int] = (),
) -> str:
    """The pieces of a sentence, side by side.

    Args:
        pieces: in their order.
        notes: what stands under each; nothing by default.
        chosen: the piece that is pressed.
        special: pieces that are no words.
    """
    drawn = []
    for place, piece in enumerate(pieces):
        note = f"<small>{escape(notes[place])}</small>" if notes else ""
        kind = ' class="vc-special"' if place in special else ""
        drawn.append(
            f'<button type="button" data-place="{place}"{kind} '
            f'aria-pressed="{str(place == chosen).lower()}">'
            f'<span translate="no">{escape(piece)}</span>{note}</button>'
        )
    return (
        f'<style>{_STYLE}</style><div class="vc-pieces" style="{_NAMES}" role="group" '
        f'aria-label="The pieces of the sentence">{"".join(drawn)}</div>'
    )


def enlarged(pixels: UInt8[np.ndarray, "height width 3"]) -> str:
    """A few pixels as a URL, each of them a square to be seen."""
    zoom = max(_ZOOM, 160 // max(pixels.shape[:2]))
    return png_url(np.repeat(np.repeat(pixels, zoom, axis=0), zoom, axis=1))


def patch_of(
    pixels: UInt8[np.ndarray, "height width 3"], grid: tuple[int, int], place: int
) -> UInt8[np.ndarray, "down across 3"]:
    """The pixels of one patch, counted row after row.

    Raises:
        ValueError: no such patch.
    """
    rows, columns = grid
    if not 0 <= place < rows * columns:
        raise ValueError(f"the grid has {rows * columns} patches, got {place}")
    row, column = divmod(place, columns)
    down, across = pixels.shape[0] // rows, pixels.shape[1] // columns
    return pixels[row * down : (row + 1) * down, column * across : (column + 1) * across]


def _box(box: Box, *, width: int, height: int) -> str:
    x0, y0, x1, y1 = box
    return (
        f'<rect class="vc-box" x="{_n(x0 * width)}" y="{_n(y0 * height)}" '
        f'width="{_n((x1 - x0) * width)}" height="{_n((y1 - y0) * height)}"/>'
    )


def _n(value: float) -> str:
    return f"{value:.6g}"
