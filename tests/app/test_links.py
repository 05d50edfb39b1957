"""Addresses are read and written; whatever somebody typed there gets one sentence, never more."""

import random
from urllib.parse import parse_qsl

import gradio as gr
import pytest

from app import composing, foils, galleries, links, masks, preparing, services
from app.components import chooser, linking
from app.pairs import SceneOfPair
from app.photographs import PHOTOGRAPHS
from app.services import EXAMPLES, SceneKey
from app.tabs import align, ask, explain, foil, mask, pair, preprocess, retrieve, tour, train

TABS = tuple(links.CARRIED)
TINY = "tiny"


def read(address):
    return links.read(dict(parse_qsl(address)), TABS)


@pytest.mark.parametrize("key", [*EXAMPLES[:2], SceneKey(index=3, seed=5, split="style")])
def test_a_scene_has_a_name_that_leads_back(key):
    assert links.picture(links.name_of(key)) == key


@pytest.mark.parametrize("photograph", PHOTOGRAPHS)
def test_a_photograph_has_a_name_that_leads_back(photograph):
    name = links.name_of(photograph)
    assert links.picture(name) == links.half(name) == photograph


@pytest.mark.parametrize("right", [False, True])
def test_a_scene_of_a_pair_has_a_name_that_leads_back(right):
    key = SceneOfPair(index=4, right=right)
    assert links.half(links.name_of(key)) == key


@pytest.mark.parametrize(
    ("tab", "fields"),
    [
        ("tour", {"picture": EXAMPLES[0], "sentence": "a cat", "stop": 3}),
        ("tour", {"stop": 7, "at": 0, "choice": 5, "first": "a dog", "second": "what is it?"}),
        ("align", {"picture": PHOTOGRAPHS[0], "sentence": "Ein Fuß", "beta": 0.25, "word": 2}),
        ("masks", {"sentence": "a & b = c", "hidden": (2, 3), "unit": "piece"}),
        ("pairs", {"left": SceneOfPair(index=1, right=False), "right": PHOTOGRAPHS[1]}),
        ("pixels", {"file": "Four inks", "number": 4}),
        ("pixels", {"for": "ViLT-B/32", "kept": 60, "draw": 3}),
        ("masks", {"lesson": "giraffe"}),
        ("foils", {"picture": EXAMPLES[1], "sentence": "a cat", "turn": 3}),
        ("train", {"steps": 250, "objectives": ("mlm", "wpa"), "unit": "piece", "kinds": 10}),
        ("train", {"rate": 5e-4, "batch": 32, "weight": 0.1, "seed": 2**31 - 1}),
        ("compare", {"measure": "FLOPs", "one": "scan", "other": "vilt"}),
    ],
)
def test_what_is_written_is_read(tab, fields):
    assert read(links.write(tab, fields)) == (tab, {"tab": tab, **fields})


def test_what_is_empty_is_left_out():
    assert links.write("ask", {"picture": None, "question": "  "}) == "tab=ask"


def test_sentences_of_ones_own_are_not_dropped_from_a_link_in_silence():
    asked = (services.EXAMPLES[0], None, "a cat")
    rest = (galleries.first(), 8)
    told = retrieve.carried(retrieve.SENTENCES, *asked, " \n", *rest)
    assert told == {"among": rest[0], "shortlist": 8, "picture": asked[0]}
    assert retrieve.carried(retrieve.SENTENCES, *asked, None, *rest) == told
    with pytest.raises(ValueError, match="sentences of your own cannot be linked"):
        retrieve.carried(retrieve.SENTENCES, *asked, "a cat\na dog", *rest)
    told = retrieve.carried(retrieve.PICTURES, *asked, "a cat\na dog", *rest)
    assert told["sentence"] == "a cat"


def test_an_address_without_a_tab_asks_for_nothing():
    assert read("") is read("__theme=dark&utm_source=mail") is None


def test_an_old_link_to_a_scene_leads_to_compose():
    assert read("scene=abc")[0] == "compose"


@pytest.mark.parametrize(
    "address",
    [
        "tab=nowhere",
        "tab=align&picture=../../etc/passwd",
        "tab=align&picture=test.0.-1",
        "tab=align&picture=test.0.99999999999999999999",
        "tab=align&picture=test.0.1.left",
        "tab=align&beta=nan",
        "tab=align&beta=1e9",
        "tab=align&iterations=1000000",
        "tab=tour&stop=0",
        "tab=tour&stop=1&at=-1",
        "tab=tour&choice=nan",
        "tab=tour&stop=٣",
        "tab=masks&hidden=1.x",
        "tab=masks&unit=__class__",
        "tab=pairs&left=test.0.4",
        "tab=pairs&left=test.0.4.up",
        "tab=pixels&file=<script>",
        "tab=pixels&for=clip",
        "tab=pixels&kept=0",
        "tab=pixels&draw=-1",
        "tab=foils&turn=-1",
        "tab=foils&turn=12",
        "tab=find&among=Your pictures",
        "tab=compare&one=rm",
        "tab=ask&question=" + "a" * 2000,
    ],
)
def test_a_bad_address_gets_one_sentence(address):
    with pytest.raises(ValueError, match=r"^this link (leads|cannot|is too long)[^\n]+$"):
        read(address)
    tab, carried, _, trouble = linking.arrived(dict(parse_qsl(address)), TABS, chooser.arrived())
    assert (tab, carried) == (None, links.NOTHING)
    assert trouble.endswith(".")


def test_nothing_that_is_typed_breaks_it():
    draw = random.Random(0)
    names = ["tab", "picture", "left", "stop", "beta", "hidden", "file", "model", "scene", "word"]
    letters = "a1.-/\\<>'\"%&=\x00٣é🦊 "
    for _ in range(2000):
        query = {
            draw.choice(names): "".join(draw.choices(letters, k=draw.randrange(12)))
            for _ in range(4)
        } | {"tab": draw.choice(TABS)}
        _, _, _, trouble = linking.arrived(query, TABS, chooser.arrived())
        assert "\n" not in trouble


def test_a_picture_of_ones_own_is_not_linked():
    with pytest.raises(ValueError, match="of your own cannot be linked"):
        links.shown(None, "own.png")
    assert links.shown(EXAMPLES[0], "drawn.png") == EXAMPLES[0]


def test_words_too_long_to_be_read_again_are_not_written():
    with pytest.raises(ValueError, match="too long for a link"):
        links.write("ask", {"question": "cat " * 500})


def test_what_hosts_add_to_an_address_is_no_part_of_its_length():
    query = {"tab": "ask", "question": "is there a cat?", "__sign": "x" * 3000, "lang": "zh"}
    assert links.read(query, TABS) == ("ask", {"tab": "ask", "question": "is there a cat?"})
    assert links.read({"__sign": "x" * 3000}, TABS) is None


def test_a_link_to_a_composed_scene_can_be_followed_or_is_not_made():
    place = linking.Place()
    place.carries([], lambda said: {"link": composing.link(composing.opening(), said, "")})
    said = "有没有猫" * 30
    address = linking.written("compose", place, [said], "vilt-mini", None)
    assert composing.shared(address).question == said
    with pytest.raises(ValueError, match="this link is too long"):
        linking.written("compose", place, [said * 20], "vilt-mini", None)


def test_a_model_that_is_not_here_is_named_and_not_fetched(hub):
    query = {"tab": "ask", "model": "ViLT-B/32"}
    tab, _, visit, trouble = linking.arrived(query, TABS, chooser.arrived())
    assert tab == "ask"
    assert visit == chooser.arrived(tab="ask")
    assert "not loaded here" in trouble
    assert hub.asked == []


# What the tabs make of it.


def test_tabs_open_as_the_link_says(tiny):
    key = SceneKey(index=40)
    _, _, shown, _, question, *_ = ask.introduced(
        TINY, None, "", None, {"picture": key, "question": "Is there a cat?"}
    )
    assert (shown, question) == (key, "Is there a cat?")
    *_, text, _, message = align.introduced(
        TINY, None, "", 0.5, 20, None, {"picture": key, "sentence": "a cat", "word": 2}
    )
    assert text == "a cat"
    assert message["word"] == 1
    _, _, shown, _, text, _ = tour.introduced(TINY, None, "", None, {"sentence": "a dog"})
    assert (shown, text) == (EXAMPLES[0], "a dog")
    *_, subject = explain.introduced(TINY, None, "", None, {"picture": key, "answer": "no"})
    assert (subject.key, subject.answer) == (key, "no")


def test_foils_open_as_the_link_says_and_pass_over_what_is_not_there(tiny):
    link = {"sentence": "a cat", "foil": "a dog", "sticker": "dragon", "thing": "<b>"}
    *_, true, false, _, sticker, thing, _, board = foil.introduced(
        TINY, foil.WORD, None, "", "", None, link
    )
    assert (true, false) == ("a cat", "a dog")
    assert sticker.value != "dragon"
    assert thing.value != "<b>"
    assert "vf-side" in board


@pytest.mark.parametrize("how", [foil.WORD, foil.STICKER])
def test_foils_of_one_click_are_those_of_the_sentence_of_the_link(tiny, how):
    key = EXAMPLES[1]
    for turn in (0, 3, foils.TURNS + 3):
        true, false, offers, sticker, thing, turn, _ = foil.turned(key, turn, how, TINY)
        told = foil.carried(key, None, how, true, false, sticker.value, thing.value, turn)
        tab, fields = read(links.write("foils", told))
        found = foil.introduced(TINY, how, None, "", "", None, fields)[4:]
        assert tab == "foils"
        assert found[0] == true
        assert found[2]["texts"] == offers["texts"]
        assert (found[3].value, found[4].value) == (sticker.value, thing.value)
    assert foil.introduced(TINY, how, None, "", "", None, {"picture": key})[4:][5] == 0


@pytest.mark.parametrize("name", [TINY, "ViLT-B/32"])
@pytest.mark.parametrize("button", [None, "Four inks"])
def test_pixels_are_prepared_as_the_link_says(tiny, name, button):
    key = None if button else PHOTOGRAPHS[0]
    given = key, None, button, name, 3, 7, 5
    tab, fields = read(links.write("pixels", preprocess.carried(*given)))
    assert tab == "pixels"
    fresh = None, None, None, preparing.names()[0], 1, 0
    seed, *found = preprocess.opened(*fresh, fields)
    assert seed == 5
    assert (found[0], found[3], found[5]) == (name, key, button)
    assert list(found[8:16]) == list(preprocess.shown((None, key, button), name, 3, 7, 5))[:8]
    assert [slider.value for slider in found[-2:]] == [3, 7]
    assert "a limit of 7:" in found[-3]
    seed, *old = preprocess.opened(*fresh, {"picture": PHOTOGRAPHS[0], "number": 3})
    assert seed == 0
    kept = preparing.geometry(TINY).limit
    assert (old[0], old[-1].value) == (TINY, min(kept, old[-1].maximum))
    assert len(preprocess.opened("own.png", *fresh[1:])) == 1 + len(found)


def test_masks_hide_what_the_link_says_or_say_why_not(tiny):
    link = {"sentence": "a cat and a dog", "hidden": (1,)}
    found = mask.introduced(TINY, None, "", mask.WORDS, None, link)
    assert found[4] == "a cat and a dog"
    assert found[8] == (1,)
    found = mask.introduced(TINY, None, "", mask.WORDS, None, link | {"hidden": (999,)})
    assert "lab-trouble" in found[9]


def test_masks_open_with_the_lesson_of_the_link_or_say_which_there_are(tiny):
    words = masks.broken_words(TINY)
    *_, row, told = mask.introduced(TINY, None, "", mask.WORDS, None, {"lesson": words[-1]})
    assert (row["texts"], row["chosen"]) == (list(words), words[-1])
    assert words[-1] in told
    assert "vm-lesson" in told
    *_, row, told = mask.introduced(TINY, None, "", mask.WORDS, None, {"lesson": "cat"})
    assert (row["texts"], row["chosen"]) == (list(words), None)
    assert "Choose one of" in told


def test_pairs_open_as_the_link_says(tiny):
    left, right = SceneOfPair(index=1, right=False), SceneOfPair(index=2, right=True)
    link = {"left": left, "right": right, "statement": "both show a cat"}
    found = pair.introduced(TINY, None, None, "", None, None, link)
    assert found[4:7] == (left, right, "both show a cat")


def test_a_training_opens_as_the_link_says():
    given = 250, ["wpa", "mlm"], train.PIECES, 10, 1e-3, 32, 0.5, 7
    tab, fields = read(links.write("train", train.carried(*given)))
    assert tab == "train"
    steps, objectives, *rest = train.introduced(link=fields)
    assert (steps, objectives, *rest) == (250, ["mlm", "wpa"], *given[2:])
    assert train.introduced() == (gr.skip(),) * 8
    with pytest.raises(ValueError, match="at least one objective"):
        train.carried(250, [], *given[2:])
    with pytest.raises(ValueError, match="seed must be a whole number"):
        train.carried(*given[:-1], None)
