"""Draw docs/scenes.png: scenes in the training styles and the held-out one, and their language.

python scripts/scene_sheet.py [FOLDER]
"""

import argparse
import random
import sys
import textwrap
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from vilt_core.world.captions import caption  # noqa: E402
from vilt_core.world.questions import questions  # noqa: E402
from vilt_core.world.rendering import paint  # noqa: E402
from vilt_core.world.scenes import Scene, scene  # noqa: E402

SIDE = 300
TEXT = 118
GAP = 14
COLUMNS = 4
ROWS = (("train", 3), ("train", 20), ("composition", 5), ("style", 8))  # split and first index


def draw_scene(place: Scene) -> Image.Image:
    """One scene with a caption and two questions under it."""
    card = Image.new("RGB", (SIDE, SIDE + TEXT), "white")
    card.paste(Image.fromarray(paint(place, SIDE).pixels), (0, 0))
    pen, font = ImageDraw.Draw(card), ImageFont.load_default(size=13)
    chance = random.Random(f"sheet/{place.split}/{place.index}").random
    lines = textwrap.wrap(caption(place, chance).text, 44)[:3]
    for asked in questions(place, chance, count=2):
        lines += textwrap.wrap(f"{asked.text}  {asked.answer}", 44)[:2]
    for place_in_text, line in enumerate(lines):
        pen.text((2, SIDE + 6 + 15 * place_in_text), line, fill=(40, 40, 40), font=font)
    return card


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "docs")
    path = parser.parse_args().folder / "scenes.png"
    width, height = SIDE + GAP, SIDE + TEXT + GAP
    sheet = Image.new("RGB", (COLUMNS * width + GAP, len(ROWS) * height + GAP), "white")
    for row, (split, first) in enumerate(ROWS):
        for column in range(COLUMNS):
            card = draw_scene(scene(0, first + column, split=split))
            sheet.paste(card, (GAP + column * width, GAP + row * height))
    sheet.quantize(256, method=Image.Quantize.MEDIANCUT).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
