"""The Compose tab in a browser: dragged, undone, typed at, shared."""

import io
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from app import composing, languages
from vilt_core.world.composing import from_code
from vilt_core.world.rendering import paint

PHONE = {"width": 390, "height": 844}
PATIENCE = 60_000  # milliseconds

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def ready(page):
    expect(page.locator("#sight .lab-words button").first).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".lc-thing img:not([src])")).to_have_count(0)
    return page


@pytest.fixture
def page(turn):
    return ready(turn("Compose"))


def drag(page, label, x, y):
    """Take a sticker by its middle to a place in fractions of the stage."""
    stage = page.locator(".lc-stage").bounding_box()
    box = page.get_by_role("button", name=re.compile(f"^{label}, ")).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(stage["x"] + 0.5 * stage["width"], stage["y"] + 0.5 * stage["height"], steps=4)
    page.mouse.move(stage["x"] + x * stage["width"], stage["y"] + y * stage["height"], steps=4)
    page.mouse.up()


def ask(page, question):
    page.locator("#compose-question textarea").fill(question)
    page.get_by_role("button", name="Ask", exact=True).last.click()


def scene_of(page):
    page.wait_for_url(re.compile("scene="))
    return from_code(re.search(r"scene=([\w-]+)", page.url)[1])


def becomes(page, read, expected):
    """What the address says of the scene in the end: it follows a moment after the last change."""
    for _ in range(60):
        if read(scene_of(page)) == expected:
            break
        page.wait_for_timeout(250)
    assert read(scene_of(page)) == expected


def things(page):
    return page.locator(".lc-thing")


def test_the_answer_follows_a_drag_and_an_undo(page):
    ask(page, "Is the cat to the left of the dog?")
    answers = page.locator("#whatif figure strong")
    expect(page.locator("#whatif .lab-asked")).to_contain_text("cat to the left")
    expect(page.locator("#compose-reply .lab-verdict strong")).to_have_text("yes")
    drag(page, "cat", 0.82, 0.3)
    expect(page.get_by_role("button", name=re.compile("^cat, at the top right"))).to_be_visible()
    expect(answers).to_have_text(["yes", "no"], timeout=PATIENCE)
    expect(page.locator("#compose-reply .lab-badge")).to_have_text("✓ right")
    assert scene_of(page).objects[0].x == pytest.approx(0.82, abs=0.02)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#compose-reply .lab-verdict strong")).to_have_text("yes")
    expect(page.get_by_role("button", name=re.compile("^cat, on the left"))).to_be_visible()
    page.get_by_role("button", name="Redo").click()
    expect(page.locator("#compose-reply .lab-verdict strong")).to_have_text("no")


def test_the_editor_shows_what_the_renderer_draws(page):
    page.wait_for_timeout(500)
    shot = Image.open(io.BytesIO(page.locator(".lc-stage").screenshot())).convert("RGB")
    drawn = paint(composing.opening(), 512).pixels.astype(float)
    seen = np.asarray(shot.resize((512, 512), Image.Resampling.BILINEAR)).astype(float)
    difference = np.abs(seen - drawn)[8:-8, 8:-8]  # but for the rounded corners
    assert difference.mean() < 2.5
    assert np.percentile(difference.max(axis=-1), 95) < 16


def test_everything_can_be_done_by_keyboard(page):
    things(page).first.focus()
    page.keyboard.press("Tab")
    expect(things(page).nth(1)).to_be_focused()
    for key in ("ArrowRight", "Shift+ArrowUp", "+", "m", "]"):
        page.keyboard.press(key)
    turned = composing.opening().objects[1].angle - 5  # by the last of these keys
    becomes(page, lambda scene: scene.objects[1].angle, turned)
    before, after = composing.opening().objects[1], scene_of(page).objects[1]
    assert after.x == pytest.approx(before.x + 0.02)
    assert after.y == pytest.approx(before.y - 0.1)
    assert after.size == pytest.approx(before.size + 0.02)
    assert after.mirrored is not before.mirrored
    page.keyboard.press("Delete")
    expect(things(page)).to_have_count(2)
    expect(page.locator(".lc-told")).to_contain_text("Deleted: dog")
    expect(things(page).nth(1)).to_be_focused()
    page.keyboard.press("Control+z")
    expect(things(page)).to_have_count(3)
    for _ in range(5):
        page.keyboard.press("Control+z")
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    becomes(page, lambda scene: scene, composing.opening())


def test_the_palette_is_one_stop_of_the_tab_key(page):
    tiles = page.locator(".lc-tiles button")
    page.get_by_label("Style of drawing").focus()
    page.keyboard.press("Tab")
    expect(tiles.first).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(tiles.nth(1)).to_be_focused()
    page.keyboard.press("ArrowDown")
    below, above = (
        page.locator(".lc-tiles button:focus").bounding_box(),
        tiles.nth(1).bounding_box(),
    )
    assert below is not None
    assert above is not None
    assert (below["x"], below["y"] > above["y"]) == (above["x"], True)
    page.keyboard.press("End")
    expect(tiles.last).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Copy link")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(tiles.last).to_be_focused()
    page.get_by_label("Search the stickers").fill("fox")
    expect(page.locator(".lc-tiles button:visible")).to_have_attribute("tabindex", "0")


def test_a_sticker_is_found_added_and_counted(page):
    ask(page, "How many animals are there?")
    expect(page.locator("#whatif .lab-asked")).to_contain_text("How many animals")
    page.get_by_label("Search the stickers").fill("guinea")
    expect(page.get_by_text("No sticker of that name.")).to_be_visible()
    page.get_by_label("Search the stickers").fill("fox")
    page.get_by_role("button", name="Add fox").click()
    expect(things(page)).to_have_count(4)
    expect(page.locator("#compose-reply .lab-badge")).to_have_text(
        re.compile("✓ right|✗ true answer: 3"), timeout=PATIENCE
    )
    page.get_by_label("Style of drawing").select_option("openmoji")
    expect(page.locator(".lc-beyond")).to_contain_text("openmoji")
    becomes(page, lambda scene: scene.objects[-1].style, "openmoji")
    page.get_by_label("stripes").or_(page.get_by_role("button", name="stripes")).first.click()
    page.get_by_role("button", name="pink", exact=True).click()
    becomes(page, lambda scene: (scene.background, scene.texture), ("pink", "stripes"))


def test_a_scene_has_an_end_and_may_be_empty(page):
    page.get_by_role("button", name="Empty").click()
    expect(things(page)).to_have_count(0)
    expect(page.locator(".lc-beyond")).to_contain_text("no stickers", timeout=PATIENCE)
    page.get_by_label("Search the stickers").fill("apple")
    for _ in range(13):
        page.get_by_role("button", name="Add apple", exact=True).click()
    expect(things(page)).to_have_count(12)
    expect(page.locator(".lc-told")).to_contain_text("room for 12")
    expect(page.locator(".lc-beyond")).to_contain_text("12 stickers", timeout=PATIENCE)


@pytest.mark.parametrize(
    ("code", "typed", "names"),
    [
        ("zh", "猫", ["猫", "猫头鹰", "熊猫"]),
        ("ja", "いぬ", ["犬"]),  # written イヌ in the file
        ("ja", "動物 象", ["ゾウ"]),
        ("ja", "elephant", ["ゾウ"]),
        ("en", "owl", ["owl"]),
        ("en", "猫", []),
    ],
)
def test_a_sticker_is_found_by_its_name_in_the_language_of_the_page(visit, code, typed, names):
    page = visit(query=f"tab=compose&lang={code}")
    expect(page.locator(".lc-thing").first).to_be_visible(timeout=60_000)
    expect(page.locator("html")).to_have_attribute("lang", code)
    page.locator(".lc-find [type=search]").fill(typed)
    tiles = page.locator(".lc-tiles button:visible")
    expect(tiles).to_have_count(len(names))
    labels = [tile.get_attribute("aria-label") for tile in tiles.all()]
    add = "Add {STICKER}" if code == "en" else languages.texts(code)["Add {STICKER}"]
    said = {add.replace("{STICKER}", name): name for name in names}
    assert set(labels) == set(said)
    assert labels == [tile.get_attribute("title") for tile in tiles.all()]
    if names:
        tiles.first.click()
        expect(page.locator(".lc-told")).to_contain_text(said[labels[0]])


def test_the_idea_on_the_card_is_carried_out(page):
    expect(page.locator("#whatif")).to_contain_text("Move the cat to the right")
    page.get_by_role("button", name="Do it").click()
    answers = page.locator("#whatif figure strong")
    expect(answers).to_have_count(2, timeout=PATIENCE)
    badges = page.locator("#whatif .lab-badge")
    expect(badges).to_have_text(["✓ right", "✓ right"])
    expect(answers.nth(1)).not_to_have_text(answers.nth(0).inner_text())
    page.get_by_role("button", name="Undo").click()
    expect(answers).to_have_count(1, timeout=PATIENCE)


def test_a_word_lays_its_heat_on_the_picture(page):
    heat = page.locator("#sight .lab-heat")
    before = heat.get_attribute("src")
    page.locator("#sight .lab-words button").last.click()
    expect(heat).not_to_have_attribute("src", before)
    page.locator("#compose-sentence textarea").fill("a lion next to a ship")
    page.get_by_role("button", name="Match", exact=True).click()
    expect(page.locator("#sight .lab-badge")).to_have_text("the sentence is not true")
    expect(page.locator("#sight .lab-words button")).to_have_count(6)


def test_a_link_opens_the_same_scene_in_a_new_page(page, turn):
    ask(page, "Is there a dog?")
    drag(page, "dog", 0.8, 0.75)
    expect(page.locator("#whatif figure strong")).to_have_count(2, timeout=PATIENCE)
    expected = scene_of(page)
    page.get_by_role("button", name="Copy link").click()
    link = page.get_by_label("Link to this scene").input_value()
    assert from_code(re.search(r"scene=([\w-]+)", link)[1]) == expected
    other = turn("Compose")
    other.goto(link)
    ready(other)
    expect(other.get_by_role("tab", name="Compose", exact=True)).to_have_attribute(
        "aria-selected", "true"
    )
    expect(other.locator("#compose-question textarea")).to_have_value("Is there a dog?")
    expect(things(other)).to_have_count(3)
    assert scene_of(other) == expected
    other.reload()
    ready(other)
    assert scene_of(other) == expected


def test_no_link_is_copied_to_a_scene_that_is_no_longer_there(page, once):
    told, linked = page.locator(".lc-told"), page.get_by_label("Link to this scene")
    page.get_by_role("button", name="Copy link").click()
    expect(linked).to_be_visible()
    held = []
    once(page, "**/queue/join*", held.append)
    things(page).first.focus()
    page.keyboard.press("Delete")
    expect(linked).to_be_hidden()
    page.get_by_role("button", name="Copy link").click()
    expect(told).to_have_text("The link is ready as soon as the model has answered.")
    while not held:
        page.wait_for_timeout(100)
    held[0].continue_()
    becomes(page, lambda scene: len(scene.objects), 2)
    page.get_by_role("button", name="Copy link").click()
    code = re.search(r"scene=([\w-]+)", linked.input_value())[1]
    assert len(from_code(code).objects) == 2


def test_a_picture_that_the_server_does_not_send_is_told_of(page, once):
    once(page, re.compile("component_server"), lambda route: route.fulfill(body="gone"))
    page.get_by_role("button", name="Download PNG").click()
    expect(page.locator(".lc-told")).to_have_text(
        "The server does not answer. What you see here is kept."
    )


def test_a_sticker_that_the_server_did_not_send_is_there_at_the_next_change(page):
    gone = True

    def answer(route) -> None:
        route.fulfill(body="gone") if gone else route.continue_()

    page.route(re.compile("component_server"), answer)
    page.get_by_role("button", name="Add fox").click()
    expect(page.locator(".lc-told")).to_have_text(
        "The server does not answer. What you see here is kept."
    )
    expect(things(page)).to_have_count(4)
    unseen = page.locator(".lc-thing img:not([src])")
    expect(unseen).to_have_count(1)
    gone = False
    things(page).last.press("ArrowLeft")
    expect(unseen).to_have_count(0)


def test_the_address_keeps_the_language_and_the_colours(visit):
    page = ready(visit(query="tab=compose&lang=zh&__theme=dark"))
    things(page).first.focus()
    page.keyboard.press("Delete")
    page.wait_for_url(re.compile("scene="))
    assert {"lang=zh", "__theme=dark"} < set(page.url.split("?")[1].split("&"))


def test_an_answer_that_comes_late_leaves_the_address_of_another_tab_alone(page, once):
    stage, held = page.locator(".lc-stage"), []
    said = stage.get_attribute("aria-label")
    once(page, "**/queue/join*", held.append)
    things(page).first.focus()
    page.keyboard.press("Delete")
    while not held:  # the editor waits a moment before it sends
        page.wait_for_timeout(100)
    page.get_by_role("tab", name="Pixels", exact=True).click()
    page.wait_for_url(re.compile("tab=pixels$"))
    held[0].continue_()
    expect(stage).not_to_have_attribute("aria-label", said, timeout=PATIENCE)
    assert page.url.endswith("?tab=pixels")


def test_a_broken_link_gets_one_sentence(page):
    page.goto(page.url.split("?")[0] + "?scene=1damaged")
    ready(page)
    expect(page.locator(".lc-told")).to_contain_text("The link to the scene is damaged")
    expect(things(page)).to_have_count(3)


def test_the_scene_is_saved_and_opened_again(page, tmp_path):
    with page.expect_download() as held:
        page.get_by_role("button", name="Download PNG").click()
    picture = np.asarray(Image.open(held.value.path()).convert("RGB"))
    assert (picture == paint(composing.opening(), composing.PNG_SIDE).pixels).all()
    with page.expect_download() as held:
        page.get_by_role("button", name="Download JSON").click()
    held.value.save_as(tmp_path / "scene.json")
    page.get_by_role("button", name="Empty").click()
    expect(things(page)).to_have_count(0)
    page.locator("#composer input[type=file]").set_input_files(tmp_path / "scene.json")
    expect(things(page)).to_have_count(3)
    (tmp_path / "broken.json").write_text("{")
    page.locator("#composer input[type=file]").set_input_files(tmp_path / "broken.json")
    expect(page.locator(".lc-told")).to_contain_text("This file is no JSON.")
    expect(things(page)).to_have_count(3)


def test_a_finger_drags_and_a_phone_has_room(turn, address):
    page = turn("Compose", PHONE, has_touch=True)
    page.goto(f"{address}?{composing.link(composing.opening(), '', '')}")
    ready(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    stage = page.locator(".lc-stage").bounding_box()
    assert stage["width"] > 340
    page.get_by_role("button", name=re.compile("^cat, ")).tap()
    expect(page.locator(".lc-frame")).to_be_visible()
    page.get_by_role("button", name="Mirror").tap()
    becomes(page, lambda scene: scene.objects[0].mirrored, True)
