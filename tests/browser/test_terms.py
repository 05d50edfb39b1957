"""Where a word of the glossary first stands in a tab, what it means can be asked for."""

import pytest
from playwright.sync_api import Page, expect

from app import languages
from app.components import glossary

PHONE = {"width": 390, "height": 844}
WAITED = 60_000
MEANS = glossary.glossary()["terms"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

# Of each underlined word: as it is written, the text around it, and the middle of its first box.
MARKED = """() => [...(CSS.highlights.get("lab-met") ?? [])].map((range) => {
  const { left, top, width, height } = range.getClientRects()[0] ?? {};
  const text = range.startContainer.data;
  return { way: range.toString(), text, x: left + width / 2, y: top + height / 2 };
})"""
INTO_VIEW = """(way) => [...CSS.highlights.get("lab-met")].find((range) => range.toString() === way)
  .startContainer.parentElement.scrollIntoView({ block: "center" })"""


def marked(page: Page, way: str) -> dict:
    """A word that is underlined once it is there, brought into view."""
    there = f"(way) => ({MARKED})().some((mark) => mark.way === way)"
    page.wait_for_function(there, arg=way, timeout=WAITED)
    page.evaluate(INTO_VIEW, way)
    (mark,) = [mark for mark in page.evaluate(MARKED) if mark["way"] == way]
    return mark


def shown(page: Page):
    return page.locator("[data-term]:popover-open")


def test_a_word_is_explained_under_the_pointer_and_put_away(visit):
    page = visit(tab="foils")
    mark = marked(page, "Transport distance")
    page.mouse.move(mark["x"], mark["y"])
    expect(shown(page)).to_have_text(MEANS["transport distance"])
    box = shown(page).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + 12, steps=4)  # it can be read with the pointer on it
    page.wait_for_timeout(300)
    expect(shown(page)).to_have_count(1)
    page.keyboard.press("Escape")
    expect(shown(page)).to_have_count(0)
    page.mouse.move(mark["x"], mark["y"])
    expect(shown(page)).to_have_count(1)
    page.mouse.move(2, 2)
    expect(shown(page)).to_have_count(0)


def test_a_word_on_top_of_a_tab_is_put_away_though_nothing_has_the_focus(visit):
    page = visit(tab="align")
    expect(page.locator(".va-word").first).to_be_visible(timeout=WAITED)
    term = page.locator(".lab-term >> visible=true").first
    term.locator("button").hover()
    told = term.locator("[role=tooltip]")
    expect(told).to_be_visible()
    page.keyboard.press("Escape")
    expect(told).to_be_hidden()
    page.mouse.move(2, 2)
    term.locator("button").hover()
    expect(told).to_be_visible()


def test_the_keyboard_meets_each_word_once_and_a_voice_hears_it(visit):
    page = visit(tab="foils")
    marked(page, "Transport distance")
    ways = [mark["way"] for mark in page.evaluate(MARKED)]
    keys = page.locator(".lab-met")
    expect(keys).to_have_count(len(ways))
    key = page.get_by_role("button", name="What “transport distance” means", exact=True)
    expect(key).to_have_accessible_description(MEANS["transport distance"])
    key.focus()
    expect(shown(page)).to_have_text(MEANS["transport distance"])
    assert shown(page).get_attribute("role") == "tooltip"
    page.keyboard.press("Escape")
    expect(shown(page)).to_have_count(0)
    expect(key).to_be_focused()
    page.keyboard.press("Enter")
    expect(shown(page)).to_have_count(1)
    page.keyboard.press("Tab")
    expect(shown(page).get_by_text(MEANS["transport distance"])).to_have_count(0)


@pytest.mark.parametrize("code", ["en", *languages.codes()])
def test_a_tap_explains_it_and_a_choice_is_still_chosen(visit, code):
    page = visit(PHONE, query=f"tab=masks&lang={code}", has_touch=True)
    pieces = "single pieces" if code == "en" else languages.texts(code)["single pieces"]
    says = MEANS["piece"] if code == "en" else languages.texts(code)[MEANS["piece"]]
    choice = page.locator("#mask-unit label", has_text=pieces)
    expect(choice).to_be_visible(timeout=WAITED)
    way = {"en": "pieces", "zh": "词片", "ja": "単語片"}[code]
    mark = marked(page, way)
    assert mark["text"].strip() == pieces
    page.touchscreen.tap(mark["x"], mark["y"])
    expect(shown(page)).to_have_text(says)
    expect(choice.locator("input")).to_be_checked()
    box = shown(page).bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= PHONE["width"]
    page.touchscreen.tap(4, mark["y"])
    expect(shown(page)).to_have_count(0)


def test_nothing_of_a_visitor_or_a_model_is_underlined(visit):
    page = visit(tab="foils")
    marked(page, "Transport distance")
    page.locator("#foil-false textarea").fill("a patch of the pooler")
    page.locator("#foil-compare").click()
    expect(page.locator("#foils .vf-side").last).to_contain_text("pooler")
    page.wait_for_timeout(600)
    assert "pooler" not in [mark["way"] for mark in page.evaluate(MARKED)]


def test_a_text_that_is_written_anew_is_underlined_anew_and_none_is_changed(visit):
    page = visit(tab="foils")
    assert marked(page, "patches")["text"].endswith(" more on the way to their patches.")
    before = page.locator("#foils .vf-values").all_inner_texts()
    page.locator("#foil-another").click()
    expect(page.locator("#foils .vf-values")).not_to_have_text(before)
    mark = marked(page, "Transport distance")
    page.mouse.move(mark["x"], mark["y"])
    expect(shown(page)).to_have_text(MEANS["transport distance"])
    ways = [mark["way"].lower() for mark in page.evaluate(MARKED)]
    assert len(set(ways)) == len(ways)


def test_another_stop_of_the_tour_explains_its_own_words(visit):
    page = visit(query="tab=tour&stop=6")
    mark = marked(page, "pooled")
    page.mouse.move(mark["x"], mark["y"])
    expect(shown(page)).to_have_text(MEANS["pooler"])
    page.get_by_role("tab", name="Pixels", exact=True).click()
    expect(shown(page)).to_have_count(0)
    marked(page, "batch")
