import base64
import re

import numpy as np
import pytest

from vilt_core.viz.explanations import Card, gallery, picture_of, words_in_heat
from vilt_core.viz.faithfulness import deletion_insertion
from vilt_core.viz.heads import heads_payload
from vilt_core.viz.knockouts import knockout_board
from vilt_core.viz.lens import answers_over_layers
from vilt_core.viz.palette import PLAIN

PIXELS = np.random.default_rng(0).integers(0, 255, (48, 72, 3)).astype(np.uint8)
HEAT = np.random.default_rng(1).normal(size=(2, 3))


def card(name, **settings):
    return Card(title=name, says="says", heat=HEAT, word_heat=np.array([1.0, -2.0]), **settings)


def test_a_gallery_judges_and_shows_the_best():
    html = gallery(
        PIXELS,
        [
            card("one", hit=True, deletion=0.1, insertion=0.5),
            card("two", hit=False, deletion=0.3, insertion=0.9),
            Card(title="three", says="is still to come"),
        ],
        words=["cat", "<b>"],
        boxes=[(0.0, 0.25, 0.5, 0.75)],
    )
    assert html.count('<figure class="vx-card">') == 3
    assert html.count("<img") == html.count("points at it") + html.count("misses it") == 2
    assert html.count('<i style="left:0.0%;top:25.0%;width:50.0%;height:50.0%">') == 2
    best = re.findall(r'class="vx-best">(.*?) . <b>(.*?)</b>', html)
    assert best == [("deletion", "0.10"), ("insertion", "0.90")]
    assert "<b></span>" not in html
    row, column = np.unravel_index(HEAT.argmax(), HEAT.shape)
    assert f"heaviest patch is in row {row + 1}, column {column + 1}" in html


def test_what_lies_in_the_frames_is_what_is_pointed_at_and_told():
    cards = [card("one", hit=True), card("two", hit=False)]
    drawn = {
        named: gallery(
            PIXELS, cards, words=["cat", "dog"], boxes=[(0.0, 0.0, 1.0, 1.0)], named=named
        )
        for named in ("answer", "question")
    }
    assert "what the true answer names." in drawn["answer"]
    assert "question names" not in drawn["answer"]
    assert "what the question names." in drawn["question"]
    assert "answer names" not in drawn["question"]
    assert "✓ points at something the question names" in drawn["question"]
    assert "✗ points at nothing the question names" in drawn["question"]


def test_colours_are_told_where_there_are_any():
    waiting = Card(title="three", says="is still to come")
    assert '<p class="vx-legend">' not in gallery(PIXELS, [waiting], words=[])
    plain = gallery(PIXELS, [card("one"), waiting], words=["cat", "dog"])
    assert "Blue" in plain
    assert "Green frames" not in plain
    assert "Bold green" not in plain
    assert "Bold green" in gallery(PIXELS, [card("one", deletion=0.1)], words=["cat", "dog"])


def test_a_picture_drawn_before_is_the_same():
    cards = [card("one"), card("one", picture=picture_of(PIXELS, HEAT))]
    first, second = (gallery(PIXELS, [one], words=["cat", "dog"]) for one in cards)
    assert first == second


def test_words_are_tinted_by_their_share_of_the_heaviest_and_never_below_nothing():
    html = words_in_heat(["a", "b", "c"], np.array([0.5, -3.0, 2.0]))
    assert re.findall(r"--vx-heat:(\d+)%", html) == ["25", "0", "100"]
    assert re.findall(r"--vx-heat:(\d+)%", words_in_heat(["a"], np.array([-1.0]))) == ["0"]


def test_a_gallery_wants_heat_for_every_word():
    with pytest.raises(ValueError, match="expected heat of 1 words, got 2"):
        gallery(PIXELS, [card("one")], words=["cat"])


def test_curves_are_the_numbers_and_chance_is_dashed():
    fractions = np.linspace(0, 1, 4)
    values = {name: np.random.default_rng(at).random(4) for at, name in enumerate("abc")}
    chance = {"random order": np.linspace(1, 0, 4)}
    figure = deletion_insertion(
        values | chance, {n: 1 - v for n, v in (values | chance).items()}, fractions=fractions
    )
    assert len(figure.data) == 8
    for line, (name, given) in zip(figure.data, (values | chance).items(), strict=False):
        assert line.name == name
        np.testing.assert_allclose(line.y, given)
        np.testing.assert_allclose(line.x, 100 * fractions)
    for line, given in zip(figure.data[4:], (values | chance).values(), strict=True):
        np.testing.assert_allclose(line.y, 1 - given)
    dashed = [line.name for line in figure.data if line.line.dash == "dash"]
    assert dashed == ["random order"] * 2
    assert len({line.line.color for line in figure.data} - {PLAIN}) == 3
    with pytest.raises(ValueError, match="the same methods"):
        deletion_insertion(values, chance, fractions=fractions)


def test_early_answers_are_lines_with_what_was_said_above():
    chances = np.random.default_rng(0).dirichlet(np.ones(3), size=4)
    figure = answers_over_layers(chances, answers=["a", "b", "c"], said=["c", "c", "b", "a"])
    for line, column in zip(figure.data, chances.T, strict=True):
        np.testing.assert_allclose(line.y, column)
    assert [note.text for note in figure.layout.annotations] == ["c", "c", "b", "<b>a</b>"]
    with pytest.raises(ValueError, match="4 layers and 2 answers"):
        answers_over_layers(chances, answers=["a", "b"], said=["a"] * 4)


def test_the_matrix_of_heads_carries_every_weight_in_its_place():
    weights = np.random.default_rng(2).random((2, 3, 4, 6))
    text = np.random.default_rng(3).random((2, 3, 4, 3))
    message = heads_payload(
        PIXELS, weights, text, queries=list("Qabc"), words=list("abc"), grid=(2, 3)
    )
    levels = np.frombuffer(base64.b64decode(message["patches"]["data"]), dtype=np.uint8)
    top = np.array(message["patches"]["top"]).reshape(2, 3, 4, 1)
    np.testing.assert_allclose(levels.reshape(weights.shape) / 255 * top, weights, atol=3e-3)
    np.testing.assert_allclose(message["on_picture"], weights.sum(-1).ravel(), rtol=1e-3)
    np.testing.assert_allclose(message["on_words"], text.sum(-1).ravel(), rtol=1e-3)
    assert message["size"] == [2, 3]
    with pytest.raises(ValueError, match="expected weights of"):
        heads_payload(PIXELS, weights, text, queries=["Q"], words=list("abc"), grid=(2, 3))


def board(**changes):
    settings = {
        "answer": "<cat>",
        "whole": 0.8,
        "heads": np.array([[0.5, 0.9], [0.8, 0.8]]),
        "layers": np.array([0.1, 0.7]),
        "types": np.array([0.8, 0.6]),
        "word_chances": np.array([0.3, 0.8]),
        "words": ["is", "<it>"],
        "grid": (2, 3),
    }
    return knockout_board(PIXELS, **settings | changes)


def test_the_board_has_a_button_a_part_with_its_number():
    html = board()
    parts = re.findall(r'data-kind="(\w+)" data-at="([\w,]+)"', html)
    assert parts == [
        ("words", "0"), ("words", "1"), ("types", "text"), ("types", "image"),
        ("layers", "1"), ("layers", "2"),
        ("heads", "1,1"), ("heads", "1,2"), ("heads", "2,1"), ("heads", "2,2"),
        *(("patches", f"{row},{column}") for row in range(2) for column in range(3)),
    ]  # fmt: skip
    assert "<cat>" not in html
    assert "<it>" not in html
    assert 'aria-label="Without head 1 of layer 1: 50.0 %"' in html
    assert ">-30</button>" in html
    assert ">+10</button>" in html
    assert html.count('style="left:80.0%"') == 6  # the line of the whole on every bar
    with pytest.raises(ValueError, match="expected chances of 1 words, got 2"):
        board(words=["is"])


def test_one_patch_of_the_board_stops_the_tab_key_and_the_arrows_lead_on():
    (patches,) = re.findall(r"<div[^>]+ data-rove .+?</div>", board())
    assert re.findall(r'tabindex="(-?\d)"', patches) == ["0", *["-1"] * 5]
