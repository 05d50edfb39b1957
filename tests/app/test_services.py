import json
import random

import numpy as np
import pytest

from app import services
from app.services import EXAMPLES, SceneKey
from vilt_core.transport import ALGORITHM
from vilt_core.world.captions import FORMS, caption
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


def test_no_picture_is_said_in_one_sentence(tiny):
    with pytest.raises(ValueError, match="choose a scene, or add a picture"):
        services.ask(None, "is there a cat?")


def test_a_missing_model_is_said_in_one_sentence(no_model):
    with pytest.raises(ValueError, match="expected a shipped model"):
        services.ask(None, "is there a cat?", key=EXAMPLES[0])


@pytest.mark.parametrize("iterations", [1, 2, 50, 1000])
def test_what_the_page_carries_is_small_and_whole(tiny, iterations):
    key = EXAMPLES[0]
    sentence = max(services.captions_of(key), key=len)
    message = services.align(None, sentence, iterations=iterations, key=key)
    assert len(json.dumps(message)) < 500_000
    assert message["iterations"][0] == 1
    assert message["iterations"][-1] == iterations
    assert " ".join(message["words"]) == sentence.replace(",", " ,")
    assert [line["code"] for line in message["algorithm"]] == list(ALGORITHM)
    frames = len(message["iterations"])
    assert all(len(curve) == frames for curve in message["curves"].values())
    assert all(len(message["ranges"][name]) == frames for name in ("Q", "delta", "sigma", "T"))


@pytest.mark.parametrize("iterations", [0, 1001, -3])
def test_iterations_out_of_range_are_refused(tiny, iterations):
    with pytest.raises(ValueError, match="iterations must lie in 1 to 1,000"):
        services.align(None, "a cat", iterations=iterations, key=EXAMPLES[0])


def test_words_sum_their_tokens_and_ipot_nears_the_optimum(tiny):
    found = tiny.align(services.picture(EXAMPLES[0], 64), "a strawberry and a cat", trace=True)
    steps, optimum = services.steps_of(found), services.optimum_of(found)
    tokens = np.array([len(word.tokens) for word in found.words])
    np.testing.assert_allclose(steps.plans.sum(-1)[-1], tokens / tokens.sum(), atol=1e-6)
    np.testing.assert_allclose(optimum.plan.sum(-1), tokens / tokens.sum(), atol=1e-6)
    np.testing.assert_allclose(optimum.plan.sum(0), 1 / optimum.plan.shape[1], atol=1e-6)
    assert steps.transport_cost[-1] < steps.transport_cost[0]
    assert abs(steps.transport_cost[-1] - optimum.cost) < 0.02


def test_the_ranges_are_those_of_the_algorithm(tiny):
    found = tiny.align(services.picture(EXAMPLES[0], 64), "a cat", iterations=3, trace=True)
    steps = services.steps_of(found)
    kernel, before = np.exp(-found.cost / found.beta), found.trace.plans[1]
    sharpened = kernel * before
    np.testing.assert_allclose(
        steps.ranges["Q"][2], [sharpened.min(), sharpened.max()], rtol=1e-5, atol=1e-12
    )
    np.testing.assert_allclose(steps.ranges["A"][0], [kernel.min(), kernel.max()])


@pytest.mark.parametrize("key", KEYS)
def test_true_places_are_those_of_the_objects_named(tiny, key):
    things = services.scene(key).objects
    for sentence in services.captions_of(key):
        found = tiny.align(services.picture(key, 64), sentence)
        for at, place in services.true_places(key, sentence, found).items():
            named = [t for t in things if t.box in place.boxes]
            assert len(named) == len(place.boxes) > 0
            assert place.patches
            word = found.words[at].text.lower()
            spoken = {n for t in named for n in (t.noun, t.sprite.plural, t.category)}
            assert any(word[:3] in name for name in spoken), (word, spoken)


def test_nouns_of_a_free_sentence_are_found(tiny):
    key = next(
        key
        for key in (SceneKey(index=index) for index in range(500))
        if any(thing.color is not None for thing in services.scene(key).objects)
    )
    shape = next(thing for thing in services.scene(key).objects if thing.color is not None)
    sentence = f"Look, a {shape.color} {shape.noun} and a submarine!"
    found = tiny.align(services.picture(key, 64), sentence)
    words = {found.words[at].text for at in services.true_places(key, sentence, found)}
    assert words == {shape.noun}


def test_every_form_of_caption_finds_its_nouns(tiny):
    key = EXAMPLES[2]
    for form in FORMS:
        made = caption(services.scene(key), random.Random(form).random, form=form)
        found = tiny.align(services.picture(key, 64), made.text)
        services.true_places(key, made.text, found)
