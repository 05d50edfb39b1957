import re

import numpy as np
import pytest
from PIL import Image

from app import services
from app.components import picker
from app.photographs import PHOTOGRAPHS
from app.services import EXAMPLES, SceneKey, questions_about
from app.tabs import align, ask

TINY, B32 = "tiny", "ViLT-B/32"
BAD_TEXTS = ("", "   ", "?!", "🦆", "кошка", "a cat " * 2000, "cat " * 60)


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 160, 3), np.uint8)).save(path)
    return str(path)


@pytest.fixture
def not_a_picture(tmp_path):
    path = tmp_path / "notes.png"
    path.write_text("<b>not a picture</b>")
    return str(path)


def one_sentence(said: str) -> bool:
    said = re.sub("<[^>]+>", "", said)
    return said[0].isupper() and said.endswith((".", "!", "?")) and "Traceback" not in said


def test_a_scene_opens_with_its_first_question_answered(tiny):
    strip, picture, key, keys, question, card, suggestions = ask.opened(EXAMPLES, EXAMPLES[3], TINY)
    assert strip["chosen"] == 3
    assert picture.shape == (512, 512, 3)
    assert (key, keys) == (EXAMPLES[3], EXAMPLES)
    assert question == suggestions["chosen"] == next(iter(questions_about(key)))
    assert card.count("<li>") == 5
    assert re.search(r"(✓ right|✗ true answer: )", card)


def test_a_new_scene_joins_the_strip_in_front(tiny):
    new = SceneKey(index=4711)
    _, _, key, keys, *_ = ask.opened(EXAMPLES, new, TINY)
    assert key == keys[0] == new
    assert len(keys) == len(EXAMPLES)


def test_a_question_of_ones_own_has_no_truth(tiny):
    card = ask.answered(None, "is the moon made of cheese?", EXAMPLES[0], TINY)
    assert "lab-badge" not in card
    assert "only knows stickers" not in card


def test_a_photo_gets_a_plain_note(tiny, photo):
    assert "only knows stickers" in ask.answered(photo, "what is this?", None, TINY)


@pytest.mark.parametrize("text", BAD_TEXTS)
def test_bad_texts_get_one_sentence_and_the_next_request_works(tiny, text):
    card = ask.answered(None, text, EXAMPLES[0], TINY)
    message = align.aligned(None, text, 0.5, 10, EXAMPLES[0], TINY)
    assert "lab-trouble" in card
    assert one_sentence(card)
    assert one_sentence(message["trouble"])
    assert "<li>" in ask.answered(None, "is there a cat?", EXAMPLES[0], TINY)


def test_a_bad_file_gets_one_sentence_that_names_no_folder(tiny, not_a_picture):
    card = ask.answered(not_a_picture, "what is this?", None, TINY)
    assert one_sentence(card)
    assert "no image" in card
    assert "notes.png" not in card
    assert "add one of your own" in ask.answered(None, "what is this?", None, TINY)


def test_what_a_user_wrote_is_shown_as_text(tiny):
    assert "<><" not in ask.answered(None, "<><><>", EXAMPLES[0], TINY)


def test_an_own_picture_takes_truth_away(tiny):
    strip, key, _, suggestions = ask.brought(EXAMPLES, TINY)
    assert strip["chosen"] is None
    assert key is None
    assert suggestions["texts"] == list(ask.GENERAL["stickers"])


def test_without_a_model_the_page_still_shows_its_scenes(no_model):
    *_, card, _ = ask.opened(EXAMPLES, EXAMPLES[0], services.LIBRARY.default)
    *_, message = align.opened(EXAMPLES, EXAMPLES[0], 0.5, 50, services.LIBRARY.default)
    assert "Expected a shipped model" in card
    assert "Expected a shipped model" in message["trouble"]


def test_align_opens_with_a_true_caption(tiny):
    *_, sentence, suggestions, message = align.opened(EXAMPLES, EXAMPLES[0], 0.5, 20, TINY)
    assert sentence in suggestions["texts"]
    assert message["places"]
    assert message["settings"] == {"beta": 0.5, "iterations": 20}


def test_align_takes_a_picture_of_any_shape(tiny, photo):
    message = align.aligned(photo, "a cat next to a dog", 0.1, 30, None, TINY)
    rows, columns = message["grid"]
    assert rows < columns
    assert message["places"] == {}


def test_every_tile_has_words_for_those_who_cannot_see():
    tiles = picker.strip_value(EXAMPLES, EXAMPLES[1])["pictures"]
    assert all(tile["says"] and tile["picture"].startswith("data:image/") for tile in tiles)


def test_a_photograph_opens_with_its_credit_and_without_a_truth(hub):
    hub.go.set()
    strip, picture, key, keys, question, card, suggestions = ask.introduced(B32, None, "", None)
    assert keys == PHOTOGRAPHS
    assert key == PHOTOGRAPHS[0]
    assert picture.shape == (300, 451, 3)
    assert not strip["fresh"]
    assert strip["credit"] == PHOTOGRAPHS[0].credit
    assert all(tile["credit"] for tile in strip["pictures"])
    assert question in suggestions["texts"]
    assert card.count("<li>") == 5
    assert "lab-badge" not in card
    assert "lab-note" not in card


def test_another_model_looks_at_ones_own_picture(hub, photo):
    hub.go.set()
    strip, _, key, keys, question, card, _ = ask.introduced(B32, photo, "What is this?", None)
    assert (key, keys, question) == (None, PHOTOGRAPHS, "What is this?")
    assert strip["chosen"] is None
    assert "ViLT-B/32 took" in card
    *_, text, _, message = align.introduced(B32, photo, "A red cup", 0.5, 10, None)
    assert text == "A red cup"
    assert message["words"] == ["A", "red", "cup"]


def test_the_note_about_a_photo_offers_the_model_that_knows_photographs(hub, photo):
    card = ask.answered(photo, "what is this?", None, "vilt-mini")
    assert 'data-name="ViLT-B/32"' in card
    assert "(470 MB)" in card
    assert hub.asked == []


def test_a_photograph_is_aligned_on_the_grid_of_its_shape(hub):
    hub.go.set()
    *_, caption, suggestions, message = align.introduced(B32, None, "", 0.5, 20, None)
    assert caption in suggestions["texts"]
    assert message["grid"] == [12, 18]
    assert message["places"] == {}
