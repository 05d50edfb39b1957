"""The Find tab in a browser, with a tiny dual encoder and without one."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import torch
from playwright.sync_api import expect

from vilt_core.config import clip_mini
from vilt_core.interop.lab import Bundle, save_folder
from vilt_core.models.clip import Clip
from vilt_core.predictor import load

PHONE = {"width": 390, "height": 844}
PATIENCE = 60_000  # milliseconds: an index is built on the way
# Keeps how far an index is said to be, number after number.
TOLD = r"""() => {
  window.told = [];
  const look = () => {
    const found = /^([1-9][\d,]*) of 10,000/.exec(document.querySelector("#found").innerText);
    const now = found && Number(found[1].replace(",", ""));
    if (now && now !== told.at(-1)) told.push(now);
  };
  new MutationObserver(look).observe(document.querySelector("#found"), {
    subtree: true, childList: true, characterData: true,
  });
}"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def address(serve, tmp_path_factory):
    tokenizer = load("vilt-mini").tokenizer
    torch.manual_seed(0)
    model = Clip(clip_mini(vocab_size=len(tokenizer), answers=0))
    folder = tmp_path_factory.mktemp("find")
    bundle = Bundle(name="clip-random", model=model, tokenizer=tokenizer, answers=())
    save_folder(bundle, folder / "clip")
    settings = {"VILT_LAB_ENCODER": folder / "clip", "VILT_LAB_INDEXES": folder / "indexes"}
    with serve(**{name: str(path) for name, path in settings.items()}) as url:
        yield url


@pytest.fixture
def page(turn):
    found = turn("Find")
    expect(found.locator(".lab-chips:visible button")).to_have_count(5, timeout=PATIENCE)
    found.get_by_label("64 scenes").click()
    found.wait_for_timeout(1000)  # what the click asked for is over
    return found


def find(page, text):
    page.locator("#wanted textarea").fill(text)
    page.get_by_role("button", name="Find", exact=True).click()


def test_pictures_are_found_and_say_why(page):
    find(page, "a cat")
    hits = page.locator(".lab-hits button")
    expect(hits).to_have_count(12, timeout=PATIENCE)
    expect(page.locator("#meter")).to_contain_text("this query, 32 of 64", timeout=PATIENCE)
    expect(page.locator("#meter")).to_contain_text("everything, 1,000,000")
    expect(page.locator("#meter svg")).to_be_visible()
    expect(page.locator("#said")).to_contain_text("Found: 12")
    menu = page.locator("#found .lab-save")
    menu.locator("summary").click()
    with page.expect_download() as download:
        menu.locator("[data-format=svg]").click()
    drawing = ET.fromstring(Path(download.value.path()).read_text(encoding="utf-8"))
    assert len(drawing.findall(".//{*}image")) == 12
    texts = "".join(drawing.itertext())
    assert all(said in texts for said in page.locator(".lab-scores b").all_inner_texts())
    hits.nth(2).click()
    expect(hits.nth(2)).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#why .va-word")).to_have_count(2, timeout=PATIENCE)
    find(page, "?!")
    expect(page.locator("#found .lab-wrong")).to_contain_text(
        "at least one letter", timeout=PATIENCE
    )
    expect(hits).to_have_count(0)


def test_a_suggestion_is_marked_with_its_truth(page):
    page.locator(".lab-chips:visible button").first.click()
    expect(page.locator(".lab-scores b").first).to_have_text(re.compile("[✓✗]$"), timeout=PATIENCE)


def test_an_index_that_is_stopped_goes_on(page):
    page.get_by_label("10,000 scenes").click()
    find(page, "a cat")
    expect(page.locator("#found .lab-bar")).to_be_visible(timeout=PATIENCE)
    says = page.locator("#found .lab-hint")
    page.evaluate(TOLD)
    page.wait_for_function("told.length > 2", timeout=PATIENCE)  # a sitting tells more than once
    page.get_by_role("button", name="Stop").click()
    expect(says).to_contain_text("Stopped", timeout=PATIENCE)
    first = page.evaluate("told.splice(0)")
    find(page, "a cat")
    page.wait_for_function("told.length > 0", timeout=PATIENCE)
    assert page.evaluate("told[0]") > first[-1] > first[0]
    page.get_by_role("button", name="Stop").click()
    expect(says).to_contain_text("Stopped", timeout=PATIENCE)


def test_the_last_wish_counts(page):
    page.get_by_label("10,000 scenes").click()
    find(page, "a red heart")
    bar, hits = page.locator("#found .lab-bar"), page.locator(".lab-hits button")
    stop = page.get_by_role("button", name="Stop")
    expect(bar).to_be_visible(timeout=PATIENCE)
    expect(stop).to_be_visible(timeout=PATIENCE)
    find(page, "a cat next to a dog")  # the same gallery: the index goes on for it
    page.get_by_label("64 scenes").click()
    expect(bar).to_have_count(0, timeout=PATIENCE)
    expect(stop).to_be_hidden(timeout=PATIENCE)
    find(page, "a cat")
    expect(hits).to_have_count(12, timeout=PATIENCE)
    page.wait_for_timeout(3000)  # the older ones would have told of their index by now
    expect(hits).to_have_count(12)
    expect(page.locator("#meter")).to_contain_text("of 64")
    expect(stop).to_be_hidden()


def test_the_sentences_of_a_picture(page):
    page.get_by_label("Sentences of a picture").click()
    page.locator("#sentences textarea").fill("a cat\ntwo dogs\na red heart")
    page.get_by_role("button", name="Find its sentences").click()
    said = page.locator(".lab-lines .lab-hits button")
    expect(said).to_have_count(3, timeout=PATIENCE)
    expect(page.locator("#meter")).to_contain_text("this query, 3 of 3", timeout=PATIENCE)
    least = {"x": 1, "y": 4}
    page.locator("#shortlist input[type=range]").click(position=least)  # it is found anew
    expect(page.locator("#meter")).to_contain_text("this query, 1 of 3", timeout=PATIENCE)
    page.wait_for_timeout(1000)
    expect(said).to_have_count(1)
    expect(page.locator("#found .lab-wrong")).to_have_count(0)
    page.locator(".lab-hits button").first.click()
    expect(page.locator("#why .va-word").first).to_be_visible(timeout=PATIENCE)


def test_ones_own_pictures(page, tmp_path):
    from PIL import Image

    paths = []
    for at in range(3):
        paths.append(tmp_path / f"{at}.png")
        Image.new("RGB", (90, 60), (70 * at, 90, 30)).save(paths[-1])
    page.get_by_label("Your pictures").first.click()
    page.locator("#uploads input[type=file]").set_input_files(paths)
    expect(page.locator("#uploads")).to_contain_text(re.compile(r"2\s*\.png"), timeout=PATIENCE)
    find(page, "a cat")
    expect(page.locator(".lab-hits button")).to_have_count(3, timeout=PATIENCE)


def test_a_phone_has_room(turn):
    page = turn("Find", PHONE, has_touch=True)
    expect(page.locator(".lab-chips:visible button")).to_have_count(5, timeout=PATIENCE)
    page.get_by_label("64 scenes").click()
    page.wait_for_timeout(1000)
    find(page, "a cat")
    expect(page.locator(".lab-hits button")).to_have_count(12, timeout=PATIENCE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_label("Sentences of a picture").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_the_endpoint_answers_over_the_wire(address):
    from gradio_client import Client

    client = Client(address, verbose=False)
    found = client.predict(text="a cat", gallery="64 scenes", top_k=3, api_name="/retrieve")
    assert len(found["hits"]) == 3
    assert found["forwards"] == 32
