r"""Draw the sticker atlases of assets/sprites from public emoji packages.

    npm install @iconify-json/noto@1.2.9 @iconify-json/twemoji@1.2.5 \
        @iconify-json/fluent-emoji-flat@1.2.6 @iconify-json/openmoji@1.2.29 emojibase-data@17.0.0 \
        @iconify-json/noto-v1@1.2.5 @iconify-json/emojione@1.2.3 @iconify-json/fxemoji@1.2.2 \
        @iconify-json/streamline-emojis@1.2.4
    python scripts/build_atlases.py node_modules

The nouns are chosen in assets/sprites/curation.tsv, one a row: category and its plural, Unicode's
label, the plain word people say where that is another, and its plural where the spelling rules
fail. Codes and labels come from emojibase-data, which carries Unicode's own, never from memory.

Writes sprites.json, one lossless WebP atlas a style, one a guest (world/guests.py: artists who have
drawn some of the nouns, no shapes) and LICENSES.md into assets/sprites. The same packages give the
same pixels. Models are trained on an order of nouns: add new ones at the end.
"""

import argparse
import csv
import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import resvg_py
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from vilt_core.world.guests import GUEST_CELL, GUEST_FOLDER, GUESTS  # noqa: E402
from vilt_core.world.sprites import CELL, COLORS, COLUMNS, SHAPES, fit_to_cell, premultiply  # noqa: E402

SPRITES = ROOT / "assets" / "sprites"
PACKAGES = {
    "noto": "noto",
    "twemoji": "twemoji",
    "fluent": "fluent-emoji-flat",
    "openmoji": "openmoji",
    "noto-v1": "noto-v1",
    "emojione": "emojione",
    "fxemoji": "fxemoji",
    "streamline": "streamline-emojis",
}
STYLE_FILES = tuple(style for style in PACKAGES if style not in GUESTS)
# Where a guest calls a noun neither by Unicode's name nor by the plain word.
GUESTS_WORDS = {
    "astronaut": "astronaut-1",
    "backpack": "school-backpack",
    "bee": "honeybee",
    "chef": "man-cook-1",
    "farmer": "man-farmer-1",
    "firefighter": "man-firefighter-1",
    "fish": "tropical-fish",
    "house": "house-with-garden",
    "police officer": "man-police-officer-1",
    "whale": "spouting-whale",
}
LICENSE_TEXTS = {
    "noto": "Apache-2.0.txt",
    "twemoji": "CC-BY-4.0.txt",
    "fluent": "MIT.txt",
    "openmoji": "CC-BY-SA-4.0.txt",
    "noto-v1": "Apache-2.0.txt",
    "emojione": "CC-BY-4.0.txt",
    "fxemoji": "Apache-2.0.txt",
    "streamline": "CC-BY-4.0.txt",
}
SUPERSAMPLED = 4 * CELL


def regular_plural(noun: str) -> str:
    """The plural by the regular rules of English spelling."""
    if re.search(r"(s|x|z|ch|sh)$", noun):
        return noun + "es"
    if re.search(r"[^aeiou]y$", noun):
        return noun[:-1] + "ies"
    return noun + "s"


def read_json(path: Path) -> Any:
    """The parsed content of a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def bare(hexcode: str) -> str:
    """A code sequence in lower case without variation selectors, the key all packages share."""
    return hexcode.lower().replace("-fe0f", "")


def selection(packages: Path) -> list[dict[str, str | None]]:
    """The rows of sprites.json: the curated nouns, then every shape in every colour."""
    emoji = read_json(packages / "emojibase-data" / "en" / "data.json")
    hexcodes = {entry["label"]: entry["hexcode"] for entry in emoji}
    rows: list[dict[str, str | None]] = []
    with (SPRITES / "curation.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", restval=""):
            name = row["name"] or row["label"].lower()
            rows.append(
                {
                    "name": name,
                    "plural": row["plural"] or regular_plural(name),
                    "category": row["category"],
                    "category_plural": row["category_plural"],
                    "color": None,
                    "hexcode": hexcodes[row["label"]],
                }
            )
    for shape in SHAPES:
        for color in COLORS:
            # Black and white squares come in several sizes, so Unicode calls theirs large.
            large = f"{color} large {shape}"
            label = large if large in hexcodes else f"{color} {shape}"
            rows.append(
                {
                    "name": shape,
                    "plural": regular_plural(shape),
                    "category": "shape",
                    "category_plural": "shapes",
                    "color": color,
                    "hexcode": hexcodes[label],
                }
            )
    return rows


def draw(package: dict[str, Any], name: str) -> np.ndarray:
    """One icon of an Iconify package, fitted into a cell: (CELL, CELL, 4) straight RGBA."""
    icon = package["icons"][name]
    width = icon.get("width", package.get("width", 16))
    height = icon.get("height", package.get("height", 16))
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 0 {width} {height}">{icon["body"]}</svg>'
    )
    png = resvg_py.svg_to_bytes(svg_string=svg, width=SUPERSAMPLED, skip_system_fonts=True)
    return fit_to_cell(Image.open(io.BytesIO(bytes(png))))


def resolve(package: dict[str, Any], name: str) -> str:
    """The name of the drawn icon behind an Iconify alias."""
    while name not in package["icons"]:
        alias = package["aliases"][name]
        transformed = set(alias) - {"parent"}
        if transformed:
            raise ValueError(f"alias {name} must be a plain rename, got {sorted(transformed)}")
        name = alias["parent"]
    return name


def load(style: str, packages: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """An Iconify package's icons, and their names by code points, which no guest tells."""
    folder = packages / "@iconify-json" / PACKAGES[style]
    names = {bare(code): name for code, name in read_json(folder / "chars.json").items()}
    return read_json(folder / "icons.json"), names


def guests_name(package: dict[str, Any], row: dict[str, str | None], unicode_name: str) -> str:
    """What a guest calls a noun's icon, hyphens aside; nothing where the guest has not drawn it."""
    icons = {
        name.replace("-", ""): name for name in (*package.get("aliases", ()), *package["icons"])
    }
    word = str(row["name"])
    bare_name = unicode_name.removesuffix("-face")
    tried = [unicode_name, f"{bare_name}-face", bare_name, word]
    tried += [f"{name}-1" for name in tried] + [GUESTS_WORDS.get(word, "")]
    found = (icons.get(re.sub("[ -]", "", name)) for name in tried)
    return next((resolve(package, name) for name in found if name), "")


def write_guest(
    guest: str, rows: list[dict[str, str | None]], *, packages: Path
) -> tuple[int, int]:
    """Draw what one guest has drawn of the nouns; returns how many, and the file's bytes."""
    package, _ = load(guest, packages)
    _, unicode_names = load("noto", packages)
    cells = {}
    for index, row in enumerate(rows):
        if row["color"] is not None:
            continue  # a shape's colour is asked for, and guests mix their own
        name = guests_name(package, row, unicode_names[bare(str(row["hexcode"]))])
        if name:
            icon = Image.fromarray(premultiply(draw(package, name)), "RGBa").resize(
                (GUEST_CELL, GUEST_CELL), Image.Resampling.BOX
            )
            cells[index] = np.asarray(icon.convert("RGBA"))
    path = GUEST_FOLDER / f"{guest}.webp"
    return len(cells), pack(path, cells, of=len(rows), side=GUEST_CELL)


def write_atlas(style: str, hexcodes: list[str], *, packages: Path) -> int:
    """Draw one style's atlas; returns its size in bytes."""
    package, names = load(style, packages)
    cells = {
        index: draw(package, resolve(package, names[bare(hexcode)]))
        for index, hexcode in enumerate(hexcodes)
    }
    return pack(SPRITES / f"{style}.webp", cells, of=len(hexcodes), side=CELL)


def pack(path: Path, cells: dict[int, np.ndarray], *, of: int, side: int) -> int:
    """Write cells, (side, side, 4) each, by their places of ``of``; returns the file's bytes."""
    grid = np.zeros((-(-of // COLUMNS) * side, COLUMNS * side, 4), np.uint8)
    for index, cell in cells.items():
        top, left = (side * place for place in divmod(index, COLUMNS))
        grid[top : top + side, left : left + side] = cell
    Image.fromarray(grid, "RGBA").save(path, lossless=True, quality=100, method=6)
    return path.stat().st_size


def attribution(style: str, *, packages: Path) -> str:
    """One row of LICENSES.md, read from the package itself."""
    folder = packages / "@iconify-json" / PACKAGES[style]
    info, manifest = read_json(folder / "info.json"), read_json(folder / "package.json")
    author, licence = info["author"], info["license"]
    file = f"guests/{style}.webp" if style in GUESTS else f"{style}.webp"
    return (
        f"| `{file}` | [{info['name']}]({author['url']}) | {author['name']} "
        f"| [{licence['spdx']}](licenses/{LICENSE_TEXTS[style]}) ([source]({licence['url']})) "
        f"| {manifest['name']} {manifest['version']} |"
    )


def licenses(packages: Path) -> str:
    """The text of LICENSES.md."""
    emojibase = read_json(packages / "emojibase-data" / "package.json")
    rows = "\n".join(attribution(style, packages=packages) for style in PACKAGES)
    return f"""# Whose art this is

The stickers are drawn by the artists of eight public emoji sets. Each atlas keeps the licence of
the set it was drawn from; the full texts lie in `licenses/`. Those in `guests/` are seen in
training alone.

| File | Artwork | Author | Licence | npm package |
|---|---|---|---|---|
{rows}

Changes made: a selection of the icons was drawn from SVG to pixels, scaled to fit a square cell
with a transparent margin, and packed into one image a style. No icon was redrawn. `openmoji.webp`,
as an adaptation of OpenMoji, is shared under the same CC BY-SA 4.0 licence.

Labels and codes come from [emojibase-data](https://emojibase.dev) {emojibase["version"]}
({emojibase["license"]}, {emojibase["author"]}), which carries the names that Unicode gives;
the words people say in their place are chosen in `curation.tsv`.
"""


def main() -> None:
    """Write everything under assets/sprites."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("packages", type=Path, help="the node_modules folder")
    packages = parser.parse_args().packages
    rows = selection(packages)
    lines = ",\n".join("  " + json.dumps(row) for row in rows)
    (SPRITES / "sprites.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    (SPRITES / "LICENSES.md").write_text(licenses(packages), encoding="utf-8")
    hexcodes = [str(row["hexcode"]) for row in rows]
    for style in STYLE_FILES:
        size = write_atlas(style, hexcodes, packages=packages)
        print(f"{style}: {len(rows)} sprites, {size / 2**20:.2f} MiB")
    for guest in GUESTS:
        drawn, size = write_guest(guest, rows, packages=packages)
        print(f"{guest}: {drawn} sprites, {size / 2**20:.2f} MiB")


if __name__ == "__main__":
    main()
