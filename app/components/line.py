"""The line of a tab: whatever is done there counts, in the order in which it was done.

Events of one kind wait for each other by themselves. A click on a picture and one on a suggestion
are of two kinds, and the answer to the first could come last and stay. In one line each finds what
the one before it left in the session: which picture is on show is asked there, not on the page.

What stands in a box the page alone knows, and it may not have heard of the answer before. So every
row of suggestions that an answer hands out has a number. The page sends back the one that it
shows: where that is another than the session's, the click was about what is gone by now.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import gradio as gr

from app.components import chips

Row = dict[str, Any]  # a value of chips


@dataclass(slots=True, kw_only=True, eq=False)
class Line:
    """The events of one tab.

    Attributes:
        name: the tab's.
        seen: its row of suggestions.
        told: the value of it that was handed out last.
    """

    name: str
    seen: gr.HTML
    told: gr.State = field(default_factory=lambda: gr.State(chips.EMPTY))

    def on(
        self,
        event: Callable[..., Any],
        function: Callable[..., tuple[Any, ...]],
        inputs: Sequence[Any],
        outputs: Sequence[Any],
        **settings: Any,
    ) -> Any:
        """Let an event stand in the line.

        Args:
            event: of a component.
            function: gives the values of the outputs. One that has a parameter ``late`` hears
                there of the row that was handed out last, where the page did not show it yet.
            inputs: what the function is given.
            outputs: what it fills.
            settings: further ones of the event.
        """
        place = outputs.index(self.seen) if self.seen in outputs else None
        own = inspect.signature(function)

        @wraps(function)
        def answer(seen: Any, told: Row, *given: Any) -> tuple[Any, ...]:
            late = (
                {"late": told if passed(seen, told) else None} if "late" in own.parameters else {}
            )
            shown = function(*given, **late)
            new = None if place is None else shown[place]
            return *shown, new if isinstance(new, dict) and "number" in new else told

        first = inspect.signature(answer, follow_wrapped=False).parameters
        answer.__signature__ = own.replace(  # pyright: ignore[reportAttributeAccessIssue]
            parameters=[first["seen"], first["told"], *own.parameters.values()]
        )
        line: dict[str, Any] = {"concurrency_id": f"line of {self.name}", "concurrency_limit": 1}
        return event(
            answer,
            [self.seen, self.told, *inputs],
            [*outputs, self.told],
            **settings | line,
        )


def passed(seen: Any, told: Row) -> bool:
    """Whether a row that the page showed is one of the past."""
    return isinstance(seen, dict) and seen.get("number") != told["number"]


def standing(said: str, late: Row | None) -> str:
    """What stands in a box by now: what the page said, unless something else has come since."""
    return str(late["chosen"]) if late and late["chosen"] else said
