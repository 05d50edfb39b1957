"""The words of the tabs: each is explained, shortly, and stands where it is used."""

import asyncio
import re

import gradio as gr
import pytest

from app import build_demo, languages
from app.components import glossary

KNOWN = glossary.glossary()


def test_every_word_of_a_tab_is_explained_and_every_explanation_used():
    used = {term for terms in KNOWN["tabs"].values() for term in terms}
    assert used == set(KNOWN["terms"])


@pytest.mark.parametrize("says", KNOWN["terms"].values(), ids=KNOWN["terms"])
def test_an_explanation_is_one_or_two_sentences(says):
    assert says.endswith((".", "?"))
    assert len(re.findall(r"[.?](?: [A-Z]|$)", says)) <= 2
    assert len(says) < 200


def test_no_text_says_two_words_at_once():
    written = [way.lower() for term in KNOWN["terms"] for way in glossary.ways(term)]
    assert set(KNOWN["forms"]) <= set(KNOWN["terms"])
    assert sorted(written) == sorted(set(written))
    assert not any("|" in way for way in written)


@pytest.mark.parametrize("code", languages.codes())
def test_other_languages_tell_the_words_apart_too(code):
    texts = languages.texts(code)
    marked = {key.removeprefix("(term) ") for key in texts if key.startswith("(term) ")}
    assert marked <= set(KNOWN["terms"])
    ways = [texts.get(f"(term) {term}", texts[term]).split(" | ") for term in KNOWN["terms"]]
    written = [way.lower() for several in ways for way in several]
    assert sorted(written) == sorted(set(written))


def test_each_word_names_its_explanation():
    line = glossary.words("align", "Align")
    described = re.findall(r'aria-describedby="([^"]+)"', line)
    assert described == re.findall(r'role="tooltip" id="([^"]+)"', line)
    assert len(set(described)) == len(KNOWN["tabs"]["align"])


def test_every_tab_opens_with_its_words():
    # Where no event loop runs, Gradio opens one and never closes it.
    async def built() -> gr.Blocks:
        return build_demo()

    demo = asyncio.run(built())
    lines = [block for block in demo.blocks.values() if "lab-glossary" in block.elem_classes]
    assert len(lines) == len(KNOWN["tabs"])
    assert all(block.parent.children[0] is block for block in lines)
