"""The words of the tabs: each is explained, shortly, and stands where it is used."""

import asyncio
import re

import gradio as gr
import pytest

from app import build_demo
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
