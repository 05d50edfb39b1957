"""Links: a tab opened as an address says, and the address of what is on show."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from app import composing, links, services
from app.components import chooser, progress
from app.components.events import Event
from app.components.polite import sentence
from app.links import Fields

Carry = Callable[..., Fields]


@dataclass(slots=True, kw_only=True, eq=False)
class Place:
    """A tab's side of it.

    Attributes:
        carried: what the address brought, until the tab has opened with it.
        seen: components whose values make a link.
        carry: makes of their values what a link carries; raises ValueError where none can.
    """

    carried: gr.State = field(default_factory=lambda: gr.State({}))
    seen: Sequence[Any] = ()
    carry: Carry = dict

    def carries(self, seen: Sequence[Any], carry: Carry) -> None:
        """Say what a link to what is on show carries."""
        self.seen, self.carry = seen, carry

    def opens(
        self,
        event: Callable[..., Any],
        function: Callable[..., tuple[Any, ...]],
        inputs: Sequence[Any],
        outputs: Sequence[Any],
        **settings: Any,
    ) -> Any:
        """Let an event open the tab: the function hears what was carried, as ``link``, once."""

        def opened(carried: Fields, *given: Any) -> tuple[Any, ...]:
            return *function(*given, link=carried), {}

        # What Gradio and the log call it.
        opened.__module__, opened.__qualname__ = function.__module__, function.__qualname__
        return event(opened, [self.carried, *inputs], [*outputs, self.carried], **settings)


@dataclass(slots=True, kw_only=True, eq=False)
class Linking:
    """The places of all tabs, by the names of these, and the page's header, which copies."""

    header: gr.HTML
    places: dict[str, Place] = field(default_factory=dict)

    def place(self, tab: str) -> Place:
        """A tab's own."""
        return self.places.setdefault(tab, Place())


def value(link: str = "", trouble: str = "") -> dict[str, str]:
    """What the header shows: a link to copy, or one sentence on why there is none."""
    return {"link": link, "trouble": trouble}


def arrived(query: Mapping[str, str], tabs: Sequence[str], visit: chooser.Visit) -> Any:
    """What an address asks for: the tab to show, what it carries, the visit, and any trouble."""
    try:
        found = links.read(query, tabs)
    except ValueError as error:
        return None, links.NOTHING, visit, sentence(error)
    if found is None:
        return None, links.NOTHING, visit, ""
    tab, fields = found
    first = tab if tab in chooser.TABS else None
    visit = chooser.arrived(tab=first)  # on show at once: no other tab opens first
    wanted, trouble = fields.get("model"), ""
    if wanted and not chooser.is_here(wanted):
        trouble = (
            f"The link was made with the model {wanted!r:.40}, which is not loaded here: another "
            "one speaks. Choose it on the line of the tabs."
        )
    elif wanted:
        visit = chooser.arrived(wanted, first)
    return tab, fields, visit, trouble


def written(tab: str, place: Place | None, values: Sequence[Any], model: str, word: Any) -> str:
    """The address of what is on show.

    Args:
        tab: the one on show.
        place: its side of it; None for one that has nothing to carry.
        values: of what ``place`` has seen.
        model: that speaks there.
        word: which word is chosen in the view, counted from 1; None without.

    Raises:
        ValueError: one sentence on why it cannot be linked.
    """
    fields = {} if place is None else place.carry(*values)
    if "link" in fields:  # a tab that writes its own
        composing.shared(fields["link"])  # it can be followed
        return fields["link"]
    chosen = {"word": word} if "word" in links.CARRIED.get(tab, {}) and word else {}
    speaks = {} if model == services.LIBRARY.default else {"model": model}
    return links.write(tab, {**fields, **chosen, **speaks})


def wire(linking: Linking, *, demo: gr.Blocks, tabs: gr.Tabs, visit: gr.State) -> Any:
    """Bring it to life; gives the event that comes when an address was read."""
    names = [str(tab.id) for tab in tabs.children if isinstance(tab, gr.Tab)]
    carried = [place.carried for place in linking.places.values()]
    seen = [one for place in linking.places.values() for one in place.seen]

    def arrive(visit: chooser.Visit, request: gr.Request) -> tuple[Any, ...]:
        query = {str(name): str(text) for name, text in dict(request.query_params).items()}
        tab, fields, visit, trouble = arrived(query, names, visit)
        brought = [fields if name == tab else {} for name in linking.places]
        turned = gr.skip() if tab is None else gr.Tabs(selected=tab)
        return turned, value(trouble=trouble) if trouble else gr.skip(), visit, *brought

    def copy(event: Event, visit: chooser.Visit, *values: Any) -> dict[str, str]:
        tab, rest = event.tab, list(values)
        own: Sequence[Any] = ()
        for name, place in linking.places.items():
            mine, rest = rest[: len(place.seen)], rest[len(place.seen) :]
            own = mine if name == tab else own
        word = event.word if isinstance(event.word, int) else None
        try:
            return value(written(tab, linking.places.get(tab), own, visit.speaker, word))
        except ValueError as error:
            return value(trouble=sentence(error))

    quiet = progress.unseen(linking.header)
    linking.header.link(copy, [visit, *seen], linking.header, **quiet)
    return demo.load(arrive, visit, [tabs, linking.header, visit, *carried], queue=False, **quiet)
