"""Figures of a meeting hold the numbers that they were given, and tell them."""

import base64
import re

import numpy as np
import pytest

from vilt_core.viz.meeting import dot_product, looks

SEEN = np.zeros((64, 64, 3), np.uint8)
BOXES = ((0.0, 0.0, 0.5, 0.5), (0.5, 0.5, 1.0, 1.0))
TOKENS = ("[CLS]", "cat", "elephant", "[SEP]")


def unpacked(html, name, kind):
    (text,) = re.findall(rf'data-{name}="([^"]+)"', html)
    return np.frombuffer(base64.b64decode(text), kind)


def shares(rows, columns, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(columns), rows)


def joint(first=1):
    """Of the tokens, perhaps a [class], and 2 x 3 patches."""
    whole, l = shares(4 + first + 6, 4 + first + 6), len(TOKENS)
    parts = {"text": slice(l), "image": slice(l, None)}
    blocks = {(a, b): whole[parts[a], parts[b]] for a in parts for b in parts}
    return whole, blocks, whole[:l, l + first :]


def across():
    """Of the tokens and two regions."""
    there = shares(4, 2)
    return {("text", "image"): there, ("image", "text"): shares(2, 4, seed=1)}, there


def test_the_sum_told_is_that_of_the_products():
    text, image = np.array([0.6, 0.8]), np.array([0.8, -0.6])
    html = dot_product(text, image)
    assert "Above zero 0.48, below -0.48, together <b>0.000</b>: the cosine." in html
    assert "Times" not in html
    times = dot_product(text, text, factor=20.0)
    assert "Times 20.00, which it learned, that is the score: <b>20.00</b>." in times
    assert html.count('class="vp-strip"') == 3
    np.testing.assert_allclose(unpacked(html, "vectors", "<f4"), [*text, *image], rtol=1e-6)


def test_vectors_of_nothing_are_drawn_too():
    assert "together <b>0.000</b>" in dot_product(np.zeros(8), np.zeros(8))


@pytest.mark.parametrize("first", [0, 1])
def test_the_whole_matrix_is_handed_on(first):
    whole, blocks, heat = joint(first)
    html = looks(SEEN, blocks, heat=heat, tokens=TOKENS, grid=(2, 3), noun="patches")
    levels = unpacked(html, "weights", "<u2").reshape(whole.shape) / 65535
    np.testing.assert_allclose(levels, whole, atol=1e-5)
    assert html.count("data-of=") == 4
    assert "no one looks" not in html
    assert f'data-first="{first}"' in html
    assert (f"<b>{'[class] and ' * first}6 patches</b>") in html


def test_streams_that_stay_apart_leave_blocks_empty():
    blocks, heat = across()
    html = looks(SEEN, blocks, heat=heat, tokens=TOKENS, boxes=BOXES)
    assert html.count("data-of=") == 2
    assert html.count("no one looks at their own side") == 2
    assert "data-columns" not in html
    assert re.findall(r"<text [^>]+>(\d)</text>", html) == ["1", "2"]


def test_a_block_tells_its_strongest_look_and_a_word_where_it_looks_most():
    blocks, heat = across()
    html = looks(SEEN, blocks, heat=heat, tokens=TOKENS, boxes=BOXES)
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    assert (
        f"strongest is from “{TOKENS[row]}” to region {column + 1}: {100 * heat.max():.1f} %"
    ) in html
    most = int(heat[1].argmax())
    assert f"“cat” looks most at region {most + 1}, {100 * heat[1, most]:.1f} %; " in html


def test_the_longest_word_is_chosen_and_its_heat_lies_over_the_picture():
    _, blocks, heat = joint()
    html = looks(SEEN, blocks, heat=heat, tokens=TOKENS, grid=(2, 3))
    assert re.findall(r'data-word="(\w+)" aria-pressed="true"', html) == ["elephant"]
    levels = [float(level) for level in re.findall(r"--heat:([\d.]+)", html)]
    np.testing.assert_allclose(levels, heat[2] / heat[2].max(), atol=1e-3)
    most = int(heat[2].argmax())
    assert f"most of it is at row {most // 3 + 1}, column {most % 3 + 1}" in html


def test_cosines_stand_beside_those_that_found():
    blocks, heat = across()
    cosines = {"text": np.array([0.1, -0.25, 0.3, 0.4]), "image": np.array([0.5, 0.75])}
    html = looks(SEEN, blocks, heat=heat, tokens=TOKENS, boxes=BOXES, cosines=cosines)
    assert re.findall(r"<em>(-?[\d.]+)</em>", html) == [
        "0.10",
        "-0.25",
        "0.30",
        "0.40",
        "0.50",
        "0.75",
    ]


def test_many_columns_bear_few_numbers():
    blocks = {("text", "image"): shares(12, 2), ("image", "text"): shares(2, 12)}
    html = looks(
        SEEN, blocks, heat=blocks["text", "image"], tokens=list("abcdefghijkl"), boxes=BOXES
    )
    (columns,) = re.findall(r'vp-head vp-of-text.*?vp-numbers">(.*?)</div>', html)
    assert re.findall(r"<small>(\d*)</small>", columns) == [
        "1", "", "", "", "5", "", "", "", "", "10", "", "",
    ]  # fmt: skip


def test_words_are_text():
    blocks, heat = across()
    html = looks(SEEN, blocks, heat=heat, tokens=("<b>", '"', "c", "d"), boxes=BOXES)
    assert 'data-word="&lt;b&gt;"' in html
    assert "“<b>”" not in html
    assert 'data-word="&quot;"' in html


def test_what_does_not_fit_is_refused():
    _, blocks, heat = joint()
    with pytest.raises(ValueError, match="expected heat of"):
        looks(SEEN, blocks, heat=heat[:, 1:], tokens=TOKENS, grid=(2, 3))
    with pytest.raises(ValueError, match="expected looks of"):
        looks(SEEN, blocks | {("image", "text"): heat}, heat=heat, tokens=TOKENS, grid=(2, 3))
