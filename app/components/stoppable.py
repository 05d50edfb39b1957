"""A button that gives way to another, Stop, while its work lasts."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component

from app.components import progress

_BEGUN = """() => [
  {"__type__": "update", "visible": false}, {"__type__": "update", "visible": true}
]"""


def wire(
    button: gr.Button,
    stop: gr.Button,
    work: Callable[..., Iterator[tuple[Any, ...]]],
    inputs: Sequence[Component],
    outputs: Sequence[Component],
    *,
    told: gr.HTML,
    one_at_a_time: str,
) -> None:
    """Let a button begin a work, and another end it before its next step.

    Args:
        button: begins it.
        stop: invisible until then.
        work: yields values for the outputs, step by step.
        inputs: what the work is given.
        outputs: what it fills; ``told`` is one of them.
        told: says so when it was stopped.
        one_at_a_time: a name; of the works that share it one runs, and other visitors' wait.
    """
    quiet = progress.unseen(told)
    buttons = [button, stop]

    # By the page itself: who waits for their turn may stop waiting.
    button.click(None, None, buttons, js=_BEGUN, **quiet)

    # With the end comes once more what was handed out last: outputs travel as differences, and one
    # between a value and nothing new would take the value apart.
    def run(*given: Any) -> Iterator[tuple[Any, ...]]:
        shown = tuple(gr.skip() for _ in outputs)
        for shown in work(*given):
            yield *shown, *turned(working=True)
        yield *shown, *turned(working=False)

    # "multiple": the page takes one that was stopped for one that still runs, and would swallow
    # the next click.
    running = button.click(
        run,
        inputs,
        [*outputs, *buttons],
        concurrency_limit=1,
        concurrency_id=one_at_a_time,
        trigger_mode="multiple",
        **progress.waiting(told),
    )
    running.failure(lambda: turned(working=False), None, buttons, **quiet)
    halts(
        stop,
        [running],
        lambda: (*turned(working=False), progress.note("Stopped.")),
        [*buttons, told],
    )


def halts(
    stop: gr.Button,
    works: Sequence[Any],
    say: Callable[[], tuple[Any, ...]],
    outputs: Sequence[Component],
) -> None:
    """Let a button end works, and only then say so: what they had to say would come after it.

    Args:
        stop: the button.
        works: the events that may be under way.
        say: gives the values of the outputs.
        outputs: what tells of it; the last one is small.
    """
    quiet = progress.unseen(outputs[-1])
    halted = stop.click(lambda: None, None, None, cancels=list(works), **quiet)
    halted.then(say, None, list(outputs), **quiet)


def turned(*, working: bool) -> tuple[gr.Button, gr.Button]:
    """Which of the two is on show."""
    return gr.Button(visible=not working), gr.Button(visible=working)
