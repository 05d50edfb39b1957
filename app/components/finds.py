"""What was found: pictures or sentences to click, the best first; or how far an index is."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from app import services
from app.galleries import Place, Wait
from app.theme import static
from vilt_core.viz import stepper

if TYPE_CHECKING:
    from vilt_core.search.finding import Found, Hit
    from vilt_core.search.index import Broken

SHOWN = 12
_ALONE = "The dual encoder alone ranks these: while ViLT-B/32 speaks, it judges the first of them."
_STRANGE = (
    "These models have seen stickers alone, so their order of photographs is chance: name a CLIP "
    "in VILT_LAB_ENCODER, such as openai/clip-vit-base-patch32, or choose ViLT-B/32."
)
_WAITING = "Say what you are looking for, or take one of the suggestions."


def nothing(says: str = _WAITING) -> dict[str, Any]:
    """Before anything was asked."""
    return {"hits": [], "says": says, "trouble": "", "done": 0, "total": 0}


def trouble(sentence: str) -> dict[str, Any]:
    """Why nothing was found."""
    return nothing("") | {"trouble": sentence}


def progress(wait: Wait) -> dict[str, Any]:
    """How far what a query waits for is."""
    return nothing(wait.says) | {"done": wait.done, "total": wait.total}


def pictures(
    found: "Found",
    places: Sequence[Place],
    truths: Sequence[bool | None],
    *,
    unread: Sequence["Broken"] = (),
    strange: bool = False,
) -> dict[str, Any]:
    """Pictures, in the order of the hits, and whether the sentence is true of each.

    Args:
        found: the hits.
        places: of those that are shown.
        truths: where the sentence is one of the world's own.
        unread: files that were not among those searched.
        strange: whether nobody who judged has ever seen such pictures.
    """
    hits = [
        {"picture": _thumbnail(place), "says": place.name, "truth": truth, **_scores(hit)}
        for hit, place, truth in zip(found.hits, places, truths, strict=False)
    ]
    alone = not found.cost.forwards and not found.broken
    says = [_STRANGE] if strange else [_ALONE] if alone else []
    return nothing(" ".join(filter(None, [*says, _passed_over(found, unread)]))) | {"hits": hits}


def sentences(found: "Found") -> dict[str, Any]:
    """Sentences."""
    hits = [
        {"picture": "", "says": hit.name, "truth": None, **_scores(hit)}
        for hit in found.hits[:SHOWN]
    ]
    return nothing("") | {"hits": hits}


def _scores(hit: "Hit") -> dict[str, str]:
    chance = hit.probability
    return {
        "chance": "" if chance is None else f"{100 * chance:.1f} %",
        "cosine": "" if hit.cosine is None else f"cosine {hit.cosine:.2f}",
    }


def _passed_over(found: "Found", unread: Sequence["Broken"]) -> str:
    keys = [one.key for one in (*unread, *found.broken)]
    if not keys:
        return ""
    named = ", ".join(Path(key).name for key in keys[:3])
    more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
    return f"Passed over, for they cannot be read: {named}{more}."


def _thumbnail(place: Place) -> str:
    if place.key is not None:
        return services.thumbnail(place.key)
    assert place.file is not None
    try:
        changed = Path(place.file).stat().st_mtime_ns
    except OSError as error:
        raise ValueError(f"{place.name} is there no longer") from error
    return _thumbnail_of(place.file, changed)


@lru_cache(maxsize=256)
def _thumbnail_of(file: str, changed: int) -> str:
    del changed  # tells one state of the file from another
    return stepper.data_url(services.pixels_of(file), side=services.THUMBNAIL_SIDE)


def build() -> gr.HTML:
    """The box; its event ``pick`` carries the ``place`` of a hit."""
    return gr.HTML(
        value=nothing(),
        html_template='<div class="lab-found"></div>',
        js_on_load=static("finds.js"),
        apply_default_css=False,
        elem_id="found",
    )
