"""The answer as it stands on the page: the likeliest large, five as bars, the truth beside."""

from html import escape

from app.services import Reply
from vilt_core.viz.answers import answer_bars

WAITING = (
    '<div class="lab-reply lab-waiting"><p>Ask something, or take one of the suggestions: '
    "the five likeliest answers appear here.</p></div>"
)
STRANGER = (
    "This model only knows stickers. It answers about any picture, but outside its world of emoji "
    "scenes take nothing it says for true."
)


def card(reply: Reply) -> str:
    """A reply as HTML."""
    best = reply.answers[0]
    bars = answer_bars(
        [answer.text for answer in reply.answers],
        [answer.probability for answer in reply.answers],
        truth=reply.truth,
    )
    note = f'<p class="lab-note">{STRANGER}</p>' if reply.stranger else ""
    return (
        f'<div class="lab-reply"><div class="lab-verdict"><strong>{escape(best.text)}</strong>'
        f"{_truth(reply)}</div>{note}{bars}"
        f'<p class="lab-took">{escape(reply.model)} took {reply.milliseconds:.0f} ms '
        "on this server.</p></div>"
    )


def trouble(sentence: str) -> str:
    """Why there is no answer."""
    return f'<div class="lab-reply lab-trouble" role="alert"><p>{escape(sentence)}</p></div>'


def _truth(reply: Reply) -> str:
    if reply.truth is None:
        return ""
    if reply.answers[0].text == reply.truth:
        return '<span class="lab-badge right">✓ right</span>'
    return f'<span class="lab-badge wrong">✗ true answer: {escape(reply.truth)}</span>'
