"""The Train tab in a browser: a very short run is watched, stopped, gone through and kept."""

import csv
import io
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from playwright.sync_api import expect

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
PHONE = {"width": 390, "height": 844}


def test_a_run_is_watched_stopped_gone_through_and_kept(turn):
    page = turn("Train", PHONE, color_scheme="dark")
    for name, value in (("steps", "100"), ("batch", "16")):
        if name == "batch":
            page.get_by_text("More settings").click()
        number = page.locator(f"#train-{name} input[type=number]")
        number.fill(value)
        number.press("Tab")
    page.locator("#train-start").click()
    told = page.locator("#train-told")
    expect(told.locator("[role=progressbar]")).to_be_visible(timeout=30_000)
    columns = page.locator(".ve-film thead button")
    expect(columns.nth(1)).to_be_visible(timeout=120_000)
    for plot in ("train-losses", "train-scores"):
        expect(page.locator(f"#{plot} .js-plotly-plot")).to_be_visible(timeout=60_000)
    page.locator("#train-stop").click()
    expect(told).to_contain_text("Stopped. Everything up to step", timeout=60_000)
    expect(page.locator("#train-on")).to_have_text("Go on to step 100")

    slider, step = page.locator("#emergence input[type=range]"), page.locator("#emergence output")
    expect(slider).to_have_value(str(columns.count() - 1))
    last = step.inner_text()
    slider.focus()
    page.keyboard.press("Home")
    expect(step).to_have_text("step 0")
    heat = page.locator("#emergence .ve-main .ve-frame").first
    expect(heat).to_have_attribute("aria-label", re.compile("after 0 steps"))
    page.get_by_role("button", name="Watch it learn").click()
    expect(step).to_have_text(last, timeout=30_000)
    page.locator(".ve-choose button").nth(1).click()
    expect(page.locator(".ve-choose button").nth(1)).to_have_attribute("aria-pressed", "true")
    menu = page.locator("#emergence .lab-save")
    menu.locator("summary").click()
    saved = {}
    for form in ("svg", "csv"):
        with page.expect_download() as download:
            menu.locator(f"[data-format={form}]").click()
        saved[form] = Path(download.value.path()).read_text(encoding="utf-8")
    drawing = ET.fromstring(saved["svg"])
    texts = "".join(drawing.itertext())
    assert "Transport distance" in texts
    assert "Keep the model" not in texts
    assert len(drawing.findall(".//{*}image")) >= 4  # a picture and its heat, for every noun
    rows = list(csv.reader(io.StringIO(saved["csv"].removeprefix("\ufeff"))))
    assert rows[0] == ["step", *columns.all_inner_texts()]
    assert {cell for row in rows[1:] for cell in row[1:]} <= {"points at it", "not there"}
    menu.locator("summary").click()
    page.get_by_role("button", name="Keep the model of").click()
    expect(page.locator("#train-opens")).to_contain_text("vilt_core.load(")
    with page.expect_download() as file:
        page.locator("#train-file").click()
    assert file.value.suggested_filename.startswith("vilt-small-")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
