from importlib import import_module

import pytest

from app import services
from app.photographs import PHOTOGRAPHS
from app.services import EXAMPLES, SceneKey
from vilt_core.world.questions import answers

KEYS = (*EXAMPLES, SceneKey(index=123), SceneKey(index=7, split="composition"))


@pytest.mark.parametrize("key", KEYS)
def test_suggestions_fit_the_scene(key):
    asked = services.questions_about(key)
    assert len(asked) >= 4
    assert set(asked.values()) <= set(answers())
    assert len(set(services.captions_of(key))) == len(services.captions_of(key)) >= 1


def test_truth_is_known_for_the_worlds_questions_alone():
    key = EXAMPLES[0]
    question, truth = next(iter(services.questions_about(key).items()))
    assert services.true_answer(key, question) == truth
    assert services.true_answer(key, f"  {question.upper().rstrip('?')}  ") == truth
    assert services.true_answer(key, "what would a cat think of this?") is None
    assert services.true_answer(None, question) is None


def test_new_scenes_are_not_the_examples():
    drawn = {services.another() for _ in range(20)}
    assert len(drawn) == 20
    assert not drawn & set(EXAMPLES)


def test_a_scene_is_asked_about_without_a_file(tiny):
    reply = services.ask(None, "is there a cat?", key=EXAMPLES[0])
    assert len(reply.answers) == 5
    assert not reply.stranger
    assert reply.milliseconds > 0


def test_a_first_visitor_waits_for_no_compiler(tiny, monkeypatch):
    compiled, used = import_module("vilt_core.transport.compiled").solve, []

    def solve(*given, **settings):
        used.append(given)
        return compiled(*given, **settings)

    roads = {"cpu": solve}
    monkeypatch.setattr(import_module("vilt_core.transport.ipot"), "_fast_road", roads.get)
    services.warm_up().join()
    assert used


def test_no_picture_is_said_in_one_sentence(tiny):
    with pytest.raises(ValueError, match="choose a picture, or add one"):
        services.ask(None, "is there a cat?")


def test_a_missing_model_is_said_in_one_sentence(no_model):
    with pytest.raises(ValueError, match="expected a shipped model"):
        services.ask(None, "is there a cat?", key=EXAMPLES[0])


def test_a_photograph_is_asked_about_without_a_file(hub):
    hub.go.set()
    photograph = PHOTOGRAPHS[1]
    reply = services.ask(None, photograph.questions[0], key=photograph, model="ViLT-B/32")
    assert reply.model == "ViLT-B/32"
    assert reply.truth is None
    assert not reply.stranger


def test_each_model_has_examples_of_its_world(hub):
    assert services.examples("vilt-mini") == EXAMPLES
    assert services.examples("ViLT-B/32") == PHOTOGRAPHS
    assert hub.asked == []


def test_ones_own_model_tells_its_world(tiny):
    assert services.examples("tiny") == EXAMPLES
