"""Words a visitor may not know, and the notebooks that build what a tab shows.

They stand on top of the tab; and where one first stands in its texts, the browser explains it.
"""

import json
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from app import course
from app.theme import static

FILE = Path(__file__).resolve().parents[1] / "terms.json"


@lru_cache(maxsize=1)
def glossary() -> dict[str, Any]:
    """``terms``, what each means; ``forms``, other ways to write it; ``tabs``, which head which."""
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
        '<div class="lab-prelude"><div class="lab-terms" role="group" '
        f'aria-label="Words on this page"><span>Words on this page</span>{told}</div>'
        f"{lessons(tab)}</div>"
    )


def lessons(tab: str) -> str:
    """Links to its notebooks, as HTML; nothing where there are none."""
    links = "".join(
        f'<a href="{lesson.address}" download title="A notebook of the course, to open in Jupyter '
        f'or on Colab">{lesson.number} · <span>{escape(lesson.title)}</span></a>'
        for lesson in course.lessons_of(tab)
    )
    return f'<div class="lab-lessons"><span>Notebooks ↓</span>{links}</div>' if links else ""


def meanings() -> str:
    """What every term means, as HTML: unseen until ``meanings.js`` finds one on the page."""
    return "".join(
        f'<div role="tooltip" popover="manual" id="means-{at}" data-term="{escape(term)}" '
        f'data-forms="{escape("|".join(ways(term)))}">{escape(says)}</div>'
        for at, (term, says) in enumerate(glossary()["terms"].items())
    )


def ways(term: str) -> tuple[str, ...]:
    """How English texts write a term."""
    return term, *glossary()["forms"].get(term, ())


def explain() -> None:
    """Let terms be explained where they first stand in a tab."""
    gr.HTML(
        meanings(),
        js_on_load=static("meanings.js"),
        apply_default_css=False,
        elem_id="meanings",
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
