"""Draw docs/contact-sheet-1.png and so on: every sticker in every style, its word under it.

python scripts/contact_sheet.py [FOLDER]
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from vilt_core.world.sprites import HELD_OUT_STYLE, STYLES, Sprite, pyramid, sprites  # noqa: E402

SIDE = 64
LABEL = 16
GROUPS_A_ROW = 5
GAP = 12
PAGE = 130
BACKGROUND = (150, 176, 190)


def page(chosen: list[Sprite]) -> Image.Image:
    """One page: groups of a sprite's four styles side by side."""
    styles = (*STYLES, HELD_OUT_STYLE)
    group = len(styles) * SIDE + GAP
    rows = -(-len(chosen) // GROUPS_A_ROW)
    sheet = Image.new("RGB", (GROUPS_A_ROW * group + GAP, rows * (SIDE + LABEL) + GAP), BACKGROUND)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=12)
    for place, sprite in enumerate(chosen):
        top, left = divmod(place, GROUPS_A_ROW)
        x, y = GAP + left * group, GAP // 2 + top * (SIDE + LABEL)
        for offset, style in enumerate(styles):
            cell = pyramid(style)[1][sprite.index]
            under = np.array(BACKGROUND) * (1 - cell[..., 3:] / 255)
            icon = Image.fromarray((cell[..., :3] + under).round().astype(np.uint8))
            sheet.paste(icon, (x + offset * SIDE, y))
        pen.text((x, y + SIDE), f"{sprite.label} ({sprite.category})", fill=(30, 30, 30), font=font)
    return sheet


def main() -> None:
    """Write the pages."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "docs")
    folder = parser.parse_args().folder
    everything = list(sprites())
    for number, start in enumerate(range(0, len(everything), PAGE), 1):
        path = folder / f"contact-sheet-{number}.png"
        sheet = page(everything[start : start + PAGE])
        sheet.quantize(256, method=Image.Quantize.MEDIANCUT).save(path, optimize=True)
        print(f"{path}: {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
