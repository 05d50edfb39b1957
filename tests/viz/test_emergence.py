"""The figures of a training say what they were given, and chance beside it."""

import base64
import math

import numpy as np
import pytest

from vilt_core.viz import emergence
from vilt_core.viz.emergence import Moment, Sentence, View, payload
from vilt_core.viz.learning import loss_curves, running_mean, score_curves

RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 255, (40, 40, 3), np.uint8)
SENTENCE = Sentence(
    pixels=PIXELS, words=["a", "cat"], nouns={1: [(0.1, 0.2, 0.5, 0.6)]}, false="a b"
)


def view(heat, **given):
    usual = {
        "pointed": [True], "distance": 0.5, "false_distance": 0.9, "true_chance": 0.8,
        "false_chance": 0.1, "guesses": [(1, [("cat", 0.9), ("dog", 0.05)], 0.9)],
    }  # fmt: skip
    return View(heat=heat, **(usual | given))


def moments(*steps):
    return [
        Moment(step=step, scores={"pointing": 0.4}, views=[view(RANDOM.random((2, 8, 8)))])
        for step in steps
    ]


def test_heat_is_packed_to_a_255th_of_its_strongest():
    (one,) = moments(3)
    sent = payload([SENTENCE], [one], chance={"pointing": 0.1}, steps=9)["moments"][0]["views"][0]
    heat = one.views[0].heat
    read = np.frombuffer(base64.b64decode(sent["heat"]), np.uint8).reshape(2, 8, 8) / 255
    assert sent["grid"] == [8, 8]
    np.testing.assert_allclose(read, heat / heat.max(axis=(1, 2), keepdims=True), atol=0.5 / 255)


def test_heat_of_nothing_is_nothing():
    moment = Moment(step=0, scores={}, views=[view(np.zeros((2, 8, 8)), guesses=[])])
    sent = payload([SENTENCE], [moment], chance={}, steps=9)["moments"][0]["views"][0]
    assert set(base64.b64decode(sent["heat"])) == {0}


def test_everything_that_is_shown_is_sent():
    sent = payload([SENTENCE], moments(0, 5), chance={"pointing": 0.1, "sticker": 0.5}, steps=9)
    assert [one["step"] for one in sent["moments"]] == [0, 5]
    assert sent["sentences"][0]["nouns"] == {"1": [[0.1, 0.2, 0.5, 0.6]]}
    assert sent["chance"] == {"pointing": 0.1, "sticker": 0.5}
    told = sent["moments"][0]["views"][0]
    assert (told["distance"], told["falseDistance"], told["trueChance"]) == (0.5, 0.9, 0.8)
    assert told["guesses"] == [
        {"word": 1, "likeliest": [["cat", 0.9], ["dog", 0.05]], "truth": 0.9}
    ]


def test_heat_of_other_words_is_refused():
    moment = Moment(step=7, scores={}, views=[view(np.ones((3, 8, 8)))])
    with pytest.raises(ValueError, match="step 7"):
        payload([SENTENCE], [moment], chance={}, steps=9)


def test_the_view_needs_nothing_from_afar():
    assert "emergenceView" in emergence.script()
    assert "http" not in emergence.script() + emergence.styles()


def test_a_running_mean_is_the_mean_of_the_last_few():
    values = RANDOM.random(40)
    expected = [values[max(at - 6, 0) : at + 1].mean() for at in range(40)]
    np.testing.assert_allclose(running_mean(values, window=7), expected)


def test_each_objective_has_a_panel_with_what_knowing_nothing_costs():
    steps = list(range(1, 31))
    given = {"itm": RANDOM.random(30).tolist(), "mlm": RANDOM.random(30).tolist()}
    figure = loss_curves(steps, given, total=50)
    assert [note.text for note in figure.layout.annotations] == [
        "masked words (MLM)", "matching (ITM)"
    ]  # fmt: skip
    assert [list(line.y) for line in figure.data[::2]] == [given["mlm"], given["itm"]]
    assert [shape.y0 for shape in figure.layout.shapes] == [math.log(2)]


def test_no_losses_yet_are_an_empty_figure():
    assert len(loss_curves([], {}, total=50).data) == 0


def test_every_score_stands_beside_its_chance():
    scores = {"matching": [0.5, 0.9], "masked": [0.1, 0.7], "blind": [0.1, 0.2]}
    figure = score_curves(
        [0, 9], scores, chance={"matching": 0.5, "masked": 0.2, "sticker": 0.6}, total=20
    )
    lines = {line.name: list(line.y) for line in figure.data}
    assert lines == {
        "sentences told apart": [0.5, 0.9],
        "sentences told apart, by guessing": [0.5, 0.5],
        "hidden nouns found": [0.1, 0.7],
        "hidden nouns found, by guessing": [0.2, 0.2],
        "hidden nouns, without the picture": [0.1, 0.2],
        "on any sticker": [0.6, 0.6],
    }
