"""The page in other languages: what a reader sees, and what the server hears."""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from app import languages

WAIT = 60_000
TABS = ".lab-tabs > .tab-wrapper [role=tab]"
OPEN_ALL = """() => document.querySelectorAll("details:not([open]) > summary").forEach(
  (summary) => summary.checkVisibility() && summary.click())"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def said(code: str, text: str) -> str:
    return languages.texts(code)[text]


@pytest.fixture
def read(visit):
    """Open the page as the browser of somebody, perhaps with an address of their own."""

    def opened(query: str = "", locale: str = "en-US") -> Page:
        page = visit(query=query, locale=locale)
        page.set_default_timeout(WAIT)
        expect(page.locator(TABS).first).to_be_visible(timeout=WAIT)
        return page

    return opened


def tab(page: Page, code: str, name: str) -> None:
    page.locator(TABS).get_by_text(said(code, name), exact=True).click()


def choose(page: Page, code: str) -> None:
    page.locator(".lab-language").select_option(code)
    expect(page.locator("html")).to_have_attribute("lang", code, timeout=WAIT)


def language_of(page: Page, selector: str) -> set[str]:
    """In which languages all such elements are, by what is said of them or around them."""
    found = page.locator(selector)
    said = "found => found.map((one) => one.closest('[lang]').lang)"
    return set(found.evaluate_all(said)) if found.count() else set()


def texts_of(page: Page) -> list[str]:
    """Every text of the header, the tabs and the tab on show, and what is said about its parts."""
    return page.evaluate(
        """() => {
          const found = [], names = ["aria-label", "alt", "placeholder", "title"];
          const shown = NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT;
          for (const place of [".lab-header", ".lab-tabs", "#footer"]) {
            const walk = document.createTreeWalker(document.querySelector(place), shown);
            for (let node = walk.nextNode(); node; node = walk.nextNode()) {
              if (node.nodeType === Node.TEXT_NODE) found.push(node.nodeValue);
              else for (const name of names) found.push(node.getAttribute(name) ?? "");
            }
          }
          return found.filter((text) => text.trim() !== "");
        }"""
    )


def test_a_question_asked_in_chinese_goes_to_the_server_in_english(read):
    page = read()
    choose(page, "zh")
    expect(page.locator(TABS).nth(1)).to_have_text("提问")
    tab(page, "zh", "Ask")
    button = page.get_by_role("button", name="提问", exact=True)
    expect(button).to_be_visible()
    expect(page.locator("#reply .vl-bars li")).to_have_count(5, timeout=WAIT)
    heard = []
    page.on("request", lambda r: r.method == "POST" and heard.append(r.post_data or ""))
    page.locator("#question textarea").fill("is there a cat?")
    button.click()
    expect(page.locator("#reply .lab-took")).to_contain_text("毫秒")
    expect(page.locator("#reply .vl-bars li")).to_have_count(5, timeout=WAIT)
    asked = [json.loads(body)["data"] for body in heard if '"is there a cat?"' in body]
    assert asked
    # The answers are words of the model: they stay.
    known = page.locator("#reply .vl-bars .name [translate=no]").all_inner_texts()
    assert all(re.search("[a-z0-9]", text) for text in known)
    # A voice that reads Chinese is told of what is English, and of nothing else.
    assert language_of(page, "#reply .vl-bars .name [translate=no]") == {"en"}
    assert language_of(page, ".lab-chips:visible button") == {"en"}
    assert language_of(page, "#question textarea") == {"en"}
    assert language_of(page, "#reply .lab-took") == {"zh"}
    page.locator("#question textarea").fill("")
    assert language_of(page, "#question textarea") == {"zh"}  # what it asks for
    page.locator("#question textarea").fill("is there a cat?")
    tab(page, "zh", "Pixels")
    expect(page.locator("#sampled svg")).to_be_visible(timeout=WAIT)
    heard.clear()
    page.get_by_role("button", name=said("zh", "Four inks"), exact=True).click()
    expect(page.locator(".lab-step").first).to_contain_text("CMYK", timeout=WAIT)
    assert any('"text":"Four inks"' in body.replace(" :", ":") for body in heard)
    assert not any(said("zh", "Four inks") in body for body in heard)


def test_the_language_is_remembered_and_the_address_has_the_first_word(read, address):
    page = read(locale="ja-JP")  # nothing chosen: the browser's
    expect(page.locator(TABS).first).to_have_text(said("ja", "Tour"))
    expect(page.locator("#stop-0-says")).not_to_be_empty(timeout=WAIT)
    choose(page, "zh")
    page.reload()
    expect(page.locator(TABS).first).to_have_text(said("zh", "Tour"), timeout=WAIT)
    expect(page.locator("html")).to_have_attribute("lang", "zh", timeout=WAIT)
    expect(page.locator(".lab-language")).to_have_value("zh")
    expect(page.locator("#stop-0-says")).not_to_be_empty(timeout=WAIT)
    page.goto(f"{address}?lang=ja")
    expect(page.locator(TABS).first).to_have_text(said("ja", "Tour"), timeout=WAIT)
    choose(page, "en")
    assert "lang=en" in page.url


def test_english_comes_back_letter_by_letter(read):
    page = read()
    expect(page.locator("#stop-0-says")).not_to_be_empty(timeout=WAIT)
    expect(page.locator("#stop-0-formula .katex").first).to_be_visible(timeout=WAIT)
    expect(page.locator("#stop-0-plot-0 .annotation-text").first).to_be_visible(timeout=WAIT)
    page.wait_for_timeout(500)
    before = texts_of(page)
    choose(page, "zh")
    assert texts_of(page) != before
    choose(page, "ja")
    choose(page, "en")
    assert texts_of(page) == before


def test_what_the_page_writes_later_is_translated_too(read):
    page = read("lang=ja")
    tab(page, "ja", "Align")
    where = page.locator(".va-player output")
    expect(where).to_have_text("反復 50 / 50", timeout=WAIT)
    page.get_by_label(said("ja", "First iteration")).click()
    expect(where).to_have_text("反復 1 / 50")
    tab(page, "ja", "Ask")
    expect(page.locator("#reply .vl-bars li")).to_have_count(5, timeout=WAIT)
    page.locator("#question textarea").fill("?!")
    page.get_by_role("button", name=said("ja", "Ask"), exact=True).click()
    expect(page.locator(".lab-trouble")).to_contain_text("質問には文字か数字が", timeout=WAIT)


def test_in_chinese_no_tab_has_english_left(read):
    page = read("lang=zh")
    left: dict[str, list[str]] = {}

    def look(name: str) -> None:
        page.wait_for_timeout(200)
        if missing := page.evaluate("labLanguages.missing()"):
            left[name] = missing
        if unmarked := page.evaluate("labLanguages.unmarked()"):
            left[f"{name}, not marked as English"] = unmarked

    for stop in range(8):
        expect(page.locator(f"#stop-{stop}-says")).not_to_be_empty(timeout=WAIT)
        expect(page.locator(f"#stop-{stop}-formula .katex").first).to_be_visible(timeout=WAIT)
        page.wait_for_timeout(300)
        page.locator(f"#stop-{stop}-options label").first.click()
        expect(page.locator(f"#stop-{stop}-verdict .lab-badge")).to_be_visible(timeout=WAIT)
        look(f"stop {stop}")
        if stop < 7:
            page.locator("#tour-stops .lab-turns button.primary >> visible=true").last.click()
    for name, ready in (
        ("Ask", "#reply .vl-bars li"),
        ("Align", "#alignment .va-word"),
        ("Compose", "#whatif .lab-whatif"),
        ("Foils", "#foils .vf"),
        ("Masks", "#giraffe .vm-lesson"),
        ("Pairs", "#pair .vt"),
        ("Pixels", "#sampled .lab-step"),
        ("Find", ".lab-chips:visible button"),
        ("Train", "#emergence .ve-empty"),
        ("Compare", "#history svg.main-svg"),
        ("Explain", "#gallery .vx-card"),
    ):
        tab(page, "zh", name)
        page.locator(ready).first.wait_for(timeout=WAIT)
        if name in ("Masks", "Explain"):
            page.locator(".lab-save:visible").first.wait_for(timeout=WAIT)
        page.evaluate(OPEN_ALL)
        look(name)
    page.locator(".lab-link").click()
    expect(page.locator(".lab-linked")).to_be_visible(timeout=WAIT)
    look("Link")
    assert left == {}
