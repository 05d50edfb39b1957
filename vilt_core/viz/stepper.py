"""An alignment to touch: words, picture, plan and IPOT's iterations in one interactive view.

The kept iterations are sent to the browser once, packed in 16 bits a number, and all the rest
happens there: ``static/alignment.js`` draws, this file packs. ``page`` makes a file that opens
anywhere.
"""

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from vilt_core.viz.palette import ON_DARK, ON_LIGHT, rgb

STATIC = Path(__file__).parent / "static"
LARGEST = 360_000  # bytes of packed plans, 480 kB in base64: what a page may be asked to carry
_PICTURE_SIDE = 512

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in fractions of the picture's sides


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """IPOT at the iterations kept, tokens already summed into words."""

    iterations: tuple[int, ...]
    plans: Float[np.ndarray, "t m n"]
    transport_cost: Float[np.ndarray, " t"]
    text_error: Float[np.ndarray, " t"]
    image_error: Float[np.ndarray, " t"]
    entropy: Float[np.ndarray, " t"]
    # Smallest and largest value of a variable of the algorithm at every iteration kept.
    ranges: Mapping[str, Float[np.ndarray, "t 2"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a word's object truly is."""

    boxes: tuple[Box, ...]
    patches: tuple[int, ...]  # the patches that count as inside


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimum:
    """The exact solution of the same problem."""

    plan: Float[np.ndarray, "m n"]
    cost: float


def frames_that_fit(frames: int, *, words: int, patches: int) -> list[int]:
    """Which frames of a trace to send: all, or evenly spread ones that ``LARGEST`` bytes hold.

    The first and the last are always among them.
    """
    room = max(2, LARGEST // (2 * words * patches))
    if frames <= room:
        return list(range(frames))
    return np.linspace(0, frames - 1, room).round().astype(int).tolist()


def payload(
    pixels: UInt8[np.ndarray, "height width 3"],
    steps: Steps,
    *,
    words: Sequence[str],
    grid: tuple[int, int],
    algorithm: Sequence[str],
    settings: Mapping[str, float],
    similarity: Float[np.ndarray, "m n"] | None = None,
    optimum: Optimum | None = None,
    places: Mapping[int, Place] | None = None,
) -> dict[str, Any]:
    """Everything that the view needs, as JSON.

    Args:
        pixels: the picture that the patches tile.
        steps: the iterations.
        words: names of the plan's rows.
        grid: rows and columns of patches.
        algorithm: the lines of code to show beside the numbers.
        settings: beta and iterations, as they were.
        similarity: what the heat is weighted with, at least 0; the heat is the mass alone without.
        optimum: the exact plan to compare with.
        places: where truth is known, the true place of a word, by its index.

    Raises:
        ValueError: words or a grid that do not fit the plans.
    """
    expected = (len(steps.iterations), len(words), grid[0] * grid[1])
    if steps.plans.shape != expected:
        raise ValueError(f"expected plans of shape {expected}, got {steps.plans.shape}")
    return {
        "picture": data_url(pixels),
        "words": list(words),
        "grid": list(grid),
        "settings": dict(settings),
        "iterations": list(steps.iterations),
        "plans": _pack(steps.plans),
        "curves": {
            "cost": _short(steps.transport_cost),
            "text": _short(steps.text_error),
            "image": _short(steps.image_error),
            "entropy": _short(steps.entropy),
        },
        "ranges": {name: _short(values) for name, values in steps.ranges.items()},
        "algorithm": [
            {"code": line, "shows": _shows(line), "note": _NOTES.get(line.strip(), "")}
            for line in algorithm
        ],
        "similarity": None if similarity is None else _pack(similarity[None]),
        "optimum": optimum and {"plan": _pack(optimum.plan[None]), "cost": float(optimum.cost)},
        "places": {
            str(word): {"boxes": [list(box) for box in place.boxes], "patches": list(place.patches)}
            for word, place in (places or {}).items()
        },
        "ramps": {
            "light": [rgb(stop) for stop in ON_LIGHT],
            "dark": [rgb(stop) for stop in ON_DARK],
        },
    }


def page(data: Mapping[str, Any], *, title: str = "Word-patch alignment") -> str:
    """A page of HTML that shows a payload with no server and no network.

    ``data`` empty gives the page with a gap, which the view itself fills when a person saves it.
    """
    filled = json.dumps(data).replace("</", "<\\/") if data else "/*DATA*/"
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>{escape(title)}</title>"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>body{{margin:0;padding:1rem;font-family:Arial,sans-serif}}{styles()}</style>"
        f'<body><div class="va"></div><script>const DATA = {filled};</script><script>\n'
        'if (matchMedia("(prefers-color-scheme: dark)").matches) {\n'
        '  document.body.classList.add("dark");\n'
        '  document.body.style.background = "#101217";\n'
        "}\n"
        f"{script()}\n"
        'alignmentView(document.querySelector(".va")).show(DATA);\n'
        "</script></body></html>"
    )


@lru_cache(maxsize=1)
def styles() -> str:
    """The view's style sheet."""
    return (STATIC / "alignment.css").read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def script() -> str:
    """The view's code: it defines ``alignmentView(root, options)``."""
    return (STATIC / "alignment.js").read_text(encoding="utf-8")


def data_url(pixels: UInt8[np.ndarray, "height width 3"], *, side: int = _PICTURE_SIDE) -> str:
    """A picture as a WebP inside a URL, no side longer than ``side``."""
    picture = Image.fromarray(pixels)
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    held = io.BytesIO()
    picture.save(held, format="WEBP", quality=88)
    return "data:image/webp;base64," + base64.b64encode(held.getvalue()).decode("ascii")


def _pack(plans: Float[np.ndarray, "t m n"]) -> dict[str, Any]:
    """16 bits a number, each frame scaled by its own largest."""
    top = plans.max(axis=(1, 2), keepdims=True)
    levels = (plans / np.where(top > 0, top, 1) * 65535).round().astype("<u2")
    return {
        "top": _short(top.ravel()),
        "data": base64.b64encode(levels.tobytes()).decode("ascii"),
    }


def _short(values: np.ndarray) -> Any:
    """Six digits are enough for a screen, and JSON has no word for infinity."""
    flat = [float(f"{value:.6g}") for value in np.nan_to_num(values, posinf=1e300).ravel().tolist()]
    return np.array(flat).reshape(values.shape).tolist()


def _shows(line: str) -> str:
    """Whose numbers stand beside a line: what a line of the loop assigns, and A."""
    name, equals, _ = line.strip().partition(" = ")
    if not equals:
        return "iteration" if line.startswith("for ") else ""
    return name if line.startswith(" ") or name == "A" else ""


_NOTES = {
    "A = exp(-C / beta)": "The kernel: near 1 where a word and a patch are alike, smaller where "
    "moving costs more. A smaller beta makes it sharper.",
    "T = ones(l, n)": "The plan starts out knowing nothing: every word on every patch.",
    "sigma = ones(l) / l": "One scaling factor a word token, all equal at first.",
    "for iteration in range(iterations):": "Each round solves a small problem that may not go far "
    "from the last plan: the proximal point method.",
    "Q = A * T": "The last plan, sharpened by the kernel once more.",
    "for _ in range(inner_steps):": "Sinkhorn scaling. One step is enough, hence 'inexact'.",
    "delta = 1 / (n * (sigma @ Q))": "One factor a patch, so that every patch receives 1/n.",
    "sigma = 1 / (l * (Q @ delta))": "One factor a word token, so that every token gives 1/l.",
    "T = sigma[:, None] * Q * delta": "The new plan. Its rows are exact now; its columns still err "
    "a little.",
}
