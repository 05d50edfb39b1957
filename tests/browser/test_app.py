"""The app as a new user meets it: started by its own command, driven in headless Chromium."""

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

PHONE = {"width": 390, "height": 844}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def page(visit):
    return visit()


@pytest.fixture
def aligned(page):
    page.get_by_role("tab", name="Align", exact=True).click()
    expect(page.locator(".va-word").first).to_be_visible(timeout=60_000)
    return page


def ask(page: Page, question: str) -> None:
    page.locator("#question textarea").fill(question)
    page.get_by_role("button", name="Ask", exact=True).click()


def test_a_suggestion_is_answered_beside_the_truth(page):
    chip = page.locator(".lab-chips button >> visible=true").nth(1)
    question = chip.inner_text()
    chip.click()
    expect(page.locator("#question textarea")).to_have_value(question)
    expect(page.locator(".lab-badge")).to_have_text(re.compile("^(✓ right|✗ true answer: .+)$"))
    expect(page.locator(".lab-took")).to_contain_text(re.compile(r"took \d+ ms"))


def test_a_question_of_ones_own_shows_no_truth(page):
    ask(page, "is there a cat on the moon?")
    expect(page.locator(".lab-badge")).to_have_count(0)
    expect(page.locator("#reply .vl-bars li")).to_have_count(5)


def test_scenes_change_with_their_suggestions(page):
    before = page.locator(".lab-chips >> visible=true").first.inner_text()
    page.locator(".lab-strip button[data-place] >> visible=true").nth(2).click()
    expect(page.locator(".lab-chips >> visible=true").first).not_to_have_text(before)
    expect(page.locator(".lab-strip button[aria-pressed=true] >> visible=true")).to_have_count(1)
    picture = page.locator(".lab-picture img >> visible=true").first.get_attribute("src")
    page.get_by_role("button", name="New scene").first.click()
    expect(page.locator(".lab-picture img >> visible=true").first).not_to_have_attribute(
        "src", picture
    )


BAD_QUESTIONS = {
    "": "at least one letter",
    "?!": "at least one letter",
    "🦆🦆": "at least one letter",
    "кошка": "knows none of these words",
    "a cat " * 1700: "at most",
}


def test_a_bad_question_gets_one_sentence_and_the_next_works(page):
    for question, said in BAD_QUESTIONS.items():
        ask(page, question)
        expect(page.locator(".lab-trouble")).to_contain_text(said)
        assert "Traceback" not in page.content()
        ask(page, "is there a cat?")
        expect(page.locator(".lab-badge")).to_have_count(0)
        expect(page.locator("#reply .vl-bars li")).to_have_count(5)


def test_an_uploaded_photo_gets_its_note(page, tmp_path):
    from PIL import Image

    path = tmp_path / "photo.png"
    Image.effect_noise((200, 120), 60).convert("CMYK").convert("RGB").save(path)
    page.locator(".lab-picture >> visible=true").first.get_by_label("Remove Image").click()
    expect(page.locator(".lab-waiting >> visible=true").first).to_be_visible()
    page.locator(".lab-picture >> visible=true").first.locator("input[type=file]").set_input_files(
        path
    )
    expect(page.locator(".lab-picture img >> visible=true").first).to_be_visible()
    ask(page, "what is this?")
    expect(page.locator(".lab-note")).to_contain_text("only knows stickers")
    expect(page.locator(".lab-badge")).to_have_count(0)


# Below the page's own scripts: a call of the server is held up until the next has overtaken it, if
# that is possible at all.
LATE_ONCE = """(() => {
  const sent = window.fetch.bind(window);
  const pause = (time) => new Promise((done) => setTimeout(done, time));
  let overtaken = () => null;
  window.late = false;
  window.fetch = async (asked, settings) => {
    if (!String(asked.url ?? asked).includes("queue/join")) return sent(asked, settings);
    if (!window.late) {
      const answer = await sent(asked, settings);
      overtaken();
      return answer;
    }
    window.late = false;
    await Promise.race([new Promise((done) => { overtaken = done; }), pause(3000)]);
    return sent(asked, settings);
  };
})()"""


def test_a_question_does_not_overtake_the_picture_that_it_is_about(visitors, address, tmp_path):
    from PIL import Image

    path = tmp_path / "photo.png"
    Image.effect_noise((200, 120), 60).convert("RGB").save(path)
    with visitors(viewport={"width": 1280, "height": 800}) as context:
        page = context.new_page()
        page.add_init_script(LATE_ONCE)
        page.goto(f"{address}?tab=ask")
        expect(page.locator("#reply .vl-bars li")).to_have_count(5, timeout=60_000)
        picture = page.locator(".lab-picture >> visible=true").first
        picture.get_by_label("Remove Image").click()
        expect(page.locator(".lab-waiting >> visible=true").first).to_be_visible()
        page.evaluate("window.late = true")
        picture.locator("input[type=file]").set_input_files(path)
        expect(page.locator(".lab-picture img >> visible=true").first).to_be_visible()
        ask(page, "what is this?")
        page.wait_for_function("!window.late")
        page.wait_for_timeout(2000)  # both are answered by then
        expect(page.locator("#reply .lab-note")).to_contain_text("only knows stickers")


def test_a_damaged_picture_gets_one_sentence_and_the_next_works(page, tmp_path):
    path = tmp_path / "broken.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n and then nothing of the kind")
    page.locator(".lab-picture >> visible=true").first.get_by_label("Remove Image").click()
    page.locator(".lab-picture >> visible=true").first.locator("input[type=file]").set_input_files(
        path
    )
    expect(page.locator(".lab-picture img >> visible=true").first).to_be_attached()
    ask(page, "what is this?")
    expect(page.locator(".lab-trouble")).to_contain_text("image")
    page.locator(".lab-strip button[data-place] >> visible=true").nth(1).click()
    expect(page.locator("#reply .vl-bars li")).to_have_count(5)


def test_moving_through_iterations_asks_no_server(aligned):
    aligned.wait_for_timeout(1500)  # what opening the tab asked for is over
    asked = []
    aligned.on("request", lambda request: asked.append(request.url))
    slider = aligned.get_by_label("Iteration", exact=True)
    expect(aligned.locator(".va-player output")).to_have_text("iteration 50 of 50")
    for _ in range(5):
        slider.press("ArrowLeft")
    expect(aligned.locator(".va-player output")).to_have_text("iteration 45 of 50")
    aligned.get_by_label("First iteration").click()
    expect(aligned.locator(".va-player output")).to_have_text("iteration 1 of 50")
    aligned.get_by_label("Play the iterations").click()
    expect(aligned.locator(".va-player output")).to_have_text("iteration 50 of 50", timeout=20_000)
    aligned.locator(".va-word").nth(1).click()
    aligned.get_by_role("button", name="Patches").click()
    aligned.get_by_role("button", name="Exact optimum").click()
    assert asked == []


def test_a_word_moves_the_heat_and_a_patch_lights_the_words(aligned):
    heat = "document.querySelector('.va-stage canvas').toDataURL()"
    words = aligned.locator(".va-word")
    words.nth(0).click()
    expect(words.nth(0)).to_have_attribute("aria-pressed", "true")
    first = aligned.evaluate(heat)
    words.nth(1).click()
    assert aligned.evaluate(heat) != first
    aligned.locator(".va-stage").click(position={"x": 20, "y": 20})
    shares = [
        float(re.sub(r"[<% ]", "", text)) for text in words.locator("small").all_inner_texts()
    ]
    assert sum(shares) == pytest.approx(100, abs=len(shares))
    expect(aligned.locator(".va-live")).to_contain_text("Patch in row 1, column 1:")
    aligned.locator(".va-stage").press("ArrowRight")
    expect(aligned.locator(".va-live")).to_contain_text("Patch in row 1, column 2:")
    aligned.locator(".va-stage").press("Escape")
    expect(words.first.locator("small")).to_be_empty()


def test_the_truth_of_a_noun_is_drawn_and_judged(aligned):
    best = aligned.locator(".va-known").first
    best.click()
    verdict = aligned.locator(".va-verdict")
    row, column = (1 + int(aligned.locator(".va-best").get_attribute(name)) for name in ("y", "x"))
    expect(verdict).to_contain_text(f"row {row}, column {column}")
    assert aligned.locator(".va-box").count() > 0
    expect(aligned.locator(".va-verdict")).to_contain_text(
        re.compile("(✓ inside|✗ outside) the true box")
    )


def test_the_plan_can_be_taken_home(aligned):
    word = aligned.locator(".va-word[aria-pressed=true] span").inner_text().lower()
    names = {kind: f"vilt-lab-align-{word}.{kind}" for kind in ("svg", "png")}
    names |= {"csv": "vilt-lab-align-plan.csv", "html": None}
    for kind, name in names.items():
        aligned.locator(".va-save summary").click()
        with aligned.expect_download() as download:
            aligned.locator(f"[data-save={kind}]").click()
        if name is not None:
            assert download.value.suggested_filename == name
        assert Path(download.value.path()).stat().st_size > 500
        if kind == "csv":
            with Path(download.value.path()).open(encoding="utf-8-sig", newline="") as file:
                _, *patches = next(csv.reader(file))
            assert (patches[0], patches[-1]) == ("row 1, column 1", "row 8, column 8")


def test_a_saved_view_opens_without_a_server(aligned, tmp_path):
    aligned.locator(".va-save summary").click()
    with aligned.expect_download() as download:
        aligned.locator("[data-save=html]").click()
    saved = tmp_path / "alignment.html"
    saved.write_bytes(Path(download.value.path()).read_bytes())
    alone = aligned.context.browser.new_page()
    alone.goto(saved.as_uri())
    expect(alone.locator(".va-word").first).to_be_visible()
    expect(alone.locator(".va-player output")).to_have_text("iteration 50 of 50")
    alone.close()


def test_other_settings_give_another_plan(aligned):
    aligned.locator("#iterations input[type=number]").fill("200")
    aligned.get_by_role("button", name="Align", exact=True).click()
    expect(aligned.locator(".va-player output")).to_have_text("iteration 200 of 200")
    aligned.locator("#sentence textarea").fill("!!!")
    aligned.get_by_role("button", name="Align", exact=True).click()
    expect(aligned.locator(".va-trouble")).to_contain_text("at least one letter")
    expect(aligned.locator(".va-word").first).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_everything_without_sideways_scrolling(visit, scheme):
    page = visit(PHONE, color_scheme=scheme, has_touch=True)
    page.get_by_role("tab", name="Align", exact=True).click()
    expect(page.locator(".va-word").first).to_be_visible(timeout=60_000)
    for tab in ("Align", "Ask"):
        page.get_by_role("tab", name=tab, exact=True).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    dark = page.evaluate("document.body.classList.contains('dark')")
    assert dark == (scheme == "dark")
    page.get_by_label("Dark colours").click()
    assert page.evaluate("document.body.classList.contains('dark')") != dark


def test_the_endpoints_answer_over_the_wire(address, tmp_path):
    from gradio_client import Client, handle_file
    from PIL import Image

    path = tmp_path / "plain.png"
    Image.new("RGB", (128, 128), (250, 230, 150)).save(path)
    client = Client(address, verbose=False)
    picture = handle_file(str(path))
    found = client.predict(picture, "is there a cat?", api_name="/answer")
    assert len(found["answers"]) == 5
    found = client.predict(picture, ["a cat", "two dogs"], api_name="/match")
    assert len(found["probabilities"]) == 2
    found = client.predict(picture, "a [MASK]", api_name="/fill")
    assert len(found["masks"]) == 1
    found = client.predict(picture, "a cat", api_name="/align")
    assert len(found["plan"]) == len(found["tokens"])
    with pytest.raises(Exception, match="at least one letter"):
        client.predict(picture, "", api_name="/answer")
