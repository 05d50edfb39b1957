import pytest

import app
from app import services
from app.components import frame, reply
from app.components.chooser import arrived, looked, picked, stopped, turned, value
from app.services import EXAMPLES

MINI, B32 = "vilt-mini", "ViLT-B/32"


@pytest.fixture
def visit(hub):
    return turned(arrived(), "ask", "anna")


def entry(visit, name=B32):
    return next(found for found in value(visit)["models"] if found["name"] == name)


def test_a_visitor_meets_the_embedded_model(hub, visit):
    assert visit.speaking == {"ask": MINI}
    assert visit.awaited is None
    assert entry(visit, MINI)["kind"] == "ready"
    assert entry(visit)["kind"] == "absent"
    assert entry(visit)["sizes"] == (
        "470 MB to answer, 543 MB to align and fill masks, 447 MB to find, 456 MB to compare pairs"
    )
    assert hub.asked == []


def test_a_model_speaks_once_it_is_loaded(hub, visit, until):
    visit = picked(visit, B32, "anna")
    assert hub.reached.wait(10)
    visit = looked(visit, "anna")
    assert (visit.speaker, visit.awaited) == (MINI, B32)
    assert (entry(visit)["kind"], entry(visit)["percent"]) == ("loading", 37)
    hub.go.set()
    until(lambda: services.LIBRARY.state(B32, "answer").kind == "ready")
    visit = looked(visit, "anna")
    assert (visit.speaker, visit.awaited) == (B32, None)
    assert picked(visit, MINI, "anna").speaker == MINI


def test_the_other_tab_loads_when_it_is_opened(hub, visit, until):
    hub.go.set()
    visit = picked(visit, B32, "anna")
    until(lambda: looked(visit, "anna").speaker == B32)
    visit = looked(visit, "anna")
    assert hub.asked == ["dandelin/vilt-b32-finetuned-vqa"]
    hub.go.clear()
    visit = turned(visit, "align", "anna")
    assert (visit.speaker, visit.awaited) == (MINI, B32)
    assert turned(visit, "ask", "anna").speaker == B32
    hub.go.set()
    until(lambda: looked(visit, "anna").speaker == B32)
    assert hub.asked[1:] == ["dandelin/vilt-b32-mlm"]


def test_a_failure_is_one_sentence_and_the_embedded_model_goes_on(hub, visit, until):
    hub.trouble = ValueError("https://huggingface.co cannot be reached")
    hub.go.set()
    visit = picked(visit, B32, "anna")
    until(lambda: looked(visit, "anna").trouble is not None)
    visit = looked(visit, "anna")
    assert (visit.speaker, visit.awaited) == (MINI, None)
    assert entry(visit)["kind"] == "failed"
    assert entry(visit)["sentence"] == "https://huggingface.co cannot be reached."
    assert "<li>" in reply.card(services.ask(None, "a cat?", key=EXAMPLES[0], model=visit.speaker))
    assert entry(turned(arrived(), "ask", "bert"))["kind"] == "absent"
    assert stopped(visit, "anna").trouble is None
    hub.trouble = None
    again = picked(visit, B32, "anna")
    assert again.trouble is None
    until(lambda: looked(again, "anna").speaker == B32)


def test_a_failure_in_one_tab_leaves_the_other_its_model(hub, visit, until):
    hub.go.set()
    visit = picked(visit, B32, "anna")
    until(lambda: looked(visit, "anna").speaker == B32)
    visit = looked(visit, "anna")
    hub.trouble = ValueError("no network")
    visit = turned(visit, "align", "anna")
    until(lambda: looked(visit, "anna").trouble is not None)
    visit = looked(visit, "anna")
    assert visit.speaker == MINI
    visit = turned(visit, "ask", "anna")
    assert (visit.speaker, visit.awaited) == (B32, None)


@pytest.mark.parametrize("leave", [stopped, lambda visit, who: picked(visit, MINI, who)])
def test_a_visitor_need_not_wait(hub, visit, until, leave):
    visit = leave(picked(visit, B32, "anna"), "anna")
    assert (visit.speaker, visit.awaited) == (MINI, None)
    assert entry(visit)["kind"] == "absent"
    assert set(visit.wanted.values()) == {MINI}
    until(lambda: len(hub.stopped) == len(hub.asked))
    assert turned(visit, "align", "anna").awaited is None


def test_a_tab_is_told_of_its_model_when_it_is_looked_at(hub, visit, until):
    assert turned(visit, "find", "anna").speaking == {"ask": MINI, "find": MINI}
    hub.go.set()
    visit = picked(turned(visit, "find", "anna"), B32, "anna")
    until(lambda: looked(visit, "anna").speaker == B32)
    visit = looked(visit, "anna")
    assert visit.speaking == {"ask": MINI, "find": B32}
    assert turned(visit, "foils", "anna").speaking == {"ask": MINI, "find": B32, "foils": B32}
    assert stopped(visit, "anna").speaking == visit.speaking


def test_what_others_load_is_theirs(hub, visit):
    picked(visit, B32, "anna")
    other = turned(arrived(), "ask", "bert")
    assert entry(other)["kind"] == "absent"
    assert other.awaited is None


def test_the_footer_tells_the_truth(hub):
    assert "scenes of stickers alone" in frame.speaks(MINI, "answer")
    said = frame.speaks(B32, "align")
    assert "dandelin/vilt-b32-mlm" in said
    assert "stickers" not in said
    assert "photographs" in said


def test_the_footer_says_where_pictures_go(hub, monkeypatch):
    assert "no picture and no word leaves" in frame.speaks(MINI, "answer")
    monkeypatch.setenv("SPACE_ID", "somebody/vilt-lab")
    said = frame.speaks(MINI, "answer")
    assert "this machine" not in said
    assert "sent to this Space, which keeps pictures for a day at most" in said
    assert app._LOOKS + app._KEPT < 24 * 3600


def test_a_line_that_was_cut_for_a_moment_costs_no_model(hub, until):
    visit = picked(turned(arrived(), "ask", "anna"), B32, "anna")
    assert hub.reached.wait(10)
    services.LIBRARY.forget("anna")
    visit = looked(visit, "anna")
    assert visit.awaited == B32
    hub.go.set()
    until(lambda: services.LIBRARY.state(B32, "answer").kind == "ready")
    assert looked(visit, "anna").speaker == B32
