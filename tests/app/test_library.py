import threading

import pytest

from app import services

B32 = "ViLT-B/32"


def kind(task):
    return services.LIBRARY.state(B32, task).kind


def test_a_load_tells_how_far_it_is(hub, until):
    assert kind("answer") == "absent"
    services.LIBRARY.want(B32, "answer", "anna")
    assert hub.reached.wait(10)
    state = services.LIBRARY.state(B32, "answer")
    assert (state.kind, state.percent) == ("loading", 37)
    hub.go.set()
    until(lambda: kind("answer") == "ready")
    assert services.predictor(B32, "answer") is hub.photographs
    assert hub.asked == ["dandelin/vilt-b32-finetuned-vqa"]


def test_the_embedded_model_answers_meanwhile(hub):
    services.LIBRARY.want(B32, "answer", "anna")
    assert hub.reached.wait(10)
    assert services.ask(None, "is there a cat?", key=services.EXAMPLES[0]).model == "vilt-mini"
    assert kind("answer") == "loading"


def test_all_visitors_share_one_load(hub):
    services.LIBRARY.want(B32, "align", "anna")
    services.LIBRARY.want(B32, "fill", "bert")
    found = []
    callers = [
        threading.Thread(target=lambda: found.append(services.predictor(B32, "align")))
        for _ in range(4)
    ]
    for caller in callers:
        caller.start()
    assert hub.reached.wait(10)
    hub.go.set()
    for caller in callers:
        caller.join(10)
    assert found == [hub.photographs] * 4
    assert hub.asked == ["dandelin/vilt-b32-mlm"]


def test_a_visitor_who_is_forgotten_wants_nothing(hub, until):
    services.LIBRARY.want(B32, "answer", "anna")
    assert hub.reached.wait(10)
    services.LIBRARY.forget("bert")
    assert kind("answer") == "loading"
    services.LIBRARY.forget("anna")
    assert kind("answer") == "absent"
    until(lambda: hub.stopped == ["dandelin/vilt-b32-finetuned-vqa"])


def test_one_loads_at_a_time(hub, until):
    services.LIBRARY.want(B32, "answer", "anna")
    assert hub.reached.wait(10)
    services.LIBRARY.want(B32, "align", "anna")
    assert kind("align") == "waiting"
    assert len(hub.asked) == 1
    hub.go.set()
    until(lambda: kind("align") == "ready")


def test_a_load_stops_when_the_last_who_wanted_it_leaves(hub, until):
    for visitor in ("anna", "bert"):
        services.LIBRARY.want(B32, "answer", visitor)
    assert hub.reached.wait(10)
    services.LIBRARY.leave(B32, "anna")
    assert kind("answer") == "loading"
    services.LIBRARY.leave(B32, "bert")
    assert kind("answer") == "absent"
    until(lambda: len(hub.stopped) == 1)
    services.LIBRARY.want(B32, "answer", "carl")
    until(lambda: len(hub.asked) == 2)
    hub.go.set()
    until(lambda: kind("answer") == "ready")


@pytest.mark.parametrize("trouble", [ValueError("no network"), OSError("no network")])
def test_a_load_that_fails_says_why_and_can_be_tried_again(hub, trouble):
    hub.trouble = trouble
    hub.go.set()
    with pytest.raises(ValueError, match="no network"):
        services.predictor(B32, "answer")
    state = services.LIBRARY.state(B32, "answer")
    assert (state.kind, state.sentence) == ("failed", "no network")
    hub.trouble = None
    assert services.predictor(B32, "answer") is hub.photographs
    assert kind("answer") == "ready"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_nobody_waits_for_ever_after_an_error_that_nobody_foresaw(hub):
    hub.trouble = RuntimeError("a bug")
    hub.go.set()
    with pytest.raises(ValueError, match="vilt-b32-finetuned-vqa could not be loaded"):
        services.predictor(B32, "answer")
    for thread in threading.enumerate():
        if thread.name.startswith("loads"):
            thread.join(10)
    assert kind("answer") == "failed"


def test_two_are_kept_and_a_third_is_opened_anew(hub):
    hub.go.set()
    for task in ("answer", "align", "match", "align", "fill"):
        services.predictor(B32, task)
    assert len(hub.asked) == 3
    assert kind("answer") == "ready"
    services.predictor(B32, "answer")
    assert len(hub.asked) == 4


def test_an_unknown_model_is_answered_with_the_known_ones(hub):
    with pytest.raises(ValueError, match=r"one of vilt-mini, ViLT-B/32, got 'gpt'"):
        services.predictor("gpt", "answer")
