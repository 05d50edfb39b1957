"""Draw docs/screenshot-*.png: every tab of the app as it looks with its first example.

python scripts/screenshots.py              # all twelve
python scripts/screenshots.py ask compare  # these alone

The app is started for it and stopped again. Colours are cut to 256, so that a page is some
100 KB, and a long one with photographs 350 KB.
"""

import argparse
import contextlib
import io
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageChops
from playwright.sync_api import Page, ViewportSize, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SIZE = ViewportSize(width=1280, height=900)
HIGHEST = 3000  # pixels of a page that is shown, up to where a block ends
LARGEST = 400_000  # bytes of a picture
PATIENCE = 600_000  # milliseconds for what is pressed: a training is the longest
# What Gradio shows while a handler is at work, and the page.
WORKING = '.meta-text, .progress-text, .lab-progress, button:text-is("Stop")'
# From where to where the rows go and the blocks that hold no other, in pixels from the top of the
# page, and whether each is a heading, after which nothing ends. A row that is higher than a picture
# may end where blocks of it do.
BLOCKS = """(highest) => [...document.querySelectorAll(".block, .row")]
  .filter((block) => block.checkVisibility() && block.offsetHeight > 0
    && (block.matches(".row") ? block.offsetHeight < highest : !block.querySelector(".block")))
  .map((block) => {
    const { top, bottom } = block.getBoundingClientRect();
    const heads = block.offsetHeight < 90 && block.querySelector("h2, h3") !== null
      && block.querySelector("img, svg, canvas, table, button") === null;
    return [Math.floor(top + scrollY), Math.ceil(bottom + scrollY), heads];
  })"""
# A picture is higher than any window: what keeps to a window's edge would lie across its middle.
UNSTUCK = "#tour-stops .lab-turns { position: static !important; }"
TABS = (
    "tour", "ask", "align", "explain", "compose", "foils",
    "masks", "pairs", "pixels", "find", "train", "compare",
)  # fmt: skip


def browser_path() -> str:
    """A Chromium or Chrome.

    Raises:
        SystemExit: there is none.
    """
    named = os.environ.get("CHROMIUM_PATH")
    found = next(filter(None, map(shutil.which, [named] if named else BROWSERS)), None)
    if found is None:
        raise SystemExit("the pictures are taken in Chromium or Chrome, and there is none")
    return found


@contextlib.contextmanager
def served() -> Iterator[str]:
    """The app on a free port, and its address.

    Raises:
        SystemExit: it does not start within two minutes.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1"}
    server = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment)
    address = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(60):
            time.sleep(2)
            if server.poll() is not None:
                raise SystemExit("python app.py ended before it served a page")
            with contextlib.suppress(urllib.error.URLError, TimeoutError):
                urllib.request.urlopen(address, timeout=10).close()
                break
        else:
            raise SystemExit("python app.py served no page within two minutes")
        yield address
    finally:
        server.terminate()
        server.wait(20)


def settle(page: Page) -> None:
    """Wait until nothing is being worked out and the page has looked the same for a while."""
    seen, since = None, time.monotonic()
    while time.monotonic() - since < PATIENCE / 1000:
        page.wait_for_timeout(1500)
        now = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("L")
        working = page.locator(WORKING).filter(visible=True).count()
        if not working and seen is not None and alike(now, seen):
            return
        seen = now


def alike(one: Image.Image, other: Image.Image) -> bool:
    """Whether two pictures differ in no more than one pixel of a thousand.

    A dotted line falls on its pixels in one way or another each time that it is drawn.
    """
    if one.size != other.size:
        return False
    same = ImageChops.difference(one, other).histogram()[0]
    return same >= 0.999 * one.width * one.height


def press(page: Page, tab: str) -> None:
    """Ask what a tab waits to be asked; most begin with an answer."""
    if tab == "find":
        page.get_by_text("A boxing glove in the center", exact=True).click()
    if tab == "train":
        page.locator("#train-start").click()
        page.locator("#train-stop").wait_for(state="visible", timeout=PATIENCE)
        page.locator("#train-stop").wait_for(state="hidden", timeout=PATIENCE)
    if tab == "compare":
        page.locator("#watch").click()
        page.locator(".vp-lane").nth(1).wait_for(timeout=PATIENCE)


def ending(blocks: list[tuple[int, int, bool]], height: int) -> int:
    """Where a picture ends: its page does, or the last block that can be shown whole."""
    if height <= HIGHEST:
        return height
    ends = [
        end
        for _, end, heads in blocks
        if not heads and not any(start < end < stop for start, stop, _ in blocks)
    ]
    return max((end for end in ends if end <= HIGHEST), default=HIGHEST)


def shoot(page: Page, address: str, tab: str) -> Image.Image:
    """A tab with its first example."""
    page.goto(f"{address}?tab={tab}")
    page.add_style_tag(content=UNSTUCK)
    settle(page)
    press(page, tab)
    settle(page)
    shot = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    shot = shot.crop((0, 0, shot.width, ending(page.evaluate(BLOCKS, HIGHEST), shot.height)))
    return shot.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)


def main() -> None:
    """Write the pictures.

    Raises:
        SystemExit: one is larger than the docs should carry, or its tab is unknown.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tabs", nargs="*", help=f"of {', '.join(TABS)}; all by default")
    parser.add_argument("--to", type=Path, default=ROOT / "docs", help="the folder of the pictures")
    asked = parser.parse_args()
    if unknown := set(asked.tabs) - set(TABS):
        raise SystemExit(f"there is no tab {', '.join(sorted(unknown))}: {', '.join(TABS)}")
    with served() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE, reduced_motion="reduce")
        for tab in asked.tabs or TABS:
            path = asked.to / f"screenshot-{tab}.png"
            shoot(page, address, tab).save(path, optimize=True)
            print(f"{path}: {path.stat().st_size / 1024:.0f} KiB", flush=True)
            if path.stat().st_size > LARGEST:
                raise SystemExit(f"at most {LARGEST / 1024:.0f} KiB")
        browser.close()


if __name__ == "__main__":
    main()
