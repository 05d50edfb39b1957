"""The line of a tab: nothing overtakes anything, and what a page had not heard of is known."""

import asyncio

import gradio as gr
import pytest

from app import build_demo, composing, foils, pairs
from app.components import chips
from app.components.line import Line, passed, standing
from app.services import EXAMPLES
from app.tabs import align, ask, compose, explain, foil, mask, pair

TINY = "tiny"
TABS = {"ask", "align", "compose", "explain", "foils", "masks", "pairs"}


@pytest.fixture(scope="module")
def demo():
    async def built():
        return build_demo()

    return asyncio.run(built())


@pytest.fixture
def late():
    """A row that was handed out after the page had sent its own."""

    def row(chosen: str | None = None) -> dict:
        return chips.value(("one", "other"), chosen)

    return row


def test_every_event_of_a_tab_stands_in_its_line(demo):
    lines: dict[str, list] = {}
    for fn in demo.fns.values():
        if str(fn.concurrency_id).startswith("line of "):
            assert fn.concurrency_limit == 1
            lines.setdefault(fn.concurrency_id.removeprefix("line of "), []).append(fn)
    assert set(lines) == TABS
    # Who else fills what these fill: explanations, which give way to others by themselves, and
    # the giraffe, which is of the model alone.
    filled = {id(block) for fns in lines.values() for fn in fns for block in fn.outputs}
    inside = {id(fn) for fns in lines.values() for fn in fns}
    others = {
        fn.name
        for fn in demo.fns.values()
        if id(fn) not in inside and any(id(block) in filled for block in fn.outputs)
    }
    assert others <= {"explained", "_taken", "arrive", "teach"}


def test_a_page_that_has_not_heard_of_the_answer_before_is_known():
    heard, wired = [], {}

    def event(function, inputs, outputs, **settings):
        wired.update(function=function, inputs=inputs, outputs=outputs, **settings)

    def answer(word, *, late=None):
        heard.append(late)
        return word, chips.value((word,), word)

    async def built():  # where no event loop runs, Gradio opens one and never closes it
        with gr.Blocks():
            row, box = chips.build(label="Words"), gr.Textbox()
            line = Line(name="words", seen=row)
            line.on(event, answer, [box], [box, row], trigger_mode="multiple")
        return row, box, line

    row, box, line = asyncio.run(built())
    assert wired["inputs"] == [row, line.told, box]
    assert wired["outputs"] == [box, row, line.told]
    assert (wired["trigger_mode"], wired["concurrency_limit"]) == ("multiple", 1)
    *_, first = wired["function"](chips.EMPTY, chips.EMPTY, "a")
    *_, second = wired["function"](chips.EMPTY, first, "b")  # clicked at the same time
    wired["function"](second, second, "c")
    wired["function"]("", second, "d")  # a page that has never shown the row
    assert heard == [None, first, None, None]
    assert not passed(second, second)
    assert standing("typed", first) == "a"
    assert standing("typed", None) == standing("typed", chips.value(("a",))) == "typed"


def test_what_was_asked_late_goes_into_its_box_again(tiny, late):
    given = None, "Is there a cat?", EXAMPLES[0], TINY
    assert ask.asked_here(*given)[0] == gr.skip()
    assert ask.asked_here(*given, late=late())[0] == "Is there a cat?"
    assert explain.asked_here(*given, late=late())[0] == "Is there a cat?"
    box, row, _ = align.asked_here(None, "a cat", 0.5, 10, EXAMPLES[0], TINY, late=late())
    assert box == row["chosen"] == "a cat"
    box, row, *_ = mask.written_here(None, "a cat", mask.WORDS, EXAMPLES[0], TINY, late=late())
    assert box == row["chosen"] == "a cat"


def test_a_slider_that_comes_late_is_about_the_sentence_that_came(tiny, late):
    given = None, "a cat", 0.5, 10, EXAMPLES[0], TINY
    assert align.slid(*given)[0]["words"] == ["a", "cat"]
    assert align.slid(*given, late=late("two red hearts"))[0]["words"] == ["two", "red", "hearts"]


def test_a_word_that_is_gone_is_not_hidden(tiny, late):
    given = None, "a red heart", (), mask.WORDS, EXAMPLES[0], TINY
    *_, hidden, _ = mask.clicked(*given, 2)
    assert hidden
    assert mask.clicked(*given, 2, late=late("a cat")) == (gr.skip(),) * 4
    read, *_ = mask.hidden_from(None, "a blue cat", *given[2:])
    _, row, *_ = mask.counted_in(None, read, *given[2:])
    assert [word["text"] for word in row["words"]] == ["a", "blue", "cat"]


def test_what_stands_in_the_box_of_masks_is_no_matter_of_the_row(demo):
    """A click on the row, or its unit, is about the sentence that the session keeps for it."""
    (box,) = (one for one in demo.blocks.values() if one.elem_id == "mask-sentence")
    asks = {
        fn.name: box in fn.inputs
        for fn in demo.fns.values()
        if fn.concurrency_id == "line of masks"
    }
    assert asks["written_here"]
    assert not asks["click"]
    assert not asks["counted_in"]


def test_foils_that_come_late(tiny, late):
    key = EXAMPLES[1]
    own = "a cat", "a dog"
    given = foil.WORD, None, *own, "", "", key, 0, TINY
    assert foil.shown(*given)[:2] == (gr.skip(),) * 2
    assert foil.shown(*given, late=late())[:2] == own
    true, false, *_ = foil.shown(*given, written=False, late=late())
    assert (true, false) == (foils.offered(key)[0].true, foils.offered(key)[0].false)
    # A sticker of the scene before is no choice: those of this one are, and one is shown.
    board = foil.shown(foil.STICKER, *given[1:4], "nothing", "cat", key, 0, TINY, late=late())[-1]
    assert "lab-trouble" not in board


def test_a_change_by_hand_of_a_scene_that_is_gone_changes_nothing(tiny):
    from vilt_core.world.composing import to_json

    first, *_ = compose.opened(composing.opening(), TINY)
    second, message, *_ = compose.opened(composing.example(EXAMPLES[0]), TINY)
    given = to_json(first.scene), 3, second, "is there a cat?", "a cat", TINY
    assert compose.edited(*given, first.put) == (gr.skip(),) * 9
    desk, *_ = compose.edited(*given, second.put)
    assert (desk.scene, desk.put, message["put"]) == (first.scene, second.put, second.put)


def test_what_is_changed_late_is_asked_what_was_asked_last(tiny, late):
    desk, *_ = compose.opened(composing.opening(), TINY, "Is there a dog?", "a dog")
    assert compose.standing(desk, "old?", "old", late()) == ("Is there a dog?", "a dog")
    assert compose.standing(desk, "new?", "new", None) == ("new?", "new")
    *_, question, text = compose.asked_here(desk, "old?", "a cat", TINY, late=late())
    assert (question, text) == ("old?", "a cat")
    assert compose.asked_here(desk, "old?", "a cat", TINY)[-2:] == (gr.skip(),) * 2


def test_an_explanation_that_ends_late_shows_what_came_instead(tiny):
    *_, wish = explain.opened(EXAMPLES, EXAMPLES[3], TINY)
    _, old, *_ = explain._taken(wish, None)
    steps = explain.explained(wish, old)
    next(steps)
    *_, other = explain.opened(EXAMPLES, EXAMPLES[2], TINY)
    _, new, *_ = explain._taken(other, old)
    shown = next(explain.explained(other, new))
    assert list(steps) == [shown]


def test_an_own_picture_stays_without_an_explanation(tiny):
    *_, wish = explain.opened(EXAMPLES, EXAMPLES[3], TINY)
    _, work, *_ = explain._taken(wish, None)
    steps = explain.explained(wish, work)
    next(steps)
    explain._gone(work)
    [(card, _, told, *_)] = steps
    assert (card, told) == (explain._WAITING, "")
    assert explain._taken(None, work)[:2] == (None, gr.skip())


def test_an_answer_of_the_question_before_is_not_explained(tiny):
    *_, wish = explain.opened(EXAMPLES, EXAMPLES[3], TINY)
    *_, other = explain.opened(EXAMPLES, EXAMPLES[2], TINY)
    assert explain.other_answer(wish, wish, "no").answer == "no"
    assert explain.other_answer(wish, other, "no") == gr.skip()
    assert explain.other_answer(None, None, "no") == gr.skip()


def test_two_pictures_swapped_late_keep_the_statement_that_came(tiny, late):
    left, right = pairs.EXAMPLES[0]
    text = pairs.suggested(left, right, TINY)[0]
    assert "old" in pair.swapped(None, None, "old", left, right, TINY)[-1]
    assert text in pair.swapped(None, None, "old", left, right, TINY, late=late(text))[-1]
