"""Draw docs/augmentation.png: what augmentation does to one photograph.

python scripts/augmentation_sheet.py [FOLDER]
"""

import argparse
import io
import random
import sys
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from vilt_core.data.augmentation import (  # noqa: E402
    OPERATIONS,
    Operation,
    draw_operations,
    mixgen,
    rand_augment,
)
from vilt_core.data.image import normalise, open_image  # noqa: E402
from vilt_core.viz.augmentation import Mixture, Panel, augmentation_figure  # noqa: E402

MAGNITUDE = 9
SEEDS = (1, 4, 5, 6, 21)  # five draws that are unlike each other
PHOTOS = ROOT / "assets" / "photos"
FIRST = PHOTOS / "cat.jpg", "a tabby cat with green eyes"
SECOND = PHOTOS / "coffee.jpg", "a cup of coffee on a red saucer"
UNITS = {
    "Rotate": "{:.0f}°",
    "Posterize": "{:.0f} bit",
    "Solarize": "from {:.0f}",
    "SolarizeAdd": "+{:.0f}",
    "TranslateXabs": "{:.0f} px",
    "TranslateYabs": "{:.0f} px",
}
TITLES = (
    f"The fourteen operations of RandAugment at magnitude {MAGNITUDE}",
    "Two of them, drawn anew whenever the picture is seen",
    "MixGen: two pairs become one",
)


def label(operation: Operation) -> str:
    """Its name, and its value where it takes one."""
    if operation.high == 1:
        return operation.name
    value = UNITS.get(operation.name, "{:.2g}").format(operation.value(MAGNITUDE))
    return f"{operation.name}, {value}"


def panel(text: str, image: Image.Image) -> Panel:
    """A picture with its label."""
    return Panel(label=text, pixels=np.asarray(image))


def mixture() -> Mixture:
    """Two photographs and what MixGen makes of them."""
    pairs = [(open_image(path), text) for path, text in (FIRST, SECOND)]
    pixels, text = mixgen(*((normalise(np.array(image)), text) for image, text in pairs))
    levels = ((pixels.permute(1, 2, 0) + 1) * 127.5).round().byte().numpy()
    first, second = (panel(text, image) for image, text in pairs)
    return Mixture(first=first, second=second, mixed=Panel(label=text, pixels=levels))


def main() -> None:
    """Write the figure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "docs")
    path = parser.parse_args().folder / "augmentation.png"
    image = open_image(FIRST[0])
    changed = [panel(label(op), op(image, magnitude=MAGNITUDE)) for op in OPERATIONS]
    draws = []
    for seed in SEEDS:
        drawn = draw_operations(random.Random(seed))
        names = " → ".join(operation.name for operation, _ in drawn)
        draws.append(panel(names, rand_augment(image, random.Random(seed), magnitude=MAGNITUDE)))
    figure = augmentation_figure(
        [panel("as it is", image), *changed], draws, mixture(), titles=TITLES
    )
    held = io.BytesIO()
    figure.savefig(held, dpi=100)
    sheet = Image.open(held).convert("RGB")
    sheet.quantize(256, method=Image.Quantize.MEDIANCUT).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
