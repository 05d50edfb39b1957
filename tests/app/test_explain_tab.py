import pytest

from app import services
from app.photographs import PHOTOGRAPHS
from app.services import EXAMPLES
from app.tabs import explain

TINY, B32 = "tiny", "ViLT-B/32"


def last(generator):
    *_, found = generator
    return found


def test_a_scene_opens_with_a_question_that_can_be_pointed_at(tiny):
    strip, _, key, _, question, suggestions, wish = explain.opened(EXAMPLES, EXAMPLES[3], TINY)
    assert strip["chosen"] == 3
    assert question == suggestions["chosen"] == suggestions["texts"][0] == wish.question
    assert services.asked_about(key, question)
    assert sorted(suggestions["texts"]) == sorted(services.suggestions(key))


def test_what_is_known_stays_while_more_comes(tiny):
    *_, wish = explain.opened(EXAMPLES, EXAMPLES[3], TINY)
    work = explain.Work()
    seen = list(explain.explained(wish, work))
    card, answers, told, gallery, _, heads, _, board = seen[-1]
    assert work.over
    assert all(row[0] == card for row in seen)
    assert all(row[1] == answers for row in seen)
    assert all(row[5] == heads for row in seen[1:])
    assert answers["chosen"] == answers["texts"][0]
    assert "Done in" in told
    assert gallery.count("<img") == 6
    assert "data-kind" in board
    assert all("progressbar" in row[2] for row in seen[:-1])


def test_other_work_ends_it_before_the_next_step(tiny):
    *_, wish = explain.opened(EXAMPLES, EXAMPLES[3], TINY)
    work = explain.Work()
    steps = explain.explained(wish, work)
    next(steps)
    work.over = True
    assert list(steps) == []


def test_a_stop_leaves_what_is_known_and_says_so(tiny):
    *_, wish = explain.opened(EXAMPLES, EXAMPLES[3], TINY)
    work = explain.Work()
    steps = explain.explained(wish, work)
    known = next(steps)
    work.over = work.stopped = True
    [left] = steps
    assert "Stopped." in left[2]
    assert (left[0], left[1], left[3]) == (known[0], known[1], known[3])


def test_of_work_that_is_over_nothing_is_kept(tiny):
    *_, wish = explain.opened(EXAMPLES, EXAMPLES[3], TINY)
    _, work, *_ = explain._taken(wish, None)
    seen = list(explain.explained(wish, work))
    assert seen[-1][3]
    assert work.known is None


def test_what_an_older_work_is_still_to_show_is_kept_until_it_ends(tiny):
    *_, wish = explain.opened(EXAMPLES, EXAMPLES[3], TINY)
    _, old, *_ = explain._taken(wish, None)
    steps = explain.explained(wish, old)
    next(steps)
    _, new, *_ = explain._taken(wish, old)
    shown = list(explain.explained(wish, new))[-1]
    assert new.known is shown
    assert list(steps) == [shown]
    assert new.known is None


@pytest.mark.parametrize("question", ["", "?!", "кошка", "a cat " * 2000])
def test_a_bad_question_gets_one_sentence_and_the_next_works(tiny, question):
    _, wish = explain.asked(None, question, EXAMPLES[0], TINY)
    card, answers, told, gallery, curves, *_ = last(explain.explained(wish, explain.Work()))
    assert "lab-trouble" in card
    assert "Traceback" not in card
    assert (answers["texts"], told, gallery, curves) == ([], "", "", None)
    _, wish = explain.asked(None, "is there a cat?", EXAMPLES[0], TINY)
    assert "<li>" in last(explain.explained(wish, explain.Work()))[0]


def test_no_picture_and_no_model(no_model):
    *_, wish = explain.opened(EXAMPLES, EXAMPLES[0], services.LIBRARY.default)
    card = last(explain.explained(wish, explain.Work()))[0]
    assert "Expected a shipped model" in card
    assert list(explain.explained(None, explain.Work())) == []


def test_knock_outs_stand_beside_the_answers(tiny):
    *_, wish = explain.opened(EXAMPLES, EXAMPLES[3], TINY)
    html = explain.knocked(wish, [["layers", "1"], ["words", "0"]])
    assert html.index("Before") < html.index("After")
    assert html.count("<li>") == 10
    assert "lab-waiting" in explain.knocked(wish, [])
    assert "lab-waiting" in explain.knocked(None, [["layers", "1"]])
    assert "got layer 7" in explain.knocked(wish, [["layers", "7"]])


def test_the_tab_opens_with_a_picture_of_the_models_world(hub):
    hub.go.set()
    *_, wish = explain.introduced("vilt-mini", None, "", None)
    assert wish.model == "vilt-mini"
    _, _, key, keys, *_, other = explain.introduced(B32, None, wish.question, wish.key)
    assert keys == PHOTOGRAPHS
    assert key in PHOTOGRAPHS
    assert other.model == B32


def test_another_model_looks_at_ones_own_picture(hub):
    hub.go.set()
    strip, _, key, _, question, _, wish = explain.introduced(B32, "a.png", "What is it?", None)
    assert (strip["chosen"], key, question) == (None, None, "What is it?")
    assert (wish.image, wish.model) == ("a.png", B32)


def test_an_own_picture_takes_everything_away(tiny):
    strip, key, suggestions, subject, *results = explain.brought(EXAMPLES, TINY)
    assert (strip["chosen"], key, subject) == (None, None, None)
    assert suggestions["texts"] == list(explain.GENERAL["stickers"])
    assert len(results) == 8
