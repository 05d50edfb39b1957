"""The answer as it stands on the page: the likeliest large, five as bars, the truth beside."""

from html import escape

from app import services
from app.services import Reply
from vilt_core.viz.answers import answer_bars, percent, quoted

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
    note = f'<div class="lab-note"><p>{STRANGER}</p>{_offer()}</div>' if reply.stranger else ""
    return (
        f'<div class="lab-reply" data-said="{_said(reply)}" data-took="{reply.milliseconds:.3f}">'
        '<div class="lab-verdict">'
        f'<strong translate="no">{quoted(best.text)}</strong>'
        f"{_truth(reply)}</div>{note}{_bars(reply)}"
        f'<p class="lab-took">{escape(reply.model)} took {reply.milliseconds:.0f} ms '
        "on this server.</p></div>"
    )


def strange() -> str:
    """The note where something else than an answer is shown of a picture from outside the world."""
    return f'<div class="lab-note"><p>{STRANGER}</p></div>'


def before_and_after(before: Reply, after: Reply) -> str:
    """Two replies to one question under each other, as HTML."""
    parts = "".join(
        f'<section><h4>{name}</h4><div class="lab-verdict"><strong translate="no">'
        f"{quoted(reply.answers[0].text)}</strong></div>{_bars(reply)}</section>"
        for name, reply in (("Before", before), ("After", after))
    )
    first, then = (quoted(reply.answers[0].text) for reply in (before, after))
    said = f"Before: {first}. After: {then}."
    return (
        f'<div class="lab-reply lab-twice" data-said="{said}" '
        f'data-took="{after.milliseconds:.3f}">{parts}</div>'
    )


def _said(reply: Reply) -> str:
    """A reply in a line, as HTML: what a screen reader tells."""
    best, truth = reply.answers[0], reply.truth
    said = f"Answer: {quoted(best.text)}, {percent(best.probability)}"
    if truth is None:
        return said
    return f"{said}, right" if best.text == truth else f"{said}, true answer: {escape(truth)}"


def _bars(reply: Reply) -> str:
    return answer_bars(
        [answer.text for answer in reply.answers],
        [answer.probability for answer in reply.answers],
        truth=reply.truth,
    )


def trouble(sentence: str) -> str:
    """Why there is no answer."""
    return f'<div class="lab-reply lab-trouble" role="alert"><p>{escape(sentence)}</p></div>'


def _offer() -> str:
    """A button for the first model that knows photographs."""
    for name, model in services.LIBRARY.models.items():
        if model.domain == "photographs":
            megabytes = model.checkpoints["answer"].megabytes
            ready = services.LIBRARY.state(name, "answer").kind == "ready"
            price = "" if ready or megabytes is None else f" ({megabytes} MB)"
            return (
                f'<button type="button" class="lab-offer" data-name="{escape(name)}">'
                f"Ask {escape(name)}, which knows photographs{price}</button>"
            )
    return ""


def _truth(reply: Reply) -> str:
    if reply.truth is None:
        return ""
    if reply.answers[0].text == reply.truth:
        return '<span class="lab-badge right">✓ right</span>'
    truth = f'<span translate="no">{escape(reply.truth)}</span>'
    return f'<span class="lab-badge wrong">✗ true answer: {truth}</span>'
