"""What the page tells of an event: which picture was picked, which text was taken.

Whoever calls over the wire may tell anything. So each part is looked at where it is read, and here
alone: what is missing, of another kind, or nowhere on the page is refused in one sentence.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import gradio as gr

T = TypeVar("T")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _are_pairs(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(map(_is_text, pair)) for pair in value
    )


def _is_any(_: Any) -> bool:
    return True


# Parts by their names: what each must be, and in words. What may be anything, or be missing, is
# looked at by those who read it.
PARTS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "at": (_is_whole, "a whole number"),
    "name": (_is_text, "a text"),
    "parts": (_are_pairs, "a list of pairs of texts"),
    "place": (_is_whole, "a whole number"),
    "put": (_is_any, "anything"),
    "scene": (_is_any, "anything"),
    "search": (_is_text, "a text"),
    "serial": (_is_any, "anything"),
    "step": (_is_whole, "a whole number"),
    "tab": (_is_text, "a text"),
    "text": (_is_text, "a text"),
    "word": (_is_any, "anything"),
}


class Event(gr.EventData):
    """What an event brings; its parts are attributes, as Gradio has it."""

    def __getattr__(self, name: str) -> Any:
        """A part of it.

        Raises:
            gr.Error: in one sentence, that it is missing or of another kind.
        """
        if name not in PARTS:
            raise AttributeError(f"an event of the page tells no {name!r}")
        fits, kind = PARTS[name]
        value = self._data.get(name) if isinstance(self._data, dict) else None
        if not fits(value):
            raise _unfit(f"{kind} as {name!r}", value)
        return value

    def among(self, things: Sequence[T]) -> T:
        """The thing at its ``place``.

        Raises:
            gr.Error: in one sentence, that there is none.
        """
        if not 0 <= self.place < len(things):
            raise _unfit(
                f"a place from 0 to {len(things) - 1}" if things else "no place", self.place
            )
        return things[self.place]


def _unfit(expected: str, got: Any) -> gr.Error:
    said = f"What was sent does not fit: expected {expected}, got {got!r:.60}."
    return gr.Error(said, print_exception=False)
