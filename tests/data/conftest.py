from pathlib import Path

import pytest
from PIL import Image

FORMATS = Path(__file__).parents[3] / "shared" / "formats"


@pytest.fixture
def formats():
    """Samples of the public files, kept beside the checkout."""
    if not FORMATS.is_dir():
        pytest.skip(f"the samples of public formats are not at {FORMATS}")
    return FORMATS


@pytest.fixture
def paint():
    """Writes a tiny picture, with the folders above it."""

    def painter(path, colour="navy"):
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.new("RGB", (12, 8), colour)
        image.save(path, format="PNG" if path.suffix == ".png" else "JPEG")
        return path

    return painter
