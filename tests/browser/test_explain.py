"""The Explain tab as a person uses it: a question, its explanations, heads, and knock-outs."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
PHONE = {"width": 390, "height": 844}
DONE = re.compile(r"Done in \d+\.\d s")


def explained(page):
    expect(page.locator("#explaining")).to_have_text(DONE, timeout=120_000)
    return page


def test_an_answer_is_taken_apart(turn):
    page = explained(turn("Explain"))
    answer = page.locator("#explained-answer .lab-verdict strong")
    expect(page.locator(".vx-card img")).to_have_count(6)
    expect(page.locator(".vx-scores").first).to_contain_text(re.compile("points at|misses it"))
    for plot in ("faithfulness", "lens"):
        expect(page.locator(f"#{plot} .js-plotly-plot")).to_be_visible()

    told = page.locator("#heads .vx-told")
    heat = "document.querySelector('#heads .vx-stage canvas').toDataURL()"
    before = page.evaluate(heat)
    page.get_by_role("button", name="Layer 2, head 3").click()
    expect(told).to_contain_text("Layer 2, head 3")
    assert page.evaluate(heat) != before
    page.get_by_role("button", name="Layer 2, head 3").press("ArrowLeft")
    expect(told).to_contain_text("Layer 2, head 2")
    before = page.evaluate(heat)
    page.locator(".vx-queries button").nth(2).click()
    assert page.evaluate(heat) != before

    first = answer.inner_text()
    page.locator("#board [data-kind=layers]").first.click()
    after = page.locator("#knocked .lab-verdict strong")
    expect(after.first).to_have_text(first)
    page.locator("#board [data-kind=words]").first.click()
    page.locator("#board [data-kind=patches]").nth(9).click()
    expect(page.locator("#board [aria-pressed=true]")).to_have_count(3)
    for _ in range(3):
        page.locator("#board [aria-pressed=true]").first.click()
    expect(page.locator("#knocked .lab-waiting")).to_be_visible()


def test_other_questions_answers_and_a_stop(turn):
    page = explained(turn("Explain"))
    group = page.get_by_role("group", name="Answers to explain")
    group.get_by_role("button").nth(1).click()
    expect(page.locator("#explaining [role=progressbar]")).to_be_visible()
    expect(group.get_by_role("button").nth(1)).to_have_attribute("aria-pressed", "true")
    # A question while that is still under way: the page ends with what was asked last.
    asked = page.get_by_role("group", name="Suggested questions").locator("visible=true")
    asked.get_by_role("button").nth(3).click()
    question = asked.get_by_role("button").nth(3).inner_text()
    expect(page.locator("#explain-question textarea")).to_have_value(question)
    expect(group.get_by_role("button").first).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#explaining")).to_have_text(DONE, timeout=120_000)
    page.locator("#explain").click()
    page.locator("#stop-explaining").dispatch_event("click")  # it is there for seconds
    expect(page.locator("#explaining")).to_have_text("Stopped.")
    expect(page.locator("#explain")).to_be_visible()
    page.locator("#explain-question textarea").fill("!!!")
    page.locator("#explain").click()
    expect(page.locator("#explained-answer .lab-trouble")).to_contain_text("at least one letter")
    expect(page.locator("#explain")).to_be_visible()


def test_a_phone_shows_everything_without_sideways_scrolling(turn):
    page = explained(turn("Explain", PHONE, color_scheme="dark", has_touch=True))
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
