"""All pages: their links lead somewhere, the index and the glossary are complete."""

import json
import re
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
GLOSSARY = (DOCS / "glossary.md").read_text(encoding="utf-8")
ENTRIES = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in GLOSSARY.splitlines()
    if line.startswith("| ") and not line.startswith("| term")
]
NAMES = [entry[0].split(" / ") for entry in ENTRIES]
TERMS = [names[0] for names in NAMES]
ELSEWHERE = {"masked word": "MLM"}  # what the app calls otherwise than the glossary
NEEDED = (
    "patch projection [CLS] pooler ITM MLM MPP WPA IPOT marginals beta recall@K whole-word~masking "
    "co-attention attention transport~plan position~embedding modal-type~embedding token heatmap "
    "rollout relevance occlusion Sinkhorn NLVR2 VQA raster~order"
)


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    linked = re.findall(r"\]\(((?!http)[^)#]+)", text)
    assert [path for path in linked if not (DOCS / path).exists()] == []


def test_the_index_names_every_page():
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"\]\(([\w-]+\.md)\)", index))
    assert listed == {page.name for page in PAGES} - {"README.md"}


def test_terms_stand_in_order_and_once():
    keys = [re.sub(r"[^a-z@ -]", "", term.lower()) for term in TERMS]
    assert keys == sorted(set(keys))
    assert [name for name in NEEDED.split() if name.replace("~", " ") not in TERMS] == []


def test_the_words_of_the_app_are_among_them():
    words = json.loads((ROOT / "app" / "terms.json").read_text(encoding="utf-8"))["terms"]
    assert set(ELSEWHERE) <= set(words)
    known = set(chain.from_iterable(NAMES))
    assert [word for word in words if ELSEWHERE.get(word, word) not in known] == []


@pytest.mark.parametrize(("code", "column"), [("zh", 1), ("ja", 2)])
def test_the_app_calls_a_term_in_another_language_as_the_glossary_does(code, column):
    named = {name: entry[column] for entry in ENTRIES for name in entry[0].split(" / ")}
    words = json.loads((ROOT / "app" / "terms.json").read_text(encoding="utf-8"))["terms"]
    texts = json.loads((ROOT / f"app/languages/{code}.json").read_text(encoding="utf-8"))
    assert [
        (word, texts[word], named[word])
        for word in words
        if word in named and texts[word] not in named[word]
    ] == []


def test_every_notebook_is_a_place_to_see_something():
    seen = {number for *_, see in ENTRIES for number in re.findall(r"\[(\d+)\]", see)}
    assert set(map(str, range(1, 12))) <= seen


@pytest.mark.parametrize("entry", ENTRIES, ids=TERMS)
def test_a_term_is_told_in_one_or_two_sentences_and_shown(entry):
    term, chinese, japanese, told, seen = entry
    proper = {"MixGen", "RandAugment", "transformer", "softmax"}
    if term not in proper:
        assert re.search(r"[\u4e00-\u9fffβ]", chinese)
        assert re.search(r"[\u3040-\u30ff\u4e00-\u9fffβ]", japanese)
    assert not re.search(r"[\u3040-\u30ff]", chinese)
    assert told.endswith((".", ")."))
    assert len(re.findall(r"[.?](?: |$)", re.sub(r"\.\.\.", "", told))) <= 2
    assert re.search(r"\[[^]]+\]\(.+\)|\*\w+\*", seen)


def test_its_tabs_are_those_of_the_app():
    named = {tab for *_, seen in ENTRIES for tab in re.findall(r"\*(\w+)\*", seen)}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert named <= set(re.findall(r"^\| \*(\w+)\* \|", readme, re.MULTILINE))
