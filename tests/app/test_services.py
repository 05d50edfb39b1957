from functools import partial
from importlib import import_module

import gradio as gr
import pytest

from app import endpoints, pairs, services
from app.components.reply import card
from app.pairs import pair_of
from app.photographs import PHOTOGRAPHS
from app.services import EXAMPLES, SceneKey
from app.tabs import foil, mask, pair
from vilt_core.world.questions import answers

KEYS = (*EXAMPLES, SceneKey(index=123), SceneKey(index=7, split="composition"))


@pytest.mark.parametrize("key", KEYS)
def test_suggestions_fit_the_scene(key):
    asked = services.questions_about(key)
    assert len(asked) >= 4
    assert set(asked.values()) <= set(answers())
    assert len(set(services.captions_of(key))) == len(services.captions_of(key)) >= 1


@pytest.mark.parametrize("text", ["a cat next to 2 dogs", "Is it an Ångström?"])
def test_case_spaces_and_the_last_mark_change_nothing_that_a_text_says(text):
    said = services.folded(text)
    for written in ("{}.", " {} ?! ", "{}\n", "{} . "):
        for one in (text.upper(), text.lower(), text.replace(" ", " \t ")):
            assert services.folded(written.format(one)) == said
    assert services.folded(said) == said
    assert services.folded(f"no {text}") != said != services.folded(text.replace(" ", "", 1))


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


@pytest.mark.parametrize("photograph", [None, *PHOTOGRAPHS[:2]])
def test_a_model_of_stickers_knows_scenes_alone(hub, photograph):
    both = pair_of(0)
    assert services.stranger(photograph, "vilt-mini")
    assert not services.stranger(photograph, "ViLT-B/32")
    assert pairs.stranger((both[0], photograph), "vilt-mini")
    assert not pairs.stranger((both[0], photograph), "ViLT-B/32")
    for scene in (EXAMPLES[0], *both):
        assert not services.stranger(scene, "vilt-mini")
    assert not pairs.stranger(both, "vilt-mini")


def test_of_a_photograph_of_ours_a_model_of_stickers_says_what_it_knows(tiny):
    photograph, said = PHOTOGRAPHS[0], "only knows stickers"
    reply = services.ask(None, photograph.questions[0], key=photograph)
    assert said in card(reply)
    assert said in foil.compared(foil.WORD, None, "a cat", "a dog", "", "", photograph, "tiny")
    assert said in mask.hidden_from(None, "a cat", (1,), mask.WORDS, photograph, "tiny")[-1]
    assert said in pair.compared(None, None, "a cat", pair_of(0)[0], photograph, "tiny")


def test_a_picture_that_is_kept_no_longer_is_told_of_in_one_sentence(tiny, tmp_path):
    gone, told = str(tmp_path / "a day ago.png"), "kept no longer: add it again"
    for ask in (
        partial(services.pixels_of, gone),
        partial(services.ask, gone, "is there a cat?"),
        partial(pairs.compare, (gone, gone), "both show a cat", model="tiny"),
    ):
        with pytest.raises(ValueError, match=rf"^this picture is {told}$"):
            ask()
    with pytest.raises(gr.Error, match=rf"This picture is {told}\."):
        endpoints.match(gone, "a cat")


def test_each_model_has_examples_of_its_world(hub):
    assert services.examples("vilt-mini") == EXAMPLES
    assert services.examples("ViLT-B/32") == PHOTOGRAPHS
    assert hub.asked == []


def test_ones_own_model_tells_its_world(tiny):
    assert services.examples("tiny") == EXAMPLES


def test_a_model_of_ones_own_is_a_stranger_to_nothing(monkeypatch):
    monkeypatch.setattr(services, "domain", lambda model: "own data")
    assert not services.stranger(None, "mine")
