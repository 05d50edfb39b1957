import json
import random

import numpy as np
import pytest

from app import alignments, services
from app.photographs import PHOTOGRAPHS
from app.services import EXAMPLES, SceneKey
from vilt_core.transport import ALGORITHM
from vilt_core.world.captions import FORMS, caption

KEYS = (*EXAMPLES, SceneKey(index=123), SceneKey(index=7, split="composition"))


@pytest.mark.parametrize("iterations", [1, 2, 50, 1000])
def test_what_the_page_carries_is_small_and_whole(tiny, iterations):
    key = EXAMPLES[0]
    sentence = max(services.captions_of(key), key=len)
    message = alignments.align(None, sentence, iterations=iterations, key=key)
    assert len(json.dumps(message)) < 500_000
    assert message["iterations"][0] == 1
    assert message["iterations"][-1] == iterations
    assert " ".join(message["words"]) == sentence.replace(",", " ,")
    assert [line["code"] for line in message["algorithm"]] == list(ALGORITHM)
    frames = len(message["iterations"])
    assert all(len(curve) == frames for curve in message["curves"].values())
    assert all(len(message["ranges"][name]) == frames for name in ("Q", "delta", "sigma", "T"))


def test_the_grid_of_a_photograph_makes_no_heavy_page(hub):
    hub.go.set()
    sentence = " ".join(["cup"] * 38)  # as long as a text may be
    message = alignments.align(
        None, sentence, iterations=1000, key=PHOTOGRAPHS[1], model="ViLT-B/32"
    )
    assert message["grid"] == [12, 18]
    assert len(message["words"]) == 38
    assert len(json.dumps(message)) < 650_000
    assert len(message["iterations"]) >= 20


@pytest.mark.parametrize("iterations", [0, 1001, -3])
def test_iterations_out_of_range_are_refused(tiny, iterations):
    with pytest.raises(ValueError, match="iterations must lie in 1 to 1,000"):
        alignments.align(None, "a cat", iterations=iterations, key=EXAMPLES[0])


def test_words_sum_their_tokens_and_ipot_nears_the_optimum(tiny):
    found = tiny.align(services.picture(EXAMPLES[0], 64), "a strawberry and a cat", trace=True)
    steps, optimum = alignments.steps_of(found), alignments.optimum_of(found)
    tokens = np.array([len(word.tokens) for word in found.words])
    np.testing.assert_allclose(steps.plans.sum(-1)[-1], tokens / tokens.sum(), atol=1e-6)
    np.testing.assert_allclose(optimum.plan.sum(-1), tokens / tokens.sum(), atol=1e-6)
    np.testing.assert_allclose(optimum.plan.sum(0), 1 / optimum.plan.shape[1], atol=1e-6)
    assert steps.transport_cost[-1] < steps.transport_cost[0]
    assert abs(steps.transport_cost[-1] - optimum.cost) < 0.02


def test_the_ranges_are_those_of_the_algorithm(tiny):
    found = tiny.align(services.picture(EXAMPLES[0], 64), "a cat", iterations=3, trace=True)
    steps = alignments.steps_of(found)
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
        for at, place in alignments.true_places(key, sentence, found).items():
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
    words = {found.words[at].text for at in alignments.true_places(key, sentence, found)}
    assert words == {shape.noun}


def test_every_form_of_caption_finds_its_nouns(tiny):
    key = EXAMPLES[2]
    for form in FORMS:
        made = caption(services.scene(key), random.Random(form).random, form=form)
        found = tiny.align(services.picture(key, 64), made.text)
        alignments.true_places(key, made.text, found)
