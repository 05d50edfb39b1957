import io
import json
import re
from html import unescape

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from app import foils, languages, masks, pairs, services
from app.components import polite, reply
from app.languages import serving
from app.services import EXAMPLES, Reply
from vilt_core.data.image import open_image
from vilt_core.predictor import Answer
from vilt_core.world.sprites import sprites

CODES = languages.codes()


def test_chinese_and_japanese_are_there():
    assert {"zh", "ja"} <= set(CODES)
    assert languages.names() == {
        "en": "English",
        **{code: languages.texts(code)[languages.NAME] for code in CODES},
    }


def test_all_languages_translate_the_same_texts():
    every = {code: set(languages.texts(code)) for code in CODES}
    union = set().union(*every.values())
    assert {code: sorted(union - texts) for code, texts in every.items()} == {c: [] for c in CODES}


@pytest.mark.parametrize("code", CODES)
def test_holes_and_parts_agree_and_nothing_is_empty(code):
    assert list(languages.problems(languages.texts(code))) == []


@pytest.mark.parametrize("code", CODES)
def test_every_sticker_has_a_name_of_its_own(code):
    texts = languages.texts(code)
    names = [texts[f"(sticker) {sprite.label}"].split(" | ") for sprite in sprites()]
    assert all(name == name.strip() != "" for several in names for name in several)
    assert len({first for first, *_ in names}) == len(sprites())
    known = {source for source in texts if source.startswith("(sticker) ")}
    assert known == {f"(sticker) {sprite.label}" for sprite in sprites()}


@pytest.mark.parametrize("code", CODES)
def test_the_file_is_sorted_so_that_a_text_has_one_place(code):
    written = (languages.FOLDER / f"{code}.json").read_text(encoding="utf-8")
    pairs = json.loads(written, object_pairs_hook=list)
    assert [source for source, _ in pairs] == sorted({source for source, _ in pairs})
    assert written == json.dumps(dict(pairs), ensure_ascii=False, indent=1) + "\n"


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ("Ask", " ", "empty"),
        ("{n} of {m}", "{n}", "holes"),
        ("a <1>b</1>", "a <1/>", "parts"),
        ("two  spaces", "zwei", "spaces"),
    ],
)
def test_what_is_wrong_is_told(source, target, said):
    (problem,) = languages.problems({source: target})
    assert repr(source) in problem
    assert said in problem


def test_an_unknown_language_is_refused_in_one_sentence():
    with pytest.raises(ValueError, match=r"must be one of .*zh.*, got 'xx'"):
        languages.texts("xx")


def reads(source, sentence):
    """Whether a text of a language is about a sentence: holes of one letter hold a number."""
    literal, holes = re.split(r"\{\w+\}", source), re.findall(r"\{(\w+)\}", source)
    number, words = r"(?:-|< )?\d[\d,.]*", r"[^<]+?"
    filled = [number if re.fullmatch(r"[a-z]\d?", hole) else words for hole in holes]
    parts = [re.escape(literal[0])]
    for hole, rest in zip(filled, literal[1:], strict=True):
        parts += hole, re.escape(rest)
    return re.fullmatch("".join(parts), sentence) is not None


def refused(function):
    with pytest.raises(ValueError, match=r".+") as caught:
        function()
    return polite.sentence(caught.value)


@pytest.mark.parametrize("values", [np.int32([[-7, 9]]), np.float32([[-1e9, np.inf]])])
@pytest.mark.parametrize("code", CODES)
def test_what_is_said_of_a_file_of_unknown_greys_is_translated(code, values):
    file = io.BytesIO()
    Image.fromarray(values).save(file, "TIFF")
    said = refused(lambda: open_image(file.getvalue()))
    assert [one for one in languages.texts(code) if reads(one, said)]


@pytest.mark.parametrize("code", CODES)
def test_what_is_said_of_a_link_or_a_page_of_yesterday_is_translated(tiny, code):
    for said in (
        refused(lambda: masks.look(None, "a cat", (9,), key=EXAMPLES[0], model="tiny")),
        refused(lambda: services.bytes_of("gone.png")),
    ):
        assert [one for one in languages.texts(code) if reads(one, said)]


def answered(best, truth=None):
    found = Answer(text=best, probability=0.93)
    return Reply(answers=(found,), milliseconds=9, model="tiny", truth=truth)


@pytest.mark.parametrize("code", CODES)
def test_what_is_told_of_an_answer_to_those_who_hear_is_translated(tiny, code):
    key, text = EXAMPLES[1], "a zebra and a cat"
    left, right = pairs.pair_of(3)
    (word, *_) = masks.broken_words("tiny")
    cards = [
        *(reply.card(answered("cat", truth)) for truth in (None, "cat", "dog")),
        reply.before_and_after(answered("cat"), answered("dog")),
        masks.look(None, text, (1, 2), key=key, model="tiny"),
        masks.lesson(word, "tiny"),
        foils.sentences(None, text, "a dog", key=key, model="tiny"),
        pairs.compare((None, None), "both show a cat", keys=(left, right), model="tiny"),
    ]
    for card in cards:
        (said,) = re.findall(r'data-said="([^"]*)"', card)
        for line in unescape(said).split("\n"):
            assert [one for one in languages.texts(code) if reads(one, line)], line


def page(_):
    return HTMLResponse("<html><head><title>x</title></head><body><head></body></html>")


@pytest.fixture
def client():
    routes = [
        *serving.routes(),
        Route("/", page),
        Route("/text", lambda _: PlainTextResponse("<head>")),
    ]
    return TestClient(Starlette(routes=routes, middleware=[serving.heading()]))


def test_a_page_begins_with_the_script_and_other_answers_stay(client):
    answer = client.get("/")
    assert answer.text.startswith("<html><head><script>")
    assert answer.text.count("const labLanguages") == 1
    assert answer.text.endswith("</script><title>x</title></head><body><head></body></html>")
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert client.get("/text").text == "<head>"


def test_the_script_names_files_that_are_served(client):
    files = re.findall(r'"(languages/\w+\.json\?\w+)"', serving.script())
    assert len(files) == len(CODES)
    for file, code in zip(files, CODES, strict=True):
        assert client.get(f"/{file}").json() == languages.texts(code)
    assert client.get("/languages/xx.json").status_code == 404
    assert client.get("/languages/__init__.py").status_code == 404
