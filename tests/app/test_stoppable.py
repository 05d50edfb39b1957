import asyncio

import gradio as gr
import pytest

from app.components import plain, stoppable


def counted(number):
    for count in range(number):
        yield count, f"{count} of {number}"


@pytest.fixture(scope="module")
def demo():
    # Where no event loop runs, Gradio opens one and never closes it.
    async def built() -> gr.Blocks:
        with gr.Blocks() as demo:
            button, stop = gr.Button("Count"), gr.Button("Stop", visible=False)
            number, count, told = gr.Number(), gr.Number(), plain.html()
            stoppable.wire(
                button, stop, counted, [number], [count, told], told=told, one_at_a_time="counting"
            )
        return demo

    return asyncio.run(built())


def visible(buttons):
    return [button["visible"] for button in buttons]


def test_stop_is_there_while_work_lasts_and_what_was_shown_stays(demo):
    [work] = [fn.fn for fn in demo.fns.values() if fn.name == "run"]
    seen = list(work(3))
    assert [row[:2] for row in seen] == [(0, "0 of 3"), (1, "1 of 3"), (2, "2 of 3"), (2, "2 of 3")]
    assert [[button.visible for button in row[2:]] for row in seen] == [[False, True]] * 3 + [
        [True, False]
    ]


def test_work_that_shows_nothing_gives_the_button_back(demo):
    [work] = [fn.fn for fn in demo.fns.values() if fn.name == "run"]
    [(count, told, button, stop)] = work(0)
    assert (count, told) == (gr.skip(), gr.skip())
    assert (button.visible, stop.visible) == (True, False)


def test_a_click_is_never_swallowed_and_a_stop_reaches_what_waits(demo):
    [run] = [fn for fn in demo.fns.values() if fn.name == "run"]
    assert run.trigger_mode == "multiple"
    assert run.concurrency_limit == 1
    [stop] = [fn for fn in demo.fns.values() if fn.cancels]
    assert stop.cancels == [run._id]
    first, *_ = demo.fns.values()
    assert first.js  # the page turns the buttons itself, before the work has its turn
    assert first.targets == run.targets
