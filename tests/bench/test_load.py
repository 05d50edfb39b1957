"""What the load test makes of what it sees; that it drives the page is tested with the app."""

import asyncio
import json
import random
import sys
from pathlib import Path

import httpx2 as httpx
import pytest

from app import services
from app.components import reply
from vilt_core.predictor import Answer

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def load(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import load

    yield load
    for name in ("load", "truth", "browsing", "report"):
        sys.modules.pop(name, None)


def memory(*, seconds=600, mib=1300.0, an_hour=0.0, settles=0.0):
    """A server's: a start, a trend, and what photographs take for some seconds."""
    draw = random.Random(0)
    return [
        mib
        + settles * min(at / 120, 1)
        + an_hour * at / 3600
        + draw.uniform(0, 3)
        + 60 * (draw.random() < 0.3)
        for at in range(seconds)
    ]


def verdict(load, seen):
    return load.memory_rows(seen)[-1].value


@pytest.mark.parametrize("an_hour", [-200, 0, 60])
def test_memory_that_settles_and_stays_is_flat(load, an_hour):
    assert verdict(load, memory(an_hour=an_hour, settles=150)) == "flat"


@pytest.mark.parametrize("an_hour", [250, 1000])
def test_memory_that_goes_on_growing_is_not(load, an_hour):
    assert verdict(load, memory(an_hour=an_hour)) == "rising"


def test_growth_is_told_in_percent_an_hour(load):
    line = [1000 + 100 * at / 3600 for at in range(300)]
    assert load.growth(line) == pytest.approx(100 * 100 / 1004, rel=0.01)


def test_a_short_look_tells_nothing_of_growth(load):
    assert verdict(load, memory(seconds=100, an_hour=5000)) == "too short to tell"


def card(*answers):
    found = tuple(Answer(text=text, probability=share) for text, share in answers)
    return reply.card(services.Reply(answers=found, milliseconds=1.0, model="m", truth="cat"))


def test_the_likeliest_answer_is_read_off_the_page(load):
    truth = load.truth
    shown = card(("a <b> & c", 0.61234), ("dog", 0.2))
    text, share = truth.best_on(shown)
    assert text == "a <b> & c"
    assert share == pytest.approx(0.61234, abs=1e-4)
    assert truth.best_on(reply.trouble("No.")) is None


def test_somebody_elses_answer_is_noticed(load):
    truth = load.truth
    assert truth.is_same_answer(("cat", 0.5), ("cat", 0.5004))
    assert not truth.is_same_answer(("cat", 0.5), ("cat", 0.6))
    assert not truth.is_same_answer(("cat", 0.5), ("dog", 0.5))
    assert not truth.is_same_answer(None, ("cat", 0.5))
    view = {"picture": "p", "words": ["a"], "iterations": [1], "places": {}, "settings": {}}
    view["curves"] = {"cost": [0.5]}
    assert truth.is_same_alignment(view, view)
    for part, other in (("picture", "q"), ("words", ["b"]), ("curves", {"cost": [0.7]})):
        assert not truth.is_same_alignment(view | {part: other}, view)
    assert not truth.is_same_alignment({}, view)
    deed = truth.Deed(endpoint="match", picture=0, words="a cat", expected=0.3)
    assert deed.is_right({"probabilities": [0.3]})
    assert not deed.is_right({"probabilities": [0.31]})


def test_errors_and_mistakes_are_counted_each(load):
    async def wrong():
        return False

    async def broken():
        raise RuntimeError("no")

    tally = load.Tally()
    asyncio.run(tally.of("a", wrong()))
    asyncio.run(tally.of("b", broken()))
    assert (tally.mistaken, len(tally.errors), list(tally.waited)) == (1, 1, ["a"])


STATE, BOX, LABEL = 1, 2, 3
CONFIG = {
    "components": [
        {"id": STATE, "type": "state", "props": {}},
        {"id": BOX, "type": "textbox", "props": {"value": "first", "elem_id": "box"}},
        {"id": LABEL, "type": "html", "props": {"value": "empty"}},
    ],
    "dependencies": [
        {"id": at, "backend_fn": True, "queue": True, "trigger_only_on_failure": False} | event
        for at, event in enumerate(
            (
                {"targets": [[BOX, "submit"]], "inputs": [STATE, BOX], "outputs": [STATE, BOX],
                 "trigger_after": None},
                {"targets": [[STATE, "change"]], "inputs": [], "outputs": [LABEL],
                 "trigger_after": None},
                {"targets": [[None, "then"]], "inputs": [LABEL], "outputs": [LABEL],
                 "trigger_after": 0},
            )
        )
    ],
}  # fmt: skip


def test_a_click_brings_all_that_follows_from_it(load):
    """A state that changed is heard of first, then what comes after the event."""
    sent = []
    answers = {
        0: {"data": [None, {"__type__": "update", "visible": True}], "changed_state_ids": [STATE]},
        1: {"data": [{"__type__": "update", "value": "changed"}]},
        2: {"data": ["after"]},
    }

    def serve(request):
        if request.url.path.endswith("config"):
            return httpx.Response(200, json=CONFIG)
        if request.url.path.endswith("join"):
            sent.append(json.loads(request.content))
            return httpx.Response(200, json={"event_id": "e"})
        done = {"msg": "process_completed", "success": True}
        told = done | {"output": answers[sent[-1]["fn_index"]]}
        lines = [f"data: {json.dumps(one)}\n\n" for one in (told, {"msg": "close_stream"})]
        return httpx.Response(200, text="".join(lines))

    async def visit():
        transport = httpx.MockTransport(serve)
        async with httpx.AsyncClient(transport=transport, base_url="http://lab/") as client:
            page = load.Page(client, await load.Layout.read(client), session="s")
            page.put(BOX, "written")
            await page.trigger(page.layout.named("box"), "submit", {"text": "t"})
            return page.value(BOX), page.value(LABEL)

    assert asyncio.run(visit()) == ("written", "after")
    assert [one["fn_index"] for one in sent] == [0, 1, 2]
    assert [one["data"] for one in sent] == [[None, "written"], [], ["changed"]]
    assert sent[0]["event_data"] == {"text": "t"}
    assert {one["session_hash"] for one in sent} == {"s"}
