"""How words and a picture meet in a model, to see: two vectors' product, or who looks at whom.

HTML for a lane of passage.py, which has the style sheet. It stands by itself; ``script`` adds that
whoever points at a word, a piece of the picture or a number is told of it.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape, unescape
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, UInt8

from vilt_core.viz.answers import percent
from vilt_core.viz.palette import BOTH, IMAGE, TEXT
from vilt_core.viz.stepper import data_url
from vilt_core.viz.stripes import png_url, stripes, tints

Side = Literal["text", "image"]
Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in fractions of the picture's sides

_STATIC = Path(__file__).parent / "static"
_SIDES: tuple[Side, ...] = ("text", "image")
_COLORS = {("text", "text"): TEXT, ("image", "image"): IMAGE}  # the others: where both meet
_LARGEST = 98  # percentile of the numbers drawn in full colour: a few large ones pale the rest
_NUMBERED = 20  # tokens of a side that have room for their numbers
_SIDE_BY_SIDE = 9  # of them that have room beside each other
_PICTURE = 256  # pixels of the picture under its heat


@lru_cache(maxsize=1)
def script() -> str:
    """The figures' code: it defines ``meetingView(root)``, which hears whatever lies in it."""
    return (_STATIC / "meeting.js").read_text(encoding="utf-8")


# Two vectors.


def dot_product(
    text: Float[np.ndarray, " e"], image: Float[np.ndarray, " e"], *, factor: float = 1.0
) -> str:
    """Two vectors of length 1 as strips, and that of their products, whose sum is the cosine.

    Args:
        text: of the text.
        image: of the picture.
        factor: by which the model multiplies the cosine.
    """
    products = text * image
    strips = "".join(
        f'<div><p class="vp-fine">{escape(name)}</p>{_strip(values, name)}</div>'
        for name, values in (
            ("the sentence, one vector", text),
            ("the picture, one vector", image),
            ("their products, number by number", products),
        )
    )
    above, below = float(products.clip(min=0).sum()), float(products.clip(max=0).sum())
    total = float(products.sum())
    said = [f"Above zero {above:.2f}, below {below:.2f}, together <b>{total:.3f}</b>: the cosine."]
    if abs(factor - 1) > 1e-3:
        score = factor * total
        said.append(f"Times {factor:.2f}, which it learned, that is the score: <b>{score:.2f}</b>.")
    held = np.stack([text, image]).astype("<f4").tobytes()
    return (
        f'<div class="vp-dot" data-vectors="{base64.b64encode(held).decode("ascii")}">{strips}'
        f'{sentences(*said)}<p class="vp-told" aria-live="polite">No word meets any piece of the '
        "picture here: only these two vectors meet.</p></div>"
    )


def _strip(values: Float[np.ndarray, " e"], name: str) -> str:
    """On a scale of its own: products are far smaller than what they are of."""
    top = float(np.percentile(np.abs(values), _LARGEST)) or 1.0
    return (
        f'<img class="vp-strip" src="{png_url(stripes(values / top))}" '
        f'alt="{len(values)} numbers: {escape(name)}">'
    )


# Who looks at whom.


def looks(
    pixels: UInt8[np.ndarray, "height width 3"],
    weights: Mapping[tuple[Side, Side], Float[np.ndarray, "_rows _columns"]],
    *,
    heat: Float[np.ndarray, "l n"],
    tokens: Sequence[str],
    grid: tuple[int, int] | None = None,
    boxes: Sequence[Box] = (),
    noun: str = "regions",
    cosines: Mapping[Side, Float[np.ndarray, " _found"]] | None = None,
) -> str:
    """The picture under the heat of a word, and the matrix of all looks, text first.

    A block of the matrix that a model does not have stays empty, so that the matrices of all models
    have one form.

    Args:
        pixels: the picture in pieces.
        weights: by who looks (rows) and at whom (columns); a row of all blocks sums to 1. The
            picture's own [class] comes before its pieces, where it has one.
        heat: of every word over the pieces.
        tokens: of the text.
        grid: rows and columns of the pieces; they are regions without.
        boxes: of the regions.
        noun: what pieces are called.
        cosines: of what each found; written beside those that looked.

    Raises:
        ValueError: weights, heat, tokens and pieces of different counts.
    """
    pieces = len(boxes) if grid is None else grid[0] * grid[1]
    if heat.shape != (len(tokens), pieces):
        raise ValueError(f"expected heat of {(len(tokens), pieces)}, got {heat.shape}")
    seen = weights["text", "image"].shape[1]
    sizes: dict[Side, int] = {"text": len(tokens), "image": seen}
    for (of, to), block in weights.items():
        if block.shape != (sizes[of], sizes[to]) or not 0 <= seen - pieces <= 1:
            raise ValueError(f"expected looks of {sizes}, {pieces} pieces, got {block.shape}")
    named = _Names(tokens, seen - pieces, grid)
    chosen = _longest(tokens)
    columns = "" if grid is None else f' data-columns="{grid[1]}"'
    return (
        f'<div class="vp-who" data-text="{len(tokens)}" data-image="{seen}" '
        f'data-first="{seen - pieces}"{columns} data-weights="{_pack(weights, sizes)}">'
        f'<div class="vp-eye">{_under_heat(pixels, heat[chosen], grid, boxes, named)}'
        f'<p class="vp-told" aria-live="polite">{escape(named.told(chosen, heat))}</p></div>'
        f"{_matrix(weights, sizes, named, heat, noun=noun, chosen=chosen, cosines=cosines or {})}"
        f"</div>{sentences(_scale(_top(weights)))}"
    )


@dataclass(frozen=True, slots=True)
class _Names:
    """What tokens are called, words and pieces alike."""

    tokens: Sequence[str]
    first: int  # tokens of the picture before its pieces: 1 where it has a [class]
    grid: tuple[int, int] | None

    def of(self, side: Side, at: int) -> str:
        """A word in quotes; where a piece lies."""
        if side == "text":
            return f"“{self.tokens[at]}”"
        return "[class]" if at < self.first else self.piece(at - self.first)

    def piece(self, at: int) -> str:
        """Where a piece lies."""
        if self.grid is None:
            return f"region {at + 1}"
        row, column = divmod(at, self.grid[1])
        return f"row {row + 1}, column {column + 1}"

    def number(self, side: Side, at: int) -> str:
        """Short, for the margin; a [class] has none."""
        place = at - self.first if side == "image" else at
        return "·" if place < 0 else str(place + 1)

    def told(self, word: int, heat: Float[np.ndarray, "l n"]) -> str:
        """Where a word looks most."""
        row = heat[word]
        most = int(row.argmax())
        return (
            f"“{self.tokens[word]}” looks most at {self.piece(most)}, {_share(float(row[most]))}; "
            f"at all of the picture {_share(float(row.sum()))}."
        )


def _longest(tokens: Sequence[str]) -> int:
    """The longest word, which is the same in all models; long words seldom are articles."""
    words = [at for at, token in enumerate(tokens) if not token.startswith("[")]
    return max(words or range(len(tokens)), key=lambda at: len(tokens[at]))


def _under_heat(
    pixels: np.ndarray,
    heat: Float[np.ndarray, " n"],
    grid: tuple[int, int] | None,
    boxes: Sequence[Box],
    named: _Names,
) -> str:
    height, width, _ = pixels.shape
    levels = heat / max(float(heat.max()), 1e-12)
    rects, numbers = [], []
    for at, (level, box) in enumerate(zip(levels.tolist(), boxes or _cells(grid), strict=True)):
        x0, y0, x1, y1 = box[0] * width, box[1] * height, box[2] * width, box[3] * height
        rects.append(
            f'<rect data-piece="{at}" x="{x0:.1f}" y="{y0:.1f}" width="{x1 - x0:.1f}" '
            f'height="{y1 - y0:.1f}" style="--heat:{level:.3f}"/>'
        )
        if grid is None:
            x, end = (x1 - 2, "end") if at % 2 else (x0 + 2, "start")  # boxes may share a corner
            y = y1 - 2 if at % 4 > 1 else y0 + 8
            numbers.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{end}">{at + 1}</text>')
    says = (
        f"The picture under the heat of a word: most of it is at {named.piece(int(heat.argmax()))}"
    )
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(says)}" '
        f'class="{"vp-regions" if grid is None else "vp-cells"}">'
        f'<image href="{data_url(pixels, side=_PICTURE)}" width="{width}" height="{height}" '
        f'preserveAspectRatio="none"/><rect class="vp-veil" width="{width}" height="{height}"/>'
        f"{''.join(rects)}{''.join(numbers)}</svg>"
    )


def _cells(grid: tuple[int, int] | None) -> list[Box]:
    rows, columns = grid or (0, 0)
    return [
        (column / columns, row / rows, (column + 1) / columns, (row + 1) / rows)
        for row in range(rows)
        for column in range(columns)
    ]


def _matrix(
    weights: Mapping[tuple[Side, Side], np.ndarray],
    sizes: Mapping[Side, int],
    named: _Names,
    heat: Float[np.ndarray, "l n"],
    *,
    noun: str,
    chosen: int,
    cosines: Mapping[Side, np.ndarray],
) -> str:
    top = _top(weights)
    pieces = f"{sizes['image'] - named.first} {noun}"
    titles = {
        "text": f"{sizes['text']} words",
        "image": f"[class] and {pieces}" if named.first else pieces,
    }
    heads = "".join(
        f'<div class="vp-head vp-of-{side}"><b>{titles[side]}</b>'
        f"{_numbers(side, sizes, named, few=sizes[side] > _SIDE_BY_SIDE)}</div>"
        for side in _SIDES
    )
    found = cosines.get("text")
    numbers = _numbers("image", sizes, named, cosines=cosines.get("image")) or f"<b>{pieces}</b>"
    words = "".join(
        f'<button type="button" data-row="{at}" data-word="{escape(token)}" '
        f'aria-pressed="{str(at == chosen).lower()}" data-told="{escape(named.told(at, heat))}">'
        f'<small>{at + 1}</small><span translate="no">{escape(token)}</span>'
        f"{'' if found is None else f'<em>{found[at]:.2f}</em>'}</button>"
        for at, token in enumerate(named.tokens)
    )
    rows = {
        "text": f'<div class="vp-rows vp-of-text">{words}</div>',
        "image": f'<div class="vp-rows vp-of-image">{numbers}</div>',
    }
    blocks = {
        (of, to): _block(weights.get((of, to)), of, to, named, top=top)
        for of in _SIDES
        for to in _SIDES
    }
    body = "".join(f"{rows[of]}{''.join(blocks[of, to] for to in _SIDES)}" for of in _SIDES)
    return f'<div class="vp-looks"><i></i>{heads}{body}</div>'


def _numbers(
    side: Side,
    sizes: Mapping[Side, int],
    named: _Names,
    *,
    cosines: Float[np.ndarray, " _found"] | None = None,
    few: bool = False,
) -> str:
    """Of the tokens of a side where there is room: of all of them, or a few."""
    if sizes[side] > _NUMBERED:
        return ""
    numbers = [named.number(side, at) for at in range(sizes[side])]
    if few:
        numbers = [said if said == "1" or said[-1] in "05" else "" for said in numbers]
    found = [""] * sizes[side]
    if cosines is not None:
        found = [f"<em>{cosine:.2f}</em>" for cosine in cosines.tolist()]
    cells = "".join(
        f"<small>{said}{cosine}</small>" for said, cosine in zip(numbers, found, strict=True)
    )
    return f'<div class="vp-numbers">{cells}</div>'


def _block(
    weights: Float[np.ndarray, "_rows _columns"] | None,
    of: Side,
    to: Side,
    named: _Names,
    *,
    top: float,
) -> str:
    if weights is None:
        return '<div class="vp-block vp-nobody">no one looks at their own side</div>'
    row, column = map(int, np.unravel_index(weights.argmax(), weights.shape))
    says = (
        f"Looks, {weights.shape[0]} x {weights.shape[1]}; the strongest is from "
        f"{named.of(of, row)} to {named.of(to, column)}: {_share(float(weights[row, column]))}"
    )
    picture = png_url(tints(np.sqrt(weights / top), _COLORS.get((of, to), BOTH)))
    return (
        f'<div class="vp-block" data-of="{of}" data-to="{to}">'
        f'<img src="{picture}" alt="{escape(says)}"></div>'
    )


def _top(weights: Mapping[tuple[Side, Side], np.ndarray]) -> float:
    """What is drawn in full colour: of the block with the largest, however small that is."""
    return max(float(np.percentile(block, _LARGEST)) for block in weights.values()) or 1.0


def _pack(weights: Mapping[tuple[Side, Side], np.ndarray], sizes: Mapping[Side, int]) -> str:
    """The whole matrix row after row, 16 bits a share; 0 where there is no block."""
    nothing = {(of, to): np.zeros((sizes[of], sizes[to])) for of in _SIDES for to in _SIDES}
    every = nothing | dict(weights)
    whole = np.block([[every[of, to] for to in _SIDES] for of in _SIDES])
    levels = (65535 * whole.clip(0, 1)).round().astype("<u2")
    return base64.b64encode(levels.tobytes()).decode("ascii")


def _scale(top: float) -> str:
    """What the colours of a matrix stand for: they grow with the square root."""
    return escape(f"Full colour: {_share(top)} or more; half of it: {_share(top / 4)}.")


def _share(share: float) -> str:
    return unescape(percent(share))


def sentences(*said: str) -> str:
    """Sentences, as HTML already: each by itself, so that each is translated as one."""
    return f'<p class="vp-fine">{" ".join(f"<span>{one}</span>" for one in said)}</p>'
