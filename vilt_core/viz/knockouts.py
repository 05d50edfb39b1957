"""Knock-outs as a board of bars: what is left of an answer without each part; each is a button.

HTML that needs nothing around it; whoever listens to clicks reads ``data-kind`` and ``data-at``.
"""

from collections.abc import Sequence
from html import escape

import numpy as np
from jaxtyping import Float, UInt8

from vilt_core.viz.answers import percent
from vilt_core.viz.explanations import style
from vilt_core.viz.palette import BOTH, PLAIN, TEXT, WRONG
from vilt_core.viz.stepper import data_url


def knockout_board(
    pixels: UInt8[np.ndarray, "height width 3"],
    *,
    answer: str,
    whole: float,
    heads: Float[np.ndarray, "depth h"],
    layers: Float[np.ndarray, " depth"],
    types: Float[np.ndarray, " 2"],
    word_chances: Float[np.ndarray, " m"],
    words: Sequence[str],
    grid: tuple[int, int],
) -> str:
    """P(answer) without each word, type, layer and head, beside what it is with all of them.

    Args:
        pixels: the picture; its patches are buttons without bars.
        answer: whose probability it is.
        whole: with everything there.
        heads: without each head of each layer.
        layers: without each layer.
        types: without the type embedding of the text, and of the image.
        word_chances: without each word.
        words: their names.
        grid: rows and columns of patches.

    Raises:
        ValueError: names that do not fit.
    """
    if len(words) != len(word_chances):
        raise ValueError(f"expected chances of {len(words)} words, got {len(word_chances)}")
    numbers, sides = [str(at + 1) for at in range(len(layers))], ("text", "image")
    places = [str(at) for at in range(len(words))]
    parts = (
        _bars("Words", "words", words, word_chances, whole, color=TEXT, at=places),
        _bars("Type embeddings", "types", sides, types, whole, color=PLAIN, at=sides),
        _bars("Layers", "layers", numbers, layers, whole, color=BOTH, at=numbers),
        _heads(heads, whole),
        _patches(pixels, grid),
    )
    said = f"P({escape(answer)})"
    says = f"Each bar: {said} without that part; the line is {percent(whole)}, as it is."
    return (
        f'<style>{style()}</style><div class="vx-board"><p class="vx-told">{says}</p>'
        f"{''.join(parts)}</div>"
    )


def _bars(
    title: str,
    kind: str,
    names: Sequence[str],
    chances: Float[np.ndarray, " x"],
    whole: float,
    *,
    color: str,
    at: Sequence[str],
) -> str:
    kept = ' translate="no"' if kind == "words" else ""
    rows = "".join(
        f'<button type="button" aria-pressed="false" data-kind="{kind}" data-at="{place}" '
        f'aria-label="Without {escape(name)}: {percent(chance)}"><span{kept}>{escape(name)}</span>'
        f'<span class="vx-rail"><i style="width:{100 * chance:.1f}%;background:{color}"></i>'
        f'<u style="left:{100 * whole:.1f}%"></u></span><small>{percent(chance)}</small></button>'
        for name, place, chance in zip(names, at, chances.tolist(), strict=True)
    )
    return f'<section><h4>{title}</h4><div class="vx-bars">{rows}</div></section>'


def _heads(heads: Float[np.ndarray, "depth h"], whole: float) -> str:
    """A cell a head, the redder the more is lost and the bluer the more is won without it."""
    depth, count = heads.shape
    cells = ["<i></i>", *(f"<i>{head + 1}</i>" for head in range(count))]
    for layer in range(depth):
        cells.append(f"<i>{layer + 1}</i>")
        for head in range(count):
            chance = float(heads[layer, head])
            color = WRONG if chance < whole else TEXT
            cells.append(
                f'<button type="button" aria-pressed="false" data-kind="heads" '
                f'data-at="{layer + 1},{head + 1}" aria-label="Without head {head + 1} of layer '
                f'{layer + 1}: {percent(chance)}" title="{percent(chance)}" '
                f'style="--vx-loss:{100 * abs(chance - whole):.0f}%;--vx-color:{color}">'
                f"{_points(chance - whole)}</button>"
            )
    return (
        f"<section><h4>Heads, a row a layer <small>(points of percent)</small></h4>"
        f'<div class="vx-heads-lost" style="--vx-heads:{count}">{"".join(cells)}</div></section>'
    )


def _points(difference: float) -> str:
    """Points of percent with their sign; 0 has none."""
    points = round(100 * difference)
    return f"{points:+d}" if points else "0"


def _patches(pixels: np.ndarray, grid: tuple[int, int]) -> str:
    rows, columns = grid
    cells = "".join(
        f'<button type="button" aria-pressed="false" data-kind="patches" data-at="{row},{column}" '
        f'tabindex="{-1 if row or column else 0}" '
        f'aria-label="Without the patch in row {row + 1}, column {column + 1}"></button>'
        for row in range(rows)
        for column in range(columns)
    )
    return (
        f'<section><h4>Patches</h4><div class="vx-picture"><img src="{data_url(pixels)}" '
        f'alt="The picture in {rows} x {columns} patches"><div class="vx-patches" data-rove '
        f'style="--vx-columns:{columns}">{cells}</div></div></section>'
    )
