"""Whether anybody still waits for what an event works at: who has left, or cancelled, does not.

Of a generator Gradio takes no further step then. What is no generator, such as a named endpoint, it
lets work to the end; so does a step of a generator that is long by itself. They ask here instead.
"""

from typing import TYPE_CHECKING, Any

from gradio.context import LocalContext

if TYPE_CHECKING:
    from gradio.queueing import Queue
    from torch import nn

_SESSIONS = 4000  # of which more are looked through: twice those whose messages Gradio keeps


class LeftError(Exception):
    """Nobody waits for this any more."""


def check() -> None:
    """Go on where somebody waits, or where this is no work of an event that stood in the queue.

    Raises:
        LeftError: whoever asked has left, or has cancelled the event.
    """
    blocks, event = LocalContext.blocks.get(None), LocalContext.event_id.get(None)
    if blocks is None or event is None:
        return
    # Gradio forgets an event that is cancelled, and marks one whose visitor has left.
    known = blocks._queue.event_ids_to_events.get(event)
    if known is None or not known.alive:
        raise LeftError


def heed(model: "nn.Module") -> None:
    """Have a model look before every block of its encoders, so that no work outlasts its visitor.

    Args:
        model: one forward pass of which may take seconds; threads may share it.
    """
    from vilt_core.layers.encoder import Encoder

    def look(*_: Any) -> None:
        check()

    for part in model.modules():
        if isinstance(part, Encoder):
            for block in part.blocks:
                block.register_forward_pre_hook(look)


class Sessions(dict[str, set[str]]):
    """The events of each session that were not answered, as Gradio's queue writes them down.

    It never forgets a session there, and a program that names none begins one with every call. Here
    those go to which no message can be brought any more, and for which nothing is at work.
    """

    def __init__(self, queue: "Queue"):
        super().__init__(queue.pending_event_ids_session)
        self._queue = queue

    def __setitem__(self, session: str, events: set[str]) -> None:
        """Begin a session."""
        if len(self) >= _SESSIONS:
            for other in [other for other in self if self._is_over(other)]:
                del self[other]
        super().__setitem__(session, events)

    def _is_over(self, session: str) -> bool:
        reached = session in self._queue.pending_messages_per_session
        return not reached and self[session].isdisjoint(self._queue.event_ids_to_events)
