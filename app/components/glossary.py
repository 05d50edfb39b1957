"""The words of a tab that a visitor may not know, each with a sentence or two on what it means."""

import json
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from app.theme import static

FILE = Path(__file__).resolve().parents[1] / "terms.json"


@lru_cache(maxsize=1)
def glossary() -> dict[str, Any]:
    """``terms``, what each means; and ``tabs``, which stand on which."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def words(tab: str, title: str) -> str:
    """The line of a tab, as HTML: its title to hear, a button a word, what it means beside."""
    terms = glossary()["terms"]
    told = "".join(
        f'<span class="lab-term"><button type="button" aria-describedby="term-{tab}-{at}">'
        f'{escape(term)}</button><span role="tooltip" id="term-{tab}-{at}">{escape(terms[term])}'
        "</span></span>"
        for at, term in enumerate(glossary()["tabs"][tab])
    )
    return (
        f'<h2 class="lab-sr">{escape(title)}</h2>'
        '<div class="lab-terms" role="group" aria-label="Words on this page">'
        f"<span>Words on this page</span>{told}</div>"
    )


def introduce(tabs: gr.Tabs) -> None:
    """Put its line on top of every tab that has one."""
    for tab in tabs.children:
        if isinstance(tab, gr.Tab) and str(tab.id) in glossary()["tabs"]:
            with tab:
                gr.HTML(
                    words(str(tab.id), str(tab.label)),
                    js_on_load=static("terms.js"),
                    apply_default_css=False,
                    elem_classes="lab-glossary",
                )
            tab.children.insert(0, tab.children.pop())
