"""Foils, Masks and Pairs in a browser: a person changes, hides and swaps, and sees what it does."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
PHONE = {"width": 390, "height": 844}
SHOWN = {"Foils": "#foils .vf", "Masks": "#guesses .vm", "Pairs": "#pair .vt"}


@pytest.fixture
def opened(turn):
    def turned(name, *size, **settings):
        page = turn(name, *size, **settings)
        expect(page.locator(SHOWN[name])).to_be_visible(timeout=60_000)
        return page

    return turned


def test_a_word_is_changed_with_one_click_or_by_hand(opened):
    page = opened("Foils")
    values = page.locator("#foils .vf-bell .vf-values").last
    before = values.inner_text()
    page.get_by_role("group", name="Foils of one click").locator("button").nth(1).click()
    expect(values).not_to_have_text(before)
    expect(page.locator("#foils .vf-truth")).to_have_text(["✓ true", "✗ false"])
    expect(page.locator("#foils .vf-word.vf-changed").first).to_be_visible()
    page.locator("#foil-false textarea").fill("two dogs on the moon")
    page.locator("#foil-compare").click()
    expect(page.locator("#foils .vf-side").last).to_contain_text("moon")
    expect(page.locator("#foils .vf-truth")).to_have_text(["✓ true"])
    page.locator("#foil-false textarea").fill("!!!")
    page.locator("#foil-compare").click()
    expect(page.locator("#foils .lab-trouble")).to_contain_text("at least one letter")


def test_a_word_is_shown_on_both_sides(opened):
    page = opened("Foils")
    word = page.locator("#foils .vf-side").first.locator(".vf-word").last
    word.focus()
    page.keyboard.press("Enter")
    pressed = page.locator('#foils .vf-word[aria-pressed="true"]')
    expect(pressed).to_have_count(2)
    expect(pressed.first).to_have_text(word.inner_text())
    expect(page.locator("#foils .vf-row.vf-on")).to_have_count(2)
    expect(page.locator("#foils .vf-heat:not([hidden])")).to_have_count(2)


def test_a_sticker_is_swapped_and_another_sentence_taken(opened):
    page = opened("Foils")
    sentence = page.locator("#foil-true textarea")
    before = sentence.input_value()
    page.locator("#foil-another").click()
    expect(sentence).not_to_have_value(before)
    page.locator("#foil-how").get_by_text("a sticker").click()
    expect(page.locator("#foils .vf-box")).to_have_count(2)
    expect(page.locator("#foil-false")).to_be_hidden()
    expect(page.locator("#foils .vf-truth")).to_have_text(["✓ true", "✗ false"])
    board = page.locator("#foils .vf-values").last  # the distance: chances below 0.1 % look alike
    old = board.inner_text()
    page.locator("#foil-thing input").fill("volleyball")
    page.keyboard.press("Enter")
    expect(board).not_to_have_text(old)


def test_words_are_hidden_and_shown_again(opened):
    page = opened("Masks")
    hidden = page.locator('#cloze button[aria-pressed="true"]')
    expect(hidden).to_have_count(1)
    expect(page.locator("#guesses .vm-place")).to_have_count(1)
    page.locator("#cloze button").first.click()
    expect(hidden).to_have_count(2)
    expect(page.locator("#guesses .vm-place")).to_have_count(2)
    expect(page.locator("#guesses .vm-cell")).to_have_count(6)
    page.locator("#cloze button").first.click()
    expect(hidden).to_have_count(1)
    # Two clicks, the second before the model has seen the first.
    page.evaluate(
        """() => [...document.querySelectorAll('#cloze button[aria-pressed="false"]')]
          .slice(0, 2).forEach((button) => button.click())"""
    )
    expect(hidden).to_have_count(3)
    page.locator("#mask-sentence textarea").fill("a zebra and a cat")
    page.locator("#mask-use").click()
    expect(page.locator("#cloze button")).to_have_count(5)
    page.locator("#mask-unit").get_by_text("single pieces").click()
    expect(page.locator("#cloze button")).to_have_count(8)
    page.locator("#cloze button", has_text="##br").click()
    expect(page.locator("#guesses")).to_contain_text("of “zebra”")


def test_the_giraffe_is_shown_with_another_word(opened):
    page = opened("Masks")
    lesson = page.locator("#giraffe .vm-lesson")
    expect(lesson).to_be_visible()
    before = lesson.inner_text()
    page.get_by_role("group", name="Words in pieces").locator("button").nth(2).click()
    expect(lesson).not_to_have_text(before)


def test_the_help_of_the_picture_is_measured_and_stopped(opened):
    page = opened("Masks")
    page.locator("#mask-captions input[type=number]").fill("512")
    page.locator("#mask-measure").click()
    expect(page.locator("#mask-help .js-plotly-plot")).to_be_visible(timeout=60_000)
    page.locator("#mask-stop").click()
    expect(page.locator("#mask-told")).to_have_text("Stopped.")
    page.locator("#mask-captions input[type=number]").fill("16")
    page.locator("#mask-measure").click()
    expect(page.locator("#mask-told")).to_contain_text("hidden words with", timeout=60_000)
    expect(page.locator("#mask-measure")).to_be_visible()


def test_who_waits_sees_the_place_in_the_queue_and_need_not_wait(opened):
    first, second = opened("Masks"), opened("Masks")
    for page in (first, second):
        page.locator("#mask-captions input[type=number]").fill("512")
        page.locator("#mask-measure").click()
        expect(page.locator("#mask-stop")).to_be_visible()
    place = second.locator("#mask-told .progress-text")
    expect(place).to_contain_text("queue: 1/1")
    expect(place).to_be_visible()
    second.locator("#mask-stop").click()
    expect(second.locator("#mask-told")).to_have_text("Stopped.")
    first.locator("#mask-stop").click()
    expect(first.locator("#mask-told")).to_have_text("Stopped.")


def test_pictures_are_swapped_and_a_statement_judged(opened):
    page = opened("Pairs")
    chances = page.locator("#pair .vt-p")
    expect(chances).to_have_count(2)
    before = chances.all_inner_texts()
    picture = page.locator("#pair-left img").first
    source = picture.get_attribute("src")
    page.locator("#pair-swap").click()
    expect(chances).to_have_text(before[::-1])
    expect(picture).not_to_have_attribute("src", source)
    chip = page.get_by_role("group", name="Suggested statements").locator("button").nth(1)
    said = chip.inner_text()
    chip.click()
    expect(page.locator("#pair .vt-in").first).to_contain_text(said)
    expect(page.locator("#pair .vt-order").first).to_contain_text(re.compile("right|wrong"))
    page.locator("#statement textarea").fill("the moon is a cat")
    page.locator("#pair-judge").click()
    expect(page.locator("#pair .vt-in").first).to_contain_text("the moon is a cat")
    expect(page.locator("#pair")).not_to_contain_text("it is true")
    page.get_by_role("button", name="New pair").click()
    expect(page.locator("#statement textarea")).not_to_have_value("the moon is a cat")


def test_own_pictures_get_their_note(opened, tmp_path):
    from PIL import Image

    path = tmp_path / "photo.png"
    Image.effect_noise((200, 120), 60).convert("RGB").save(path)
    page = opened("Pairs")
    page.locator("#pair-left").get_by_label("Remove Image").click()
    expect(page.locator("#pair .lab-waiting")).to_be_visible()
    page.locator("#pair-left input[type=file]").set_input_files(path)
    expect(page.locator("#pair-left img").first).to_be_visible()
    page.locator("#pair-judge").click()
    expect(page.locator("#pair .lab-note")).to_contain_text("only knows stickers")
    expect(page.locator("#pair .vt-p")).to_have_count(2)


def test_a_phone_shows_everything_without_sideways_scrolling(opened):
    for name in SHOWN:
        page = opened(name, PHONE, color_scheme="dark", has_touch=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
