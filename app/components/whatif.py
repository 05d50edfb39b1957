"""What if? One change of a scene, one question, and the answers before and after side by side."""

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import gradio as gr

from app.services import Reply
from app.theme import static
from vilt_core.viz.answers import percent

if TYPE_CHECKING:
    from vilt_core.world.counterfactuals import Counterfactual


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One scene and what was answered."""

    picture: str
    says: str
    reply: Reply


def card(
    idea: "Counterfactual | None", before: Side, now: Side | None, *, question: str, others: bool
) -> str:
    """The card as HTML.

    Args:
        idea: a change to try.
        before: the scene that is kept.
        now: the scene on show, where it is another one.
        question: that both answer.
        others: whether there are more ideas.
    """
    keep = "" if now is None else _button("keep", "Keep this one as “before”")
    return (
        f'<div class="lab-reply lab-whatif"><h3>What if?</h3>{_idea(idea, question, others)}'
        f'<p class="lab-asked" translate="no">“{escape(question.strip())}”</p>'
        f'<div class="lab-sides">{_side("Before", before)}{_side("Now", now)}</div>{keep}</div>'
    )


def _idea(idea: "Counterfactual | None", question: str, others: bool) -> str:
    if idea is None:
        return (
            "<p>Drag a sticker, turn it, take one away: the same question is asked again, "
            "and both answers stay in sight.</p>"
        )
    says = idea.says[:1].upper() + idea.says[1:]
    other = idea.question.lower() != question.strip().lower()
    what = f', “<span translate="no">{escape(idea.question)}</span>”' if other else ""
    return (
        f"<p>{escape(says)} and ask again{what}: the truth turns "
        f'from <b translate="no">{escape(idea.before)}</b> to '
        f'<b translate="no">{escape(idea.after)}</b>. '
        "Does the model follow?</p>"
        f'<div class="lab-do">{_button("do", "Do it", strong=True)}'
        f"{_button('other', 'Another idea') if others else ''}</div>"
    )


def _button(name: str, words: str, *, strong: bool = False) -> str:
    kind = "lab-strong" if strong else "lab-plain"
    return f'<button type="button" class="{kind}" data-do="{name}">{escape(words)}</button>'


def _side(title: str, side: Side | None) -> str:
    if side is None:
        return (
            f'<figure class="lab-side-empty"><figcaption><b>{title}</b>'
            "<span>Change something, and the new answer stands here.</span></figcaption></figure>"
        )
    best = side.reply.answers[0]
    return (
        f'<figure><img src="{side.picture}" alt="{escape(side.says)}" translate="no">'
        f"<figcaption><b>{title}</b>"
        f'<strong translate="no">{escape(best.text)}</strong>{_badge(side.reply)}'
        f"<span>{percent(best.probability)} sure</span></figcaption></figure>"
    )


def _badge(reply: Reply) -> str:
    if reply.truth is None:
        return ""
    if reply.answers[0].text == reply.truth:
        return '<span class="lab-badge right">✓ right</span>'
    truth = f'<span translate="no">{escape(reply.truth)}</span>'
    return f'<span class="lab-badge wrong">✗ truly {truth}</span>'


def build() -> gr.HTML:
    """The card; its events are ``do``, ``other`` and ``keep``."""
    return gr.HTML(
        "",
        js_on_load=static("whatif.js"),
        apply_default_css=False,
        elem_id="whatif",
    )
