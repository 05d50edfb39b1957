"""Draw docs/architecture.svg: the packages in the order in which import-linter lets them import.

python scripts/architecture.py [FOLDER]

The rows are those of the contract in pyproject.toml; each package needs a word on it here.
"""

import argparse
import sys
import tomllib
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from vilt_core.viz.palette import BOTH, IMAGE, PLAIN, TEXT  # noqa: E402

INK, SOFT, LINE, PAPER, CARD = "#171a21", "#596273", "#dfe3ea", "#f5f6f8", "#ffffff"
FONT = "-apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
MONO = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"
SAID = {
    "app": "the page: one file a tab",
    "notebooks": "the course, and its exercises",
    "__main__": "python -m vilt_core",
    "commands": "one dataclass a command; its fields are the options",
    "bench": "races: the same weights, inputs and machine as a peer",
    "search": "a shortlist of vectors, judged again by a model that reads pairs",
    "predictor": "load(), then answer, match, fill, compare, align, explain",
    "training": "recipes, batches, one step (where losses meet models), the loop",
    "evaluation": "measures: a model and examples in, numbers out",
    "explain": "alignment, attention, relevance, occlusion, lens: arrays out",
    "interop": "checkpoints in and out, strictly",
    "models": "wholes, one file each",
    "objectives": "losses, pure",
    "data": "words, pictures, formats",
    "viz": "figures, pure",
    "world": "scenes of stickers, their language, and the truth about them",
    "layers": "parts of models, equations 1 to 6",
    "transport": "IPOT, Sinkhorn, on plain tensors",
    "types": "the bundles that pass between parts, and the alphabet of axes",
    "config": "every number that a person may want to change",
    "progress": "how long it still takes, on a terminal and in a log",
}
GROUPS = (  # colour, what they have in common, whose rows
    (TEXT, "doors", ("app", "__main__", "commands")),
    (BOTH, "what is done\nwith a model", ("bench", "search", "predictor", "training", "evaluation",
                                          "explain", "interop")),
    (IMAGE, "what a model\nis made of", ("models", "world", "layers")),
    (PLAIN, "ground", ("types", "config")),
)  # fmt: skip
WIDTH, LEFT, RIGHT, TOP = 960, 142, 24, 64
ROW, GAP, BESIDE = 40, 13, 12


def rows() -> list[list[str]]:
    """The packages, top to bottom; those of one row do not import one another.

    Raises:
        SystemExit: a package of the contract of which nothing is said here.
    """
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contracts if one["type"] == "layers")
    found = [["app", "notebooks"], *([name.strip() for name in row.split("|")] for row in layers)]
    if unsaid := {name for row in found for name in row} ^ set(SAID):
        raise SystemExit(f"say in scripts/architecture.py what is in {', '.join(sorted(unsaid))}")
    return found


def text(x: float, y: float, said: str, **style: object) -> str:
    """A line of text."""
    given = {"fill": INK, "font-size": 13} | {key.replace("_", "-"): v for key, v in style.items()}
    attributes = " ".join(f'{key}="{value}"' for key, value in given.items())
    return f'<text x="{x:g}" y="{y:g}" {attributes}>{escape(said)}</text>'


def box(x: float, y: float, width: float, name: str, color: str, *, beside: bool) -> str:
    """A package: its name, and what is in it beside it, or below where room is short."""
    place = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{ROW}" rx="9"'
    shape = f'<rect {place} fill="{CARD}" stroke="{LINE}"/>'
    edge = f'<rect x="{x:g}" y="{y:g}" width="5" height="{ROW}" rx="2.5" fill="{color}"/>'
    bold = {"font_family": MONO, "font_weight": 700}
    if beside:
        named = text(x + 18, y + 25, name, font_size=14, **bold)
        return shape + edge + named + text(x + 128, y + 25, SAID[name], fill=SOFT)
    named = text(x + 16, y + 17, name, font_size=13, **bold)
    return shape + edge + named + text(x + 16, y + 33, SAID[name], fill=SOFT, font_size=12)


def arrow(x: float, top: float, bottom: float) -> str:
    """One that points down."""
    shaft = f'<path d="M{x:g} {top:g}V{bottom - 3:g}" stroke="{SOFT}" stroke-width="1.6"/>'
    return shaft + f'<path d="M{x - 4:g} {bottom - 5:g}l4 5l4-5z" fill="{SOFT}"/>'


def group(color: str, said: str, top: float, bottom: float) -> str:
    """What some rows have in common, at their left."""
    lines = said.split("\n")
    first = (top + bottom) / 2 + 5 - 8 * (len(lines) - 1)
    style = {"fill": color, "font_weight": 650, "text_anchor": "end"}
    words = [text(LEFT - 28, first + 16 * at, line, **style) for at, line in enumerate(lines)]
    bar = f'<path d="M{LEFT - 16} {top:g}V{bottom:g}" stroke="{color}" stroke-width="2.5"/>'
    return "".join(words) + bar


def drawing() -> str:
    """The picture, as SVG."""
    found = rows()
    colors = {name: color for color, _, names in GROUPS for name in names}
    inside = WIDTH - LEFT - RIGHT
    tops = [TOP + at * (ROW + GAP) for at in range(len(found))]
    body = []
    for y, row in zip(tops, found, strict=True):
        color = colors[row[0]]
        width = (inside - BESIDE * (len(row) - 1)) / len(row)
        for at, name in enumerate(row):
            alone = len(row) == 1
            body.append(box(LEFT + at * (width + BESIDE), y, width, name, color, beside=alone))
        if y != tops[-1]:
            body.append(arrow(LEFT + inside / 2, y + ROW + 1, y + ROW + GAP - 2))
    firsts = [row[0] for row in found]
    for color, said, names in GROUPS:
        within = [tops[firsts.index(name)] for name in names]
        body.append(group(color, said, within[0], within[-1] + ROW))
    height = tops[-1] + ROW + 24
    head = text(LEFT, 30, "Who may import whom", font_size=18, font_weight=700)
    told = "Whatever lies below, never what lies above; boxes of one row do not know each other."
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" '
        f'width="{WIDTH}" height="{height:g}" font-family="{FONT}" role="img" '
        'aria-label="The packages of ViLT Lab, from doors at the top to numbers at the bottom">'
        f'<rect width="{WIDTH}" height="{height:g}" rx="16" fill="{PAPER}"/>'
        f"{head}{text(LEFT, 50, told, fill=SOFT)}{''.join(body)}</svg>\n"
    )


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "docs")
    path = parser.parse_args().folder / "architecture.svg"
    path.write_text(drawing(), encoding="utf-8")
    print(f"{path}: {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
