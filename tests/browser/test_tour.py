"""The tour and the Pixels tab as a person walks through them."""

import re

import pytest
from playwright.sync_api import Page, expect

PHONE = {"width": 390, "height": 844}
STOPS = ("Patches", "Words", "Places", "One matrix", "Layers", "Pooler", "Heads", "Transport")
WAIT = 60_000

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def toured(page: Page) -> Page:
    expect(page.locator("#stop-0-picture svg")).to_be_visible(timeout=WAIT)
    return page


def prepared(page: Page) -> Page:
    expect(page.locator("#sampled svg")).to_be_visible(timeout=WAIT)
    return page


def go_on(page: Page, name: str) -> None:
    page.get_by_role("button", name=f"{name} →").click()


def reached(page: Page, stop: int) -> Page:
    for name in STOPS[1 : stop + 1]:
        go_on(page, name)
    expect(page.locator(f"#stop-{stop}-says")).not_to_be_empty(timeout=WAIT)
    return page


def number(page: Page, stop: int):
    return page.locator(f"#stop-{stop}-at input[type=number]")


def test_the_page_opens_with_the_tour(browser, address):
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.goto(address)
    expect(page.locator("#stop-0-picture svg")).to_be_visible(timeout=WAIT)
    expect(page.locator("#stop-0-formula .katex").first).to_be_visible()
    expect(page.locator("#stop-0-plot-0 .js-plotly-plot")).to_be_visible()
    page.context.close()


def test_a_person_walks_through_all_stops_and_predicts_at_each(turn):
    page = toured(turn("Tour"))
    for stop, name in enumerate(STOPS):
        if stop:
            go_on(page, name)
        expect(page.locator(f"#stop-{stop}-says")).not_to_be_empty(timeout=WAIT)
        expect(page.locator(f"#stop-{stop}-formula .katex").first).to_be_visible()
        options = page.locator(f"#stop-{stop}-options label")
        expect(options.first).to_be_visible()
        verdict = page.locator(f"#stop-{stop}-verdict")
        expect(verdict).to_be_empty()
        options.first.click()
        expect(verdict.locator(".lab-badge")).to_have_text(re.compile("^(✓ right|✗ it is: .+)$"))
        said = verdict.locator(".lab-badge").inner_text()
        if said.startswith("✗"):
            right = said.removeprefix("✗ it is: ")
            page.locator(f"#stop-{stop}-options").get_by_text(right, exact=True).click()
            expect(verdict.locator(".lab-badge")).to_have_text("✓ right")
    expect(page.locator("#stop-4-proof .js-plotly-plot")).to_have_count(1)
    page.get_by_role("tab", name="Layers", exact=True).click()
    expect(page.locator("#stop-4-tells")).to_contain_text("after layer")
    go_on(page, "Pooler")
    page.get_by_role("button", name="← Layers").click()
    expect(page.locator("#stop-4-picture svg")).to_be_visible()


def test_a_person_may_go_to_any_stop_at_once(turn):
    page = toured(turn("Tour"))
    for stop in (6, 2, 5):
        step = page.get_by_role("tab", name=re.compile(f"{STOPS[stop]}$"))
        expect(step).to_be_enabled()
        step.click()
        expect(step).to_have_attribute("aria-selected", "true")
        expect(page.locator(f"#stop-{stop}-says")).not_to_be_empty(timeout=WAIT)
        expect(page.locator(f"#stop-{stop}-says")).to_be_visible()


def test_a_click_on_a_patch_moves_the_slider_and_the_slider_the_patch(turn):
    page = toured(turn("Tour"))
    tells = page.locator("#stop-0-tells")
    page.locator("#stop-0-picture [data-place='2']").click()
    expect(number(page, 0)).to_have_value("3")
    expect(tells).to_contain_text("Patch 3, row 1, column 3")
    page.locator("#stop-0-at input[type=range]").press("ArrowRight")
    expect(tells).to_contain_text("Patch 4, row 1, column 4")
    go_on(page, "Words")
    piece = page.locator("#stop-1-picture button").nth(2)
    expect(piece).to_be_visible(timeout=WAIT)
    said = piece.inner_text().split("\n")[0]
    piece.press("Enter")
    expect(page.locator("#stop-1-tells b").first).to_have_text(said)
    expect(page.locator("#stop-1-picture button").nth(2)).to_have_attribute("aria-pressed", "true")


def test_layers_and_words_change_what_is_bright(turn):
    page = reached(toured(turn("Tour")), 4)
    tells = page.locator("#stop-4-tells")
    expect(tells).to_contain_text("after layer", timeout=WAIT)
    picture = page.locator("#stop-4-picture image")
    opening = picture.get_attribute("href")
    slider = page.locator("#stop-4-at input[type=range]")
    slider.press("Home")
    expect(tells).to_contain_text("before the first layer")
    expect(picture).not_to_have_attribute("href", opening)
    slider.press("End")
    expect(picture).to_have_attribute("href", opening)
    page.locator("#stop-4-word input").click()
    page.get_by_role("listbox").get_by_role("option").first.click()
    word = page.locator("#stop-4-word input").input_value().split(". ")[1]
    expect(tells.locator("b").first).to_have_text(word)


def test_another_scene_and_sentence_keep_the_stop(turn):
    page = toured(turn("Tour"))
    go_on(page, "Words")
    pieces = page.locator("#stop-1-picture .vc-pieces")
    expect(pieces).to_be_visible(timeout=WAIT)
    before = pieces.text_content()
    page.locator(".lab-strip button[data-place] >> visible=true").nth(2).click()
    expect(pieces).not_to_have_text(before)
    box = page.locator("#tour-sentence textarea")
    box.fill("one red heart")
    page.locator("#tour-go").click()
    expect(pieces.locator("button")).to_have_count(5)
    box.fill("!!!")
    page.locator("#tour-go").click()
    expect(page.locator("#tour-told [role=alert]")).to_contain_text("at least one letter")
    expect(pieces.locator("button")).to_have_count(5)
    box.fill("two red hearts")
    page.locator("#tour-go").click()
    expect(page.locator("#tour-told")).to_be_empty()
    expect(pieces.locator("button")).to_have_count(5)
    box.fill("cat")  # typed, and not followed
    page.locator("#stop-1-at input[type=range]").press("End")
    expect(pieces.locator("button[aria-pressed=true]")).to_have_count(1)
    pieces.locator("button").nth(3).click()
    expect(pieces.locator("button")).to_have_count(5)
    expect(page.locator("#tour-told")).to_be_empty()
    expect(page.locator(".toast-body")).to_have_count(0)


def test_a_sentence_and_a_question_of_ones_own_reach_the_heads(turn):
    page = reached(toured(turn("Tour")), 6)
    expect(page.locator("#stop-6-picture section")).to_have_count(3, timeout=WAIT)
    question = page.locator("#stop-6-text-1 textarea")
    question.fill("is there a dog on the moon?")
    question.press("Enter")
    expect(page.locator("#stop-6-picture h4").nth(2)).to_have_text("is there a dog on the moon?")


def test_a_picture_is_followed_from_its_file_to_its_patches(turn):
    page = prepared(turn("Pixels"))
    expect(page.get_by_text("96 patches", exact=True)).to_be_visible()
    page.locator("#geometry").get_by_text("ViLT-B/32").click()
    expect(page.get_by_text("216 patches", exact=True)).to_be_visible()
    expect(page.locator("#sampled")).to_contain_text("16 dropped (dark), 200 kept")
    page.locator("#limit input[type=number]").fill("60")
    page.locator("#limit input[type=number]").press("Enter")
    page.locator("#draw-others").click()
    expect(page.locator("#sampled")).to_contain_text("156 dropped (dark), 60 kept")
    cells = "[...document.querySelectorAll('#sampled .vc-faded')].map((c) => c.outerHTML).join()"
    before = page.evaluate(cells)
    page.locator("#draw-others").click()
    page.wait_for_function(f"(before) => {cells} !== before", arg=before)
    expect(page.locator("#sampled .vc-faded")).to_have_count(156)
    page.get_by_role("button", name="Turned by its camera").click()
    expect(page.get_by_text("EXIF orientation 6")).to_be_visible()


BROKEN_FILES = {
    "Cut short": "damaged or cut short",
    "No picture": "no image of a known kind",
    "Enormous": "at most",
}


def test_a_broken_file_is_one_sentence_and_the_next_works(turn):
    page = prepared(turn("Pixels"))
    for name, said in BROKEN_FILES.items():
        page.get_by_role("button", name=name, exact=True).click()
        expect(page.locator("#pixels-told [role=alert]")).to_contain_text(said)
        page.get_by_role("button", name="One pixel", exact=True).click()
        expect(page.locator("#pixels-told")).to_be_empty()
        expect(page.get_by_text("The file is a PNG of 1 x 1")).to_be_visible()


def test_a_phone_shows_everything_without_sideways_scrolling(turn):
    page = toured(turn("Tour", PHONE, color_scheme="dark", has_touch=True))
    for stop, name in enumerate(STOPS):
        if stop:
            go_on(page, name)
        expect(page.locator(f"#stop-{stop}-says")).not_to_be_empty(timeout=WAIT)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_a_phone_has_room_for_what_becomes_of_a_picture(turn):
    page = prepared(turn("Pixels", PHONE, color_scheme="dark", has_touch=True))
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
