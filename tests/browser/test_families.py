"""The Compare tab in a browser, with the small presets so that measuring takes seconds."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
PHONE = {"width": 390, "height": 844}
LOOK = re.compile(r"From row \d, column \d to “.+”: .*%")
NUMBER = re.compile(r"Number \d+: -?[\d.]+ x -?[\d.]+ = -?[\d.]+")
PLOTS = ("figure-2", "figure-1", "growth", "history")


@pytest.fixture(scope="module")
def address(serve):
    with serve(VILT_LAB_REHEARSAL="1") as url:
        yield url


# The small presets may be done before a busy browser is asked whether a bar is there.
SEES_PROGRESS = """() => {
  window.sawProgress = false;
  const look = () => { sawProgress ||= !!document.querySelector("#watching [role=progressbar]"); };
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
}"""


def opened(page):
    for plot in PLOTS:
        expect(page.locator(f"#{plot} .js-plotly-plot")).to_be_visible(timeout=60_000)
    return page


def test_costs_are_switched_measured_and_stopped(turn, once):
    page = opened(turn("Compare"))
    expect(page.locator("#measured-where")).to_contain_text("Measured before, on")
    unit = page.locator("#figure-1 .xtitle")
    expect(unit).to_have_text("ms")
    page.locator("#measure").get_by_text("FLOPs").click()
    expect(unit).to_have_text("GFLOPs")
    page.locator("#measure-here").click()
    expect(page.locator("#measuring [role=progressbar]")).to_be_visible()
    expect(page.locator("#measured-where")).to_contain_text("on this machine", timeout=120_000)
    heard = []

    def late(route) -> None:
        """The server hears of the stop late: the page must not take what begins then for it."""
        page.wait_for_timeout(3000)
        route.continue_()
        heard.append(route)

    once(page, "**/cancel", late)
    page.locator("#stop-measuring").click()
    expect(page.locator("#measuring")).to_have_text("Stopped.")
    page.locator("#measure-here").click()
    expect(page.locator("#measuring [role=progressbar]")).to_be_visible(timeout=60_000)
    while not heard:
        page.wait_for_timeout(50)
    page.wait_for_timeout(500)
    page.locator("#stop-measuring").click()
    expect(page.locator("#measuring")).to_have_text("Stopped.")
    page.wait_for_timeout(3000)  # what had not been stopped would tell more
    expect(page.locator("#measuring")).to_have_text("Stopped.")
    expect(page.locator("#measure-here")).to_be_visible()
    expect(unit).to_have_text("GFLOPs")


def test_the_table_is_sorted_by_a_heading(turn):
    page = opened(turn("Compare"))
    first = page.locator("#table-6 tbody tr").first
    before = first.inner_text()
    page.locator("#table-6 th").filter(has_text="GFLOPs").locator("visible=true").first.click()
    expect(first).not_to_have_text(before)


def test_one_pair_goes_through_two_models(turn):
    page = opened(turn("Compare"))
    page.evaluate(SEES_PROGRESS)
    page.locator("#watch").click()
    expect(page.locator(".vp-lane")).to_have_count(2, timeout=120_000)
    assert page.evaluate("sawProgress")
    expect(page.locator("#watching")).to_be_empty()
    told = page.locator(".vp-who .vp-told").first
    matrix = page.locator(".vp-who").first
    strip = page.locator(".vp-dot .vp-strip").last
    strip.hover()
    expect(page.locator(".vp-dot .vp-told")).to_have_text(NUMBER)
    expect(told).to_contain_text("looks most at row ")
    word = matrix.locator("[data-row]").nth(1)
    word.click()
    expect(word).to_have_attribute("aria-pressed", "true")
    expect(matrix.locator('[aria-pressed="true"]')).to_have_count(1)
    expect(told).to_have_text(word.get_attribute("data-told"))
    matrix.locator('[data-of="image"][data-to="text"]').hover()
    expect(told).to_have_text(LOOK)
    before = matrix.get_attribute("data-weights"), page.locator(".vp-dot").inner_html()
    page.locator("#pair-sentence textarea").fill("a fox")
    page.locator("#watch").click()
    expect(matrix.locator('[data-word="fox"]')).to_be_visible(timeout=120_000)
    assert matrix.get_attribute("data-weights") != before[0]
    assert page.locator(".vp-dot").inner_html() != before[1]
    page.locator("#pair-sentence textarea").fill("!!!")
    page.locator("#watch").click()
    expect(page.locator("#watching [role=alert]")).to_contain_text("at least one letter")


def test_the_small_models_are_compared_by_scores_types_and_costs(turn):
    page = opened(turn("Compare"))
    headings = page.locator("#learned th")
    expect(headings.filter(has_text="Two pictures, %").first).to_be_attached()
    for view, column in (
        ("Question types", "Spatial, %"),
        ("Pointing", "Pointing by chance, %"),
        ("Cost", "MI, ms"),
    ):
        page.locator("#learned-columns").get_by_text(view).click()
        expect(headings.filter(has_text=column).first).to_be_attached()
        expect(headings.filter(has_text="Two pictures, %")).to_have_count(0)
    expect(page.locator("#learned tbody tr")).not_to_have_count(0)


def test_a_phone_shows_everything_without_sideways_scrolling(turn):
    page = opened(turn("Compare", PHONE, color_scheme="dark", has_touch=True))
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


# Pixels by which the notes of a plot begin before its first number, and by which names are cut.
EARLY = """(plot) => {
  const left = (one) => one.getBoundingClientRect().left, first = plot.querySelector(".xtick text");
  const notes = [...plot.querySelectorAll(".annotation-text")];
  return Math.max(...notes.map((note) => left(first) - left(note)));
}"""
CUT = """(table) => Math.max(
  ...[...table.querySelectorAll(".text")].filter((name) => /-mini$/.test(name.textContent))
    .map((name) => name.scrollWidth - name.clientWidth))"""


@pytest.mark.parametrize("language", ["zh", "ja"])
def test_in_other_languages_notes_stay_in_figures_and_names_are_whole(visit, language):
    page = opened(visit(PHONE, query=f"tab=compare&lang={language}", has_touch=True))
    note = page.locator("#growth .annotation-text").first
    expect(note).to_contain_text("300")
    expect(note).not_to_contain_text("the paper")
    assert page.locator("#growth").evaluate(EARLY) <= 0
    expect(page.locator("#learned").get_by_text("vilt-plain-mini").last).to_be_visible()
    assert page.locator("#learned").evaluate(CUT) == 0
