"""How far a work of several steps is, as HTML; and how long one waits for it to begin."""

from html import escape
from typing import Any

import gradio as gr
from gradio.components import Component


def waiting(at: gr.HTML) -> dict[str, Any]:
    """Settings of an event that shows the place in the queue, where one has to wait, and no more.

    Args:
        at: where; it may be empty.
    """
    return {"show_progress": "minimal", "show_progress_on": at, "api_visibility": "private"}


def unseen(at: Component) -> dict[str, Any]:
    """Settings of an event of which nothing is shown before its answer.

    Whenever any event gets on, Gradio's page goes through all components on which one ever showed
    that it was at work, also unseen, and through whatever they hold: all outputs, if nothing is
    said, and with a container among them half the page.

    Args:
        at: a small component, whatever it shows.
    """
    return {"show_progress": "hidden", "show_progress_on": at, "api_visibility": "private"}


def in_order() -> dict[str, Any]:
    """Settings of an event that counts though the one before it is still at work.

    Else Gradio drops a click then, or ("always_last") keeps it and forgets what it is about.
    """
    return {"trigger_mode": "multiple", "concurrency_limit": 1}


def answering(at: Component) -> dict[str, Any]:
    """Settings of an event whose answer comes at once, and of which each counts.

    Args:
        at: where it is shown that the answer is on its way.
    """
    return {"show_progress_on": at, "api_visibility": "private", **in_order()}


def bar(says: str, done: int, total: int) -> str:
    """What comes next, and a bar."""
    percent = 100 * done // max(total, 1)
    return (
        f'<div class="lab-progress"><p><span>{escape(says)}</span> '
        f'<span class="lab-soft">{done} of {total}</span></p><div class="lab-bar" '
        f'role="progressbar" aria-label="{escape(says)}" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{percent}"><i style="width:{percent}%"></i></div></div>'
    )


def note(says: str, *, trouble: bool = False) -> str:
    """A sentence where the bar was; nothing for nothing."""
    if not says:
        return ""
    heard = 'role="alert"' if trouble else f'data-said="{escape(says)}"'
    return f'<p class="lab-told{" lab-wrong" if trouble else ""}" {heard}>{escape(says)}</p>'
