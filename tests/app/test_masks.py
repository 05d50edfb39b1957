"""Hidden words: a click hides a word or a piece, and three conditions are told side by side."""

import re

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from app import masks, services
from app.components import cloze
from app.services import EXAMPLES
from app.tabs import mask as tab
from vilt_core.viz import stepper

TINY = "tiny"
KEY = EXAMPLES[1]
TEXT = "A zebra and a cat"


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 160, 3), np.uint8)).save(path)
    return str(path)


@pytest.fixture
def broken(tiny):
    """A word that the model reads in several pieces, and where they stand in "a WORD"."""
    word = masks.broken_words(TINY)[0]
    return word, [at for at, _ in masks.words_of(f"a {word}", TINY)[1][1]]


def test_words_and_pieces_are_the_tokenizers(tiny):
    found = masks.words_of(TEXT, TINY)
    assert [text for text, _ in found] == TEXT.split()
    places = [at for _, pieces in found for at, _ in pieces]
    assert places == list(range(1, len(places) + 1))
    assert [piece for _, pieces in found for _, piece in pieces] == tiny.tokenizer.pieces(TEXT)


def test_a_click_hides_a_word_whole_and_another_shows_it_again(tiny, broken):
    word, places = broken
    text = f"a {word}"
    for at in places:
        assert masks.toggled(text, (), at, unit="word", model=TINY) == tuple(places)
        assert masks.toggled(text, (1, *places), at, unit="word", model=TINY) == (1,)
    partly = masks.toggled(text, (), places[1], unit="piece", model=TINY)
    assert partly == (places[1],)
    assert masks.toggled(text, partly, places[0], unit="word", model=TINY) == tuple(places)
    assert masks.toggled(text, partly, places[1], unit="piece", model=TINY) == ()


def test_a_click_on_what_is_gone(tiny):
    with pytest.raises(ValueError, match="has changed meanwhile"):
        masks.toggled("a cat", (), 30, unit="word", model=TINY)
    *_, trouble = tab.clicked(None, "a cat", (), tab.WORDS, KEY, TINY, 30)
    assert "choose a word of it again." in trouble


def test_row_hidden_words_and_link_are_of_one_sentence(tiny):
    _, read, row, hidden, _ = tab.written(None, TEXT, tab.WORDS, KEY, TINY)
    first = [piece["at"] for piece in row["words"][0]["pieces"]]
    for unit in tab.UNITS:
        read, row, hidden, view = tab.counted_in(None, read, hidden, unit, KEY, TINY)
        assert "vm-cell" in view
    read, row, hidden, view = tab.clicked(None, read, hidden, tab.WORDS, KEY, TINY, first[0])
    pressed = [p["at"] for word in row["words"] for p in word["pieces"] if p["hidden"]]
    assert [word["text"] for word in row["words"]] == TEXT.split()
    assert set(first) < set(pressed) == set(hidden)
    typed = "so"  # and not used: shorter than what is hidden, which it could not hold
    fields = tab.carried(KEY, None, typed, read, hidden, tab.WORDS, "giraffe")
    assert (fields["sentence"], fields["hidden"]) == (TEXT, hidden)
    assert fields["lesson"] == "giraffe"
    assert tab.carried(KEY, None, typed, "", (), tab.WORDS, None)["sentence"] == typed


def test_without_a_row_nothing_is_hidden(tiny):
    assert tab.counted_in(None, "", (), tab.PIECES, None, TINY) == (gr.skip(),) * 4


def test_a_noun_of_the_scene_is_hidden_first(tiny):
    caption = services.captions_of(KEY)[0]
    hidden = masks.first_hidden(KEY, caption, TINY)
    words = {at: text.lower() for text, pieces in masks.words_of(caption, TINY) for at, _ in pieces}
    names = {
        name
        for thing in services.scene(KEY).objects
        for name in (thing.sprite.name, thing.sprite.plural)
    }
    assert {words[at] for at in hidden} <= names
    assert len(masks.first_hidden(KEY, caption, TINY, unit="piece")) == 1
    last = masks.words_of("so it is.", TINY)[2][1]
    assert masks.first_hidden(None, "so it is.", TINY) == tuple(at for at, _ in last)


def test_three_conditions_are_told_of_every_hidden_piece(tiny, broken):
    word, places = broken
    html = masks.look(None, f"a {word}", places, key=KEY, model=TINY)
    assert html.count('class="vm-place"') == len(places)
    for title in masks.CONDITIONS.values():
        assert html.count(f'class="vm-when">{title}<') == len(places)
    seen = services.picture(KEY, tiny.image_size)
    told = tiny.guess(seen, f"a {word}", places)[0].truth.probability
    assert f"{100 * told:.1f} %" in html or told < 0.001


def test_the_lesson_hides_the_middle_alone_and_with_its_word(tiny, broken):
    word, _ = broken
    found = masks.example(word)
    assert word in found.sentence
    assert [t.sprite.name for t in services.scene(found.key).objects].count(word) == 1
    html = masks.lesson(word, TINY)
    assert stepper.data_url(services.picture(found.key), side=224) in html
    pieces = tiny.tokenizer.pieces(word)
    assert html.count("[MASK]") == 1 + len(pieces)
    alone, whole = map(int, re.findall(r"<td><b>(\d+)</b>", html))
    assert 1 <= alone <= whole
    with pytest.raises(ValueError, match="choose one of"):
        masks.lesson("cat", TINY)


def test_words_in_pieces_have_one_between_others(tiny):
    words = masks.broken_words(TINY)
    assert words
    assert all(len(tiny.tokenizer.pieces(word)) >= 3 for word in words)


def test_the_giraffe_comes_first_where_it_falls_apart(hub):
    hub.go.set()
    words = masks.broken_words("ViLT-B/32")
    pieces = services.predictor("ViLT-B/32", "fill").tokenizer.pieces("giraffe")
    assert (words[0] == "giraffe") == (len(pieces) >= 3)


def test_how_much_the_picture_helps_is_measured_step_by_step(tiny):
    steps = list(masks.steps(16, model=TINY))
    figure = masks.help_figure(steps[-1].found)
    assert [trace.name for trace in figure.data] == list(masks.CONDITIONS.values())
    told = list(tab.measured(16, TINY))
    assert "lab-progress" in told[0][0]
    assert "tiny finds" in told[-1][0]
    assert told[-1][1].visible


@pytest.mark.parametrize("captions", [0, masks.MOST_CAPTIONS + 1])
def test_too_few_or_too_many_captions(tiny, captions):
    with pytest.raises(ValueError, match="captions must lie"):
        next(masks.steps(captions, model=TINY))
    assert "lab-wrong" in list(tab.measured(captions, TINY))[-1][0]


def test_the_tab_opens_with_a_word_hidden(tiny):
    *shown, text, suggestions, read, row, hidden, view = tab.opened(EXAMPLES, KEY, tab.WORDS, TINY)
    assert shown[0]["chosen"] == 1
    assert suggestions["chosen"] == text == read
    pressed = [p["at"] for word in row["words"] for p in word["pieces"] if p["hidden"]]
    assert tuple(pressed) == hidden != ()
    assert "vm-cell" in view


def test_with_nothing_hidden_the_page_waits(tiny):
    _, row, hidden, view = tab.hidden_from(None, TEXT, (), tab.WORDS, KEY, TINY)
    assert hidden == ()
    assert "lab-waiting" in view
    assert len(row["words"]) == len(TEXT.split())


@pytest.mark.parametrize("text", ["", "?!", "кошка", "cat " * 60])
def test_bad_sentences_get_one_sentence(tiny, text):
    _, read, row, hidden, view = tab.written(None, text, tab.WORDS, KEY, TINY)
    assert "lab-trouble" in view
    assert (read, row["words"], hidden) == ("", [], ())


def test_an_own_picture_gets_a_note(tiny, photo):
    *_, view = tab.written(photo, "a cat", tab.WORDS, None, TINY)
    assert "only knows stickers" in view
    assert "vm-cell" in view
    strip, key, suggestions, *read, waiting = tab.brought(EXAMPLES, TINY)
    assert "lab-waiting" in waiting
    assert (strip["chosen"], key, read) == (None, None, ["", cloze.value(()), ()])
    assert suggestions["texts"] == list(tab.GENERAL["stickers"])


def test_introduced_by_another_model(hub, photo):
    hub.go.set()
    *_, chips, lesson = tab.introduced("ViLT-B/32", None, "", tab.WORDS, None)
    assert hub.asked == ["dandelin/vilt-b32-mlm"]
    assert ("vm-lesson" in lesson) == bool(chips["texts"])
    strip, *_ = tab.introduced("ViLT-B/32", photo, "a red cup", tab.WORDS, None)
    assert strip["chosen"] is None


def test_the_row_knows_what_is_hidden():
    row = cloze.value([("giraffe", [(1, "gi"), (2, "##raf")])], (2,), unit="piece")
    assert row == {
        "unit": "piece",
        "words": [
            {
                "text": "giraffe",
                "pieces": [
                    {"at": 1, "text": "gi", "hidden": False},
                    {"at": 2, "text": "##raf", "hidden": True},
                ],
            }
        ],
    }
