"""Choosing a model: what each knows, how far it is, and which one speaks in each tab.

A tab is told of its model when it is looked at, and not before: being told is what it opens with.
A model that is not there yet loads beside the page. Until it is there, and if it fails, the model
that spoke before goes on.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from app import services
from app.components import frame, polite, progress
from app.components.events import Event
from app.library import State
from app.models import Checkpoint, Task
from app.theme import static

# What a model does in each tab; the page opens with the first.
TABS: Mapping[str, Task] = {
    "tour": "align",
    "ask": "answer",
    "align": "align",
    "explain": "answer",
    "compose": "answer",
    "foils": "match",
    "masks": "fill",
    "pairs": "compare",
    "find": "match",
}
_SECONDS = 0.5  # between two looks at a model that loads
_VERBS: Mapping[Task, str] = {
    "answer": "answer",
    "align": "align",
    "match": "find",
    "fill": "fill masks",
    "compare": "compare pairs",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What one visitor sees."""

    tab: str  # on show
    wanted: Mapping[str, str]  # models by their names, one a tab
    speaking: Mapping[str, str]  # of tabs looked at; not the one wanted while that is not there
    trouble: tuple[str, str] | None = None  # a model that could not be loaded, and why

    @property
    def task(self) -> Task:
        """What is done in the tab on show."""
        return TABS[self.tab]

    @property
    def speaker(self) -> str:
        """The model of the tab on show."""
        return self.speaking.get(self.tab, services.LIBRARY.first)

    @property
    def awaited(self) -> str | None:
        """The model that will speak in the tab on show as soon as it is there."""
        wanted = self.wanted[self.tab]
        return None if wanted == self.speaker else wanted


# What a visitor may do. ``visitor`` tells one from another: they share what is loaded.


def arrived(name: str | None = None, tab: str | None = None) -> Visit:
    """No tab opened; nothing chosen, unless an address named a model or a tab of ``TABS``."""
    wanted = dict.fromkeys(TABS, name or services.LIBRARY.default)
    first = next(iter(TABS))
    return Visit(tab=first if tab is None else tab, wanted=wanted, speaking={})


def is_here(name: str) -> bool:
    """Whether there is such a model and nothing of it need be fetched."""
    return name in services.LIBRARY.models and any(
        _state(name, task).kind == "ready" for task in TABS.values()
    )


def turned(visit: Visit, tab: str, visitor: object) -> Visit:
    """A tab put on show: it too needs the model that was chosen."""
    return _settled(_demanded(replace(visit, tab=tab), visitor), visitor)


def picked(visit: Visit, name: str, visitor: object) -> Visit:
    """A model chosen, or chosen again after it failed."""
    for other in set(visit.wanted.values()) - {name}:
        services.LIBRARY.leave(other, visitor)
    wanted = dict.fromkeys(TABS, services.LIBRARY.model(name).name)
    return _settled(_demanded(replace(visit, wanted=wanted, trouble=None), visitor), visitor)


def stopped(visit: Visit, visitor: object) -> Visit:
    """No longer waiting, or told often enough what went wrong: all stays as it is."""
    for name in visit.wanted.values():
        services.LIBRARY.leave(name, visitor)
    wanted = {tab: visit.speaking.get(tab, services.LIBRARY.first) for tab in TABS}
    return replace(visit, wanted=wanted, trouble=None)


def looked(visit: Visit, visitor: object) -> Visit:
    """Some time later. Whose line was cut for a moment has left, and wants the model again."""
    if visit.awaited is not None and _state(visit.awaited, visit.task).kind == "absent":
        visit = _demanded(visit, visitor)
    return _settled(visit, visitor)


def _demanded(visit: Visit, visitor: object) -> Visit:
    if visit.awaited is not None and not services.LIBRARY.models[visit.awaited].at_once:
        services.LIBRARY.want(visit.awaited, visit.task, visitor)
    return visit


def _settled(visit: Visit, visitor: object) -> Visit:
    """The tab on show speaks with the model awaited, if that is there; or hears why it is not."""
    awaited = visit.awaited
    if awaited is None:
        return replace(visit, speaking={**visit.speaking, visit.tab: visit.speaker})
    state = _state(awaited, visit.task)
    if state.kind == "ready":
        return replace(visit, speaking={**visit.speaking, visit.tab: awaited}, trouble=None)
    visit = replace(visit, speaking={**visit.speaking, visit.tab: visit.speaker})
    if state.kind in ("waiting", "loading"):
        return visit
    trouble = (awaited, state.sentence) if state.kind == "failed" else None
    return replace(stopped(visit, visitor), trouble=trouble)


def _state(name: str, task: Task) -> State:
    if services.LIBRARY.model(name).at_once:
        return State(kind="ready")
    return services.LIBRARY.state(name, task)


# What is shown of it.


def value(visit: Visit) -> dict[str, Any]:
    """What the box shows."""
    return {
        "speaker": visit.speaker,
        "models": [_entry(visit, name) for name in services.LIBRARY.models],
    }


def _entry(visit: Visit, name: str) -> dict[str, Any]:
    model = services.LIBRARY.models[name]
    state = _state(name, visit.task)
    kind, sentence = state.kind, ""
    if visit.trouble is not None and visit.trouble[0] == name:
        kind, sentence = "failed", polite.as_sentence(visit.trouble[1])
    elif kind != "ready" and name != visit.awaited:
        kind = "absent"  # what others load, and what failed for them, is theirs
    return {
        "name": name,
        "domain": model.domain,
        "knows": model.knows,
        "kind": kind,
        "percent": state.percent if kind == "loading" else None,
        "size": _size(name, visit.task),
        "sizes": _sizes(name),
        "sentence": sentence,
    }


def _size(name: str, task: Task) -> str:
    megabytes = services.LIBRARY.models[name].checkpoints[task].megabytes
    return "" if megabytes is None else f"{megabytes} MB"


def _sizes(name: str) -> str:
    """What each tab needs, where that is not the same."""
    found = services.LIBRARY.models[name].checkpoints
    shared: dict[Checkpoint, list[Task]] = {}
    for task in _VERBS:
        shared.setdefault(found[task], []).append(task)
    if len(shared) == 1:
        return ""
    return ", ".join(
        f"{_size(name, tasks[0])} to {' and '.join(_VERBS[task] for task in tasks)}"
        for tasks in shared.values()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Chooser:
    """The components. ``speakers`` hold the model of each tab; None before it was first opened."""

    box: gr.HTML
    visit: gr.State
    clock: gr.Timer
    speakers: Mapping[str, gr.State]


def build() -> Chooser:
    """The box, above the tabs; ``wire`` brings it to life."""
    box = gr.HTML(
        value={"speaker": services.LIBRARY.first, "models": []},
        html_template=static("chooser.html"),
        js_on_load=static("chooser.js"),
        apply_default_css=False,
        elem_id="models",
    )
    return Chooser(
        box=box,
        visit=gr.State(arrived()),
        clock=gr.Timer(_SECONDS, active=False),
        speakers={tab: gr.State(None) for tab in TABS},
    )


def wire(
    chooser: Chooser,
    *,
    opened: Callable[..., Any],
    closed: Callable[..., Any],
    tabs: Mapping[str, gr.Tab],
    offer: Callable[..., Any],
    footer: gr.HTML,
) -> None:
    """Let the box, the tabs and an offer decide who speaks.

    Args:
        chooser: the components.
        opened: the event of a page opened.
        closed: the event of a page closed.
        tabs: those of ``TABS``, by their names there.
        offer: the event of the offer of a model, ``name``.
        footer: says who speaks.
    """
    outputs = [chooser.visit, chooser.box, *chooser.speakers.values(), footer, chooser.clock]

    def on(event: Callable[..., Any], function: Callable[..., Any]) -> None:
        # One after the other: each must see what the one before it left of the visit.
        event(
            function,
            chooser.visit,
            outputs,
            concurrency_limit=1,
            concurrency_id="models",
            **progress.unseen(chooser.clock),
        )

    def everything(visit: Visit) -> tuple[Any, ...]:
        return (
            visit,
            value(visit),
            *(visit.speaking.get(tab) for tab in chooser.speakers),
            frame.speaks(visit.speaker, visit.task),
            gr.Timer(active=visit.awaited is not None),
        )

    def pick(visit: Visit, event: Event, request: gr.Request) -> tuple[Any, ...]:
        with polite.polite():
            return everything(picked(visit, event.name, request.session_hash))

    def stop(visit: Visit, request: gr.Request) -> tuple[Any, ...]:
        return everything(stopped(visit, request.session_hash))

    def look(visit: Visit, request: gr.Request) -> tuple[Any, ...]:
        return everything(looked(visit, request.session_hash))

    def open_page(visit: Visit, request: gr.Request) -> tuple[Any, ...]:
        return everything(turned(visit, visit.tab, request.session_hash))

    def turn_to(tab: str) -> Callable[..., Any]:
        def turn(visit: Visit, request: gr.Request) -> tuple[Any, ...]:
            return everything(turned(visit, tab, request.session_hash))

        return turn

    def leave(request: gr.Request) -> None:
        services.LIBRARY.forget(request.session_hash)

    closed(leave)
    on(chooser.box.pick, pick)
    on(offer, pick)
    on(chooser.box.stop, stop)
    on(chooser.clock.tick, look)
    on(opened, open_page)
    for tab in TABS:
        on(tabs[tab].select, turn_to(tab))
