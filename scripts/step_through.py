"""Draw docs/step-through.gif: IPOT at work in the view of *Align*, filmed in a browser.

python scripts/step_through.py [FOLDER]

The view is the page that *Save* writes, of the scene and the sentence that the tab opens with.
"""

import argparse
import io
import os
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, ViewportSize, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from app import alignments, services  # noqa: E402
from vilt_core.viz.stepper import page as page_of  # noqa: E402

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SIZE = ViewportSize(width=1040, height=900)
WORDS = ("heart", "butterfly")  # the second one at the end alone
ITERATIONS = (*range(1, 11), 12, 14, 17, 20, 24, 28, 33, 39, 45, 50)
PACE, PAUSE = 280, 1800  # milliseconds a frame, and one to be read
SMALLER = 0.8  # of a screenshot's sides
LARGEST = 2_000_000  # bytes


def browser_path() -> str:
    """A Chromium or Chrome.

    Raises:
        SystemExit: there is none.
    """
    named = os.environ.get("CHROMIUM_PATH")
    found = next(filter(None, map(shutil.which, [named] if named else BROWSERS)), None)
    if found is None:
        raise SystemExit("the film is taken in Chromium or Chrome, and there is none")
    return found


def view() -> str:
    """The page to film."""
    key = services.EXAMPLES[0]
    return page_of(alignments.align(None, services.captions_of(key)[0], key=key))


def choose(page: Page, word: str) -> None:
    """Put a word's heat on show."""
    page.locator(".va-words").get_by_role("button", name=word, exact=True).click()


def turn_to(page: Page, iteration: int) -> None:
    """Put an iteration on show."""
    page.locator(".va-steps input[type=range]").evaluate(
        "(slider, at) => { slider.value = at; slider.dispatchEvent(new Event('input')); }",
        iteration - 1,
    )


def shoot(page: Page) -> Image.Image:
    """What stands on the page."""
    shot = Image.open(io.BytesIO(page.locator(".va-body").screenshot())).convert("RGB")
    width, height = (round(SMALLER * side) for side in shot.size)
    return shot.resize((width, height), Image.Resampling.LANCZOS)


def film(html: str) -> tuple[list[Image.Image], list[int]]:
    """The frames, and how long each stays."""
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(
            executable_path=browser_path(), args=["--no-sandbox", "--hide-scrollbars"]
        )
        page = browser.new_page(viewport=SIZE, reduced_motion="reduce")
        file = Path(folder) / "view.html"
        file.write_text(html, encoding="utf-8")
        page.goto(file.as_uri())
        choose(page, WORDS[0])
        frames = []
        for iteration in ITERATIONS:
            turn_to(page, iteration)
            frames.append(shoot(page))
        choose(page, WORDS[1])
        frames.append(shoot(page))
        browser.close()
    return frames, [PAUSE, *[PACE] * (len(ITERATIONS) - 2), PAUSE, PAUSE]


def palette_of(frames: list[Image.Image]) -> Image.Image:
    """Colours for all frames alike, so that nothing flickers."""
    some = (frames[0], frames[len(frames) // 2], *frames[-2:])
    width, height = frames[0].size
    sheet = Image.new("RGB", (width, height * len(some)))
    for place, frame in enumerate(some):
        sheet.paste(frame, (0, place * height))
    return sheet.quantize(256, method=Image.Quantize.MEDIANCUT)


def main() -> None:
    """Write the film.

    Raises:
        SystemExit: it is larger than a README should carry.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "docs")
    path = parser.parse_args().folder / "step-through.gif"
    frames, durations = film(view())
    colors = palette_of(frames)
    drawn = [frame.quantize(palette=colors, dither=Image.Dither.NONE) for frame in frames]
    drawn[0].save(path, save_all=True, append_images=drawn[1:], duration=durations, loop=0)
    size = path.stat().st_size
    print(f"{path}: {len(drawn)} frames, {size / 1024:.0f} KiB")
    if size > LARGEST:
        raise SystemExit(f"at most {LARGEST / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
