"""The choice of a model in a browser: one that loads, and one that no network brings."""

import re

import pytest
import torch
from playwright.sync_api import expect

from app.photographs import PHOTOGRAPHS
from vilt_core.config import ViltConfig
from vilt_core.data.text import Tokenizer
from vilt_core.interop.lab import Bundle, save_folder
from vilt_core.models.vilt import Vilt

PHONE = {"width": 390, "height": 844}
CHECKPOINTS = ("vilt-b32-finetuned-vqa", "vilt-b32-finetuned-coco", "vilt-b32-mlm")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Random weights with the grid of ViLT-B/32, under the names of the published checkpoints."""
    texts = [text for one in PHOTOGRAPHS for text in (*one.questions, *one.captions)]
    tokenizer = Tokenizer.train(texts * 20, vocab_size=400)
    answers = ("cat", "cup", "yes", "no", "two", "red")
    config = ViltConfig(vocab_size=len(tokenizer), answers=len(answers), width=32, depth=1, heads=2)
    torch.manual_seed(0)
    model = Vilt(config)
    folder = tmp_path_factory.mktemp("photo-models")
    for name in CHECKPOINTS:
        bundle = Bundle(
            name=name, model=model, tokenizer=tokenizer, answers=answers, domain="photographs"
        )
        save_folder(bundle, folder / name)
    return folder


@pytest.fixture(scope="module")
def address(serve, checkpoints):
    with serve(VILT_LAB_PHOTO_MODELS=str(checkpoints)) as url:
        yield url


def choose(page, name):
    page.locator(".lab-pill").click()
    page.locator(".lab-model").filter(has_text=name).click()


def speaker(page, name):
    expect(page.locator(".lab-pill b")).to_have_text(name, timeout=30_000)


def test_photographs_are_asked_about_and_aligned(visit):
    page = visit()
    speaker(page, "vilt-mini")
    page.locator(".lab-pill").press("Enter")
    choice = page.locator(".lab-model").filter(has_text="ViLT-B/32")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(choice).to_be_focused()
    page.keyboard.press("Enter")
    speaker(page, "ViLT-B/32")
    expect(page.locator(".lab-panel")).to_be_hidden()
    strip = page.locator(".lab-strip >> visible=true").first
    expect(strip.locator("button:visible")).to_have_count(len(PHOTOGRAPHS))
    strip.locator("button[data-place]").nth(1).click()
    expect(page.locator(".lab-credit >> visible=true").first).to_contain_text(PHOTOGRAPHS[1].credit)
    expect(page.locator("#question textarea")).to_have_value(PHOTOGRAPHS[1].questions[0])
    expect(page.locator(".lab-took")).to_contain_text("ViLT-B/32 took")
    expect(page.locator(".lab-badge")).to_have_count(0)
    expect(page.locator(".lab-footer")).not_to_contain_text("stickers")

    page.get_by_role("tab", name="Align", exact=True).click()
    speaker(page, "ViLT-B/32")
    expect(page.locator(".va-stage img")).to_have_attribute("alt", re.compile("12 by 18 patches"))
    expect(page.locator(".va-player output")).to_have_text("iteration 50 of 50")
    page.get_by_label("First iteration").click()
    expect(page.locator(".va-player output")).to_have_text("iteration 1 of 50")
    page.locator(".va-stage").click(position={"x": 5, "y": 5})
    expect(page.locator(".va-live")).to_contain_text("Patch in row 1, column 1")
    expect(page.locator(".lab-footer")).to_contain_text("dandelin/vilt-b32-mlm")

    page.get_by_role("tab", name="Compose").click()
    expect(page.locator("#compose-speaker")).to_contain_text("answers here, not ViLT-B/32")
    expect(page.locator("#compose-reply .lab-took")).to_contain_text("vilt-mini took")
    choose(page, "vilt-mini")
    speaker(page, "vilt-mini")
    expect(page.locator("#compose-speaker")).not_to_contain_text("ViLT-B/32")
    page.get_by_role("tab", name="Align", exact=True).click()
    expect(page.get_by_role("button", name="New scene").locator("visible=true")).to_have_count(1)
    page.get_by_role("tab", name="Ask", exact=True).click()
    expect(page.locator("#reply .lab-badge")).to_have_count(1)
    expect(page.locator(".lab-footer")).to_contain_text("scenes of stickers alone")


def test_the_note_about_a_photo_leads_to_the_photograph_model(visit):
    page = visit()
    page.locator(".lab-picture >> visible=true").first.get_by_label("Remove Image").click()
    expect(page.locator(".lab-waiting >> visible=true").first).to_be_visible()
    page.locator(".lab-picture >> visible=true").first.locator("input[type=file]").set_input_files(
        PHOTOGRAPHS[0].path
    )
    expect(page.locator(".lab-picture img >> visible=true").first).to_be_visible()
    page.locator("#question textarea").fill("What animal is this?")
    page.get_by_role("button", name="Ask", exact=True).click()
    page.locator(".lab-offer").click()
    speaker(page, "ViLT-B/32")
    expect(page.locator(".lab-took")).to_contain_text("ViLT-B/32 took")
    expect(page.locator(".lab-note")).to_have_count(0)
    expect(page.locator("#question textarea")).to_have_value("What animal is this?")
    expect(page.locator(".lab-strip button[aria-pressed=true] >> visible=true")).to_have_count(0)


def test_a_phone_has_room_for_the_choice(visit):
    page = visit(PHONE, has_touch=True)
    page.locator(".lab-pill").click()
    expect(page.locator(".lab-panel")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.keyboard.press("Escape")
    expect(page.locator(".lab-panel")).to_be_hidden()
    choose(page, "ViLT-B/32")
    speaker(page, "ViLT-B/32")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_the_endpoints_take_a_model(address, checkpoints):
    from gradio_client import Client, handle_file

    client = Client(address, verbose=False)
    picture = handle_file(str(PHOTOGRAPHS[1].path))
    asked = {"model": "ViLT-B/32"}
    found = client.predict(picture, "What is in the cup?", **asked, api_name="/answer")
    assert found["model"] == "ViLT-B/32"
    found = client.predict(picture, "a red cup", **asked, api_name="/align")
    assert found["grid"] == [12, 18]
    with pytest.raises(Exception, match="Model must be one of vilt-mini, ViLT-B/32"):
        client.predict(picture, "a cup?", model="gpt", api_name="/answer")


class TestWithoutANetwork:
    @pytest.fixture(scope="class")
    def address(self, serve, closed_port, tmp_path_factory):
        cache = str(tmp_path_factory.mktemp("cache"))
        with serve(HF_ENDPOINT=closed_port, HF_HOME=cache, HF_HUB_OFFLINE="0") as url:
            yield url

    def test_one_sentence_says_so_and_the_embedded_model_goes_on(self, visit, closed_port):
        page = visit()
        choice = page.locator(".lab-model").filter(has_text="ViLT-B/32")
        expect(choice).to_contain_text(
            "not loaded yet: 470 MB to answer, 543 MB to align and fill masks, 447 MB to find, "
            "456 MB to compare pairs"
        )
        choose(page, "ViLT-B/32")
        notice = page.locator(".lab-notice[data-name]")
        expect(notice).to_contain_text("vilt-mini goes on meanwhile")
        expect(notice.get_by_role("button", name="Stop")).to_be_visible()
        for _ in range(2):
            expect(notice).to_have_attribute("data-kind", "failed", timeout=30_000)
            expect(page.get_by_text("cannot be reached").locator("visible=true")).to_have_count(1)
            expect(notice).to_contain_text(closed_port)
            speaker(page, "vilt-mini")
            page.locator("#question textarea").fill("is there a cat on the moon?")
            page.get_by_role("button", name="Ask", exact=True).click()
            expect(page.locator(".lab-badge")).to_have_count(0)
            expect(page.locator(".lab-took")).to_contain_text("vilt-mini took")
            notice.get_by_role("button", name="Try again").click()
            expect(notice).to_have_attribute("data-kind", re.compile("loading|waiting"))
        expect(notice).to_have_attribute("data-kind", "failed", timeout=30_000)
        notice.get_by_role("button", name="Dismiss").click()
        expect(notice).to_have_class(re.compile("lab-unseen"))
