"""What holds on every tab: what is shown can be kept, linked, understood and reached by all."""

import csv
import io
import re
import struct
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from app import composing
from vilt_core.world.composing import from_code

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 800}
TABS = (
    "tour", "ask", "align", "explain", "compose", "foils", "masks", "pairs", "pixels", "find",
    "train", "compare",
)  # fmt: skip
BY_NIGHT = {"explain", "masks"}  # they hold every kind of text
WAITED = 60_000
# Gradio's own place for a figure that is still to come names itself where it may not.
NOT_OURS = {"exclude": [[".empty"]]}
GONE = [":root"]  # how axe names what is no longer on the page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def follow(visit):
    """Open an address of the page, and be patient: a model may have to be loaded first."""

    def followed(query: str, size=DESK, **settings) -> Page:
        page = visit(size, query=query, **settings)
        page.set_default_timeout(WAITED)
        return page

    return followed


def there(locator) -> None:
    """Wait for what a model must say first."""
    expect(locator.first).to_be_visible(timeout=WAITED)


def kept(page: Page, host: str, form: str, folder: Path) -> Path:
    """A figure or a table saved."""
    menu = page.locator(f"{host} .lab-save")
    if menu.get_attribute("open") is None:
        menu.locator("summary").click()
    with page.expect_download() as download:
        menu.locator(f"[data-format={form}]").click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def side(png: Path) -> tuple[int, int]:
    data = png.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", data[16:24])


def alone(page: Page, path: Path) -> Page:
    """A saved page without any network; whatever it asks for fails the test."""
    context = page.context.browser.new_context(offline=True)
    other = context.new_page()
    asked = []
    other.on("request", lambda request: asked.append(request.url))
    other.on("pageerror", lambda error: asked.append(str(error)))
    other.goto(path.as_uri())
    other.wait_for_load_state()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    return other


def test_a_figure_of_plotlys_is_kept(follow, tmp_path):
    page = follow("tab=compare", color_scheme="dark")
    there(page.locator("#figure-2 .js-plotly-plot .main-svg"))
    drawn = kept(page, "#figure-2", "svg", tmp_path)
    assert drawn.name == "vilt-lab-compare-figure-2.svg"
    root = ET.fromstring(drawn.read_text())
    assert root.tag.endswith("svg")
    assert "ViLT-B/32" in "".join(root.itertext())
    width, _ = side(kept(page, "#figure-2", "png", tmp_path))
    assert width == 2 * page.locator("#figure-2 .js-plotly-plot").evaluate("it => it.clientWidth")
    other = alone(page, kept(page, "#figure-2", "html", tmp_path))
    expect(other.locator(".main-svg").first).to_be_visible()
    other.context.close()
    rows = list(csv.reader(io.StringIO(kept(page, "#table-6", "csv", tmp_path).read_text())))
    assert rows[0][0].startswith("\ufeffModel")
    assert any(row[0] == "ViLT-B/32" for row in rows)
    assert {len(row) for row in rows if row} == {11}


def test_a_view_of_our_own_is_kept_by_day_and_stays_alive(follow, tmp_path):
    page = follow("tab=foils&picture=test.0.46", color_scheme="dark")
    there(page.locator("#foils .vf-word"))
    drawn = kept(page, "#foils", "svg", tmp_path)
    root = ET.fromstring(drawn.read_text())
    texts = "".join(root.itertext())
    assert "P(match)" in texts
    assert "foreignObject" not in drawn.read_text()
    assert len(root.findall(".//{*}image")) >= 4
    assert root.find("{*}rect").get("fill") == "#fff"
    assert page.evaluate("document.body.classList.contains('dark')")
    width, _ = side(kept(page, "#foils", "png", tmp_path))
    assert width > 1000
    other = alone(page, kept(page, "#foils", "html", tmp_path))
    words = other.locator(".vf-side >> nth=0 >> .vf-word")
    words.nth(2).click()
    expect(words.nth(2)).to_have_attribute("aria-pressed", "true")
    other.context.close()


def test_a_table_of_html_is_kept_in_full(follow, tmp_path):
    page = follow("tab=pairs")
    there(page.locator("#pair table"))
    rows = list(csv.reader(io.StringIO(kept(page, "#pair", "csv", tmp_path).read_text())))
    assert [row[0] for row in rows[1:]] == ["the left picture", "the right picture"]
    shown = page.locator("#pair tbody td").first.inner_text()
    assert f"{float(rows[1][1]):.4f}" == shown
    assert len(rows[1][1]) > len(shown)


def test_the_picture_on_show_is_kept(follow, tmp_path):
    page = follow("tab=ask&picture=test.0.46")
    with page.expect_download() as download:
        page.locator(".lab-keep >> visible=true").first.click()
    assert download.value.suggested_filename == "vilt-lab-ask-picture.png"
    path = tmp_path / "picture.png"
    download.value.save_as(path)
    assert side(path) == (512, 512)


def test_the_picture_on_show_is_called_by_what_is_on_it(follow):
    page = follow("tab=ask&picture=test.0.46")
    tiles = page.locator(".lab-strip button[data-place] >> visible=true")
    image = page.locator(".lab-picture img >> visible=true").first
    for place in (None, 1, 0):
        if place is not None:
            tiles.nth(place).click()
        chosen = page.locator(".lab-strip button[aria-pressed=true] img >> visible=true").first
        if place is not None:
            expect(tiles.nth(place)).to_have_attribute("aria-pressed", "true")
        says = chosen.get_attribute("alt")
        assert len(says) > 8
        expect(image).to_have_attribute("alt", says)


def test_a_cell_is_no_formula(follow):
    page = follow("tab=ask")
    page.wait_for_function("window.labSave")
    cells = ["=1+1", "@x", "-4.5", "+0.1", "-a", "猫, dog", 'a "b"']
    line = page.evaluate("cells => labSave.csv([cells])", cells)
    assert line.startswith("\ufeff")
    assert next(csv.reader(io.StringIO(line[1:]))) == [
        "'=1+1", "'@x", "-4.5", "+0.1", "'-a", "猫, dog", 'a "b"',
    ]  # fmt: skip


def test_a_link_leads_to_the_same(follow):
    query = "tab=align&picture=test.0.46&sentence=A+yellow+heart&beta=0.2&iterations=30&word=3"
    page = follow(query, permissions=["clipboard-read", "clipboard-write"])
    there(page.locator(".va-word"))
    expect(page.locator(".va-word[aria-pressed=true] span")).to_have_text("heart")
    expect(page.locator("#iterations input[type=number]")).to_have_value("30")
    page.get_by_role("button", name="Share", exact=True).click()
    expect(page.locator(".lab-linked p")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()").endswith(f"?{query}")
    for _ in range(2):  # the same link is handed out again
        page.keyboard.press("Escape")
        expect(page.locator(".lab-linked")).to_be_hidden()
        page.get_by_role("button", name="Share", exact=True).click()
        expect(page.locator(".lab-linked")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Ask", exact=True).click()
    there(page.locator("#reply .vl-bars li"))
    assert page.evaluate("location.search") == "?tab=ask"
    page.go_back()
    expect(page.get_by_role("tab", name="Align", exact=True)).to_have_attribute(
        "aria-selected", "true"
    )


def test_a_broken_link_gets_one_sentence_and_the_page(follow):
    page = follow("tab=align&picture=../../etc/passwd")
    expect(page.locator("#header [role=alert]")).to_contain_text(
        "cannot be followed", timeout=WAITED
    )
    expect(page.get_by_role("tab", name="Tour", exact=True)).to_have_attribute(
        "aria-selected", "true"
    )
    assert "Traceback" not in page.content()


def test_a_picture_of_ones_own_is_not_linked(follow, tmp_path):
    from PIL import Image

    path = tmp_path / "own.png"
    Image.new("RGB", (64, 64), "red").save(path)
    page = follow("tab=ask")
    there(page.locator("#reply .vl-bars li"))
    picture = page.locator(".lab-picture >> visible=true").first
    picture.get_by_label("Remove Image").click()
    picture.locator("input[type=file]").set_input_files(path)
    expect(picture.locator("img")).to_be_visible()
    page.get_by_role("button", name="Share", exact=True).click()
    expect(page.locator("#header [role=alert]")).to_contain_text("of your own cannot be linked")


def test_words_are_explained_to_the_keyboard(follow):
    page = follow("tab=align", size=PHONE)
    word = page.locator(".lab-term button >> visible=true").get_by_text("IPOT", exact=True)
    there(word)
    before = page.locator(".lab-terms >> visible=true").bounding_box()
    word.focus()
    told = page.locator(".lab-term:focus-within [role=tooltip]")
    expect(told).to_contain_text("proximal point")
    assert told.get_attribute("id") == word.get_attribute("aria-describedby")
    assert page.locator(".lab-terms >> visible=true").bounding_box() == before
    box = told.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= PHONE["width"]
    page.keyboard.press("Escape")
    expect(told).to_be_hidden()


def heard(page: Page, **options) -> list[str]:
    """What axe finds broken; once more where an answer came meanwhile and replaced what it read."""
    for _ in range(5):
        found = Axe().run(
            page, context=NOT_OURS, options={"resultTypes": ["violations"], **options}
        )
        broken = [
            (broken["id"], node["target"])
            for broken in found.response["violations"]
            for node in broken["nodes"]
        ]
        if GONE not in [target for _, target in broken]:
            break
        page.wait_for_timeout(500)
    return [f"{rule} at {target}" for rule, target in broken]


def test_every_tab_can_be_seen_by_day_and_night_heard_and_reached(follow):
    page = follow("tab=tour")
    there(page.locator("#stop-0-says p"))
    page.add_style_tag(content="* { transition: none !important; animation: none !important; }")
    found = {}
    for tab in TABS:
        page.locator(f"[data-tab-id={tab}]").click()
        expect(page.locator(".lab-terms >> visible=true")).to_have_count(1, timeout=WAITED)
        page.wait_for_timeout(500)
        found[tab] = heard(page)
        if tab in BY_NIGHT:
            page.get_by_label("Dark colours").click()
            found[f"{tab} by night"] = heard(page, runOnly=["color-contrast"])
            page.get_by_label("Dark colours").click()
        assert page.locator("img:not([alt])").count() == 0
        assert page.locator('[tabindex]:not([tabindex^="-"], [tabindex="0"])').count() == 0
    assert {tab: broken for tab, broken in found.items() if broken} == {}


def test_what_is_answered_is_told_to_those_who_hear_the_page(follow):
    page = follow("tab=ask&picture=test.0.46")
    told = page.locator("#said")
    expect(told).to_contain_text("Answer: ", timeout=WAITED)
    page.evaluate("window.region = document.querySelector('#said')")
    page.locator("#question textarea").fill("is there a griffin?")
    page.get_by_role("button", name="Ask", exact=True).click()
    best = page.locator("#reply .lab-verdict strong")
    expect(page.locator("#reply .lab-badge")).to_have_count(0)  # nobody knows the truth of that
    expect(told).to_contain_text(f"Answer: {best.inner_text()}, ")
    told.evaluate("region => region.replaceChildren()")
    page.get_by_role("button", name="Ask", exact=True).click()  # the same words are told again
    expect(told).to_contain_text(f"Answer: {best.inner_text()}, ")
    for tab, line in (
        ("foils", "P(match): Sentence "),
        ("masks", "Hidden "),
        ("pairs", "P(true): "),
        ("compose", "The sentence matches the picture: "),
    ):
        page.locator(f"[data-tab-id={tab}]").click()
        expect(told).to_contain_text(line, timeout=WAITED)
    alive = "region.isConnected && region.getAttribute('role') === 'status'"
    assert page.evaluate(alive)  # a region that comes with its words is passed over
    assert page.locator(".lab-progress[role=status]").count() == 0


def test_a_phone_reaches_every_tab(follow):
    page = follow("tab=find", size=PHONE, has_touch=True)
    there(page.locator("#wanted"))
    page.get_by_label("More tabs").first.click()
    page.locator(".overflow-dropdown").get_by_text("Pairs", exact=True).click()
    there(page.locator("#pair .vt"))
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.evaluate("location.search") == "?tab=pairs"


SUGGEST_TEXTS = {"Ask", "Align", "Explain", "Masks", "Pairs"}
TILES, CHIPS = "[role=tabpanel] button[data-place]:visible", ".lab-chips button:visible"


def both(page: Page, clicks: list) -> None:
    """Two clicks, the second while the server has not yet heard of the first.

    The route stays: of one that is taken away, a request on its way just then is never sent.
    """
    held, holding = [], True

    def heard(route) -> None:
        if holding:
            held.append(route)
        else:  # a busy page sends late: what nobody lets go on would be lost
            route.continue_()

    page.route("**/queue/join*", heard)
    first, second = clicks
    first()
    for _ in range(100):
        if held:
            break
        page.wait_for_timeout(100)
    second()
    page.wait_for_timeout(400)  # Compose waits a moment before it sends
    holding = False  # the page sends one after the other: the second waits for the first
    for route in held:
        with page.expect_response("**/queue/join*"):
            route.continue_()


@pytest.mark.parametrize(
    "tabs",  # each half opens one page: to mount it takes longer than the clicks
    [("Tour", "Ask", "Align", "Explain"), ("Foils", "Masks", "Pairs", "Pixels")],
)
def test_the_last_of_two_quick_clicks_counts(visit, turn_to, tabs):
    page = visit(tab=tabs[0].lower())
    for tab in tabs:
        if tab != tabs[0]:
            turn_to(page, tab)
        expect(page.locator(f"{TILES}[aria-pressed=true]")).to_have_count(1, timeout=WAITED)
        for of in (CHIPS, TILES):  # another picture has other suggestions
            buttons = page.locator(of)
            expect(buttons.nth(2)).to_be_visible(timeout=WAITED)
            both(page, [buttons.nth(1).click, buttons.nth(2).click])
            expect(buttons.nth(2)).to_have_attribute("aria-pressed", "true", timeout=WAITED)
        if tab in SUGGEST_TEXTS:  # a picture, and at once something about it: neither is lost
            tile, chip = page.locator(TILES).first, page.locator(CHIPS).nth(1)
            said = chip.get_attribute("value")
            both(page, [tile.click, chip.click])
            expect(tile).to_have_attribute("aria-pressed", "true", timeout=WAITED)
            expect(page.locator("[role=tabpanel] textarea:visible").first).to_have_value(said)


def test_a_pair_that_is_swapped_at_once_is_shown_as_it_is_judged(visit):
    page = visit(tab="pairs")
    tiles, chances = page.locator(TILES), page.locator("#pair .vt-p")
    sides = [page.locator("#pair-left img"), page.locator("#pair-right img")]

    def pick(place: int) -> list[str | None]:
        """The addresses of both pictures."""
        before = [side.get_attribute("src") for side in sides]
        tiles.nth(place).click()
        for side, source in zip(sides, before, strict=True):
            expect(side).not_to_have_attribute("src", source, timeout=WAITED)
        return [side.get_attribute("src") for side in sides]

    def judge() -> list[str]:
        """What is said of both orders."""
        before = chances.all_text_contents()
        page.locator("#statement textarea").fill("Both pictures show an animal")
        page.locator("#pair-judge").click()
        expect(chances).not_to_have_text(before, timeout=WAITED)
        return chances.all_text_contents()

    expect(chances).to_have_count(2, timeout=WAITED)
    for side in sides:
        expect(side).to_be_visible()
    left, right = pick(1)
    judged = judge()
    pick(0)
    both(page, [tiles.nth(1).click, page.locator("#pair-swap").click])
    expect(sides[0]).to_have_attribute("src", right, timeout=WAITED)
    expect(sides[1]).to_have_attribute("src", left)
    assert judge() == judged[::-1]


def test_what_is_asked_while_the_stream_of_answers_ends_is_answered(visit, once):
    page = visit(tab="tour")
    options = page.locator("#stop-0-options label")
    expect(options.first).to_be_visible(timeout=WAITED)
    expect(page.locator(f"{TILES}[aria-pressed=true]")).to_have_count(1)
    streams = []

    def told_late(route) -> None:
        """The page hears nothing of a stream before its end, and hears of that late."""
        response = route.fetch()
        streams.append(route)
        while len(streams) == 1:
            page.wait_for_timeout(50)
        route.fulfill(response=response)

    page.wait_for_timeout(1000)  # until the page's first stream has ended
    once(page, "**/queue/data*", told_late)
    options.first.click()
    while not streams:
        page.wait_for_timeout(50)
    tile = page.locator(TILES).nth(2)
    with page.expect_response("**/queue/join*"):
        tile.click()
    page.wait_for_timeout(500)
    streams.append(None)
    expect(page.locator("#stop-0-verdict .lab-badge")).to_be_visible()
    expect(tile).to_have_attribute("aria-pressed", "true")


def test_a_question_that_is_lost_on_its_way_keeps_no_other_waiting(visit, once):
    page, lost = visit(tab="ask"), []
    chips = page.locator(CHIPS)
    expect(chips.nth(2)).to_be_visible(timeout=WAITED)
    once(page, "**/queue/join*", lost.append)
    chips.nth(1).click()
    while not lost:
        page.wait_for_timeout(50)
    chips.nth(2).click()
    expect(chips.nth(2)).to_have_attribute("aria-pressed", "true", timeout=WAITED)


def test_a_scene_changed_again_while_the_model_thinks_is_the_one_that_counts(visit):
    page = visit(tab="compose")
    expect(page.locator("#sight .lab-words button").first).to_be_visible(timeout=WAITED)
    page.locator(".lc-thing").first.focus()
    keys = page.keyboard
    both(page, [lambda: keys.press("ArrowRight"), lambda: keys.press("Shift+ArrowRight")])
    moved = pytest.approx(composing.opening().objects[0].x + 0.02 + 0.1)

    def tells(address: str) -> bool:
        found = re.search(r"scene=([\w-]+)", address)
        return found is not None and from_code(found[1]).objects[0].x == moved

    page.wait_for_url(tells)


# A press counts for what it was put on, though the page fills meanwhile and moves it away.

PUSH = """tall => {
  const theme = document.querySelector(".lab-theme"), space = document.createElement("div");
  document.body.prepend(space);
  const push = () => { space.style.height = `${tall}px`; };
  theme.addEventListener("pointerdown", push, { once: true });
}"""


@pytest.mark.parametrize(
    ("moves", "drags", "counts"), [(0, 0, True), (300, 0, True), (300, 120, False)]
)
def test_a_press_counts_though_the_page_moves_unless_the_hand_does(follow, moves, drags, counts):
    page = follow("tab=tour")
    theme = page.locator(".lab-theme")
    expect(theme).to_have_attribute("aria-pressed", "false")
    page.evaluate(PUSH, moves)
    box = theme.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + 5 - drags, box["y"] + 5)
    page.mouse.up()
    page.wait_for_timeout(100)
    expect(theme).to_have_attribute("aria-pressed", str(counts).lower())


def test_nothing_below_moves_when_a_figure_can_be_kept(follow):
    page = follow("tab=tour&stop=3")
    there(page.locator("#stop-2-picture .lab-save"))
    own = "box => box.getBoundingClientRect().height"
    for host in ("#stop-2-picture", "#stop-2-plot-0"):
        box = page.locator(host)
        there(box.locator(".lab-save"))
        with_it = box.evaluate(own)
        box.locator(".lab-save").evaluate("menu => { menu.hidden = true; }")
        assert box.evaluate(own) == pytest.approx(with_it, abs=1)


def test_who_picks_with_the_keyboard_stays_where_they_were(follow):
    page = follow("tab=masks")
    tiles, chips = page.locator(TILES), page.locator(CHIPS)
    expect(tiles.nth(2)).to_be_visible(timeout=WAITED)
    for buttons in (tiles, chips):
        expect(buttons.nth(2)).to_be_visible(timeout=WAITED)
        buttons.nth(2).focus()
        page.keyboard.press("Enter")
        expect(buttons.nth(2)).to_have_attribute("aria-pressed", "true", timeout=WAITED)
        expect(buttons.nth(2)).to_be_focused()
    first = page.locator(".lab-strip button >> visible=true").first
    expect(first).to_have_text("New scene")
    box, tile = first.bounding_box(), tiles.first.bounding_box()
    assert box is not None
    assert tile is not None
    assert box["x"] < tile["x"]
