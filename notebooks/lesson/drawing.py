"""Figures that a single lesson needs, where their drawing would be longer than what they show."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lesson.showing import canvas
from vilt_core.viz.palette import BOTH, IMAGE, PLAIN, RIGHT, TEXT, WRONG

_POINTS = 11  # size of the letters below
_LETTER = 0.602 * _POINTS / 72  # inches: how wide one of them is in DejaVu Sans Mono


def pieces_in_colour(pieces: Sequence[str], coloured: Sequence[bool], *, title: str) -> Figure:
    """A text of word pieces line after line, some of them coloured (notebook 3)."""
    width, x, y = 8, 0, 2.3
    figure, axes = canvas(width, 1.6)
    axes.set_axis_off()
    axes.set(xlim=(0, width / _LETTER), ylim=(0, 3))
    axes.set_title(title, fontsize=10, loc="left")
    for piece, marked in zip(pieces, coloured, strict=True):
        if x + len(piece) + 1 > width / _LETTER:
            x, y = 0, y - 0.9
        color = IMAGE if marked else PLAIN
        axes.text(x, y, piece, color=color, family="monospace", fontsize=_POINTS)
        x += len(piece) + 1
    return figure


def framed_scores(
    scores: torch.Tensor,
    *,
    of_sentences: torch.Tensor,
    of_pictures: torch.Tensor,
    paid: torch.Tensor,
    title: str,
) -> Figure:
    """A table of scores, sentences by pictures, with frames around some (notebook 7).

    Args:
        scores: (n, n), the right pairs on the diagonal.
        of_sentences: Which get a frame in the colour of text.
        of_pictures: Which get one in the colour of pictures.
        paid: Which are red.
        title: Above it.
    """
    figure, axes = canvas(5, 3.9)
    axes.imshow(scores, cmap="Greys", vmin=0, vmax=2.2)
    for i, j in np.ndindex(*scores.shape):
        ink = RIGHT if i == j else WRONG if paid[i, j] else "black"
        axes.text(j, i, f"{scores[i, j]:.1f}", ha="center", va="center", color=ink, fontsize=13)
        for framed, color, side in ((of_sentences, TEXT, 0.9), (of_pictures, IMAGE, 0.74)):
            if framed[i, j]:
                corner = (j - side / 2, i - side / 2)
                axes.add_patch(Rectangle(corner, side, side, fill=False, ec=color, lw=2))
    ticks = range(len(scores))
    axes.set(xlabel="picture", ylabel="sentence", xticks=ticks, yticks=ticks, title=title)
    return figure


def rankings(
    found: Mapping[str, Sequence[tuple[np.ndarray, bool]]], *, title: str, columns: int = 5
) -> Figure:
    """Rows of pictures in order, with a frame around those that are right (notebook 10).

    Args:
        found: The pictures of each row with whether they are right, by the row's name.
        title: Above all.
        columns: How many a row at most.
    """
    figure = Figure(figsize=(1.6 * columns, 1.95 * len(found)), layout="constrained")
    figure.suptitle(title)
    for line, (name, pictures) in enumerate(found.items()):
        for place, (pixels, right) in enumerate(pictures[:columns]):
            axes = figure.add_subplot(len(found), columns, columns * line + place + 1)
            axes.imshow(pixels)
            axes.set(xticks=[], yticks=[], ylabel=name if place == 0 else "")
            for spine in axes.spines.values():
                spine.set(color=BOTH if right else "white", linewidth=4)
    return figure
