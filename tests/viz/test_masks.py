"""Hidden words as they are drawn, the giraffe's table, and the bars of how much a picture helps."""

import re
from dataclasses import replace

import numpy as np
import pytest

from vilt_core.viz.masks import Condition, Lesson, Place, Told, guesses, help_bars, lesson
from vilt_core.viz.stepper import data_url

CONDITIONS = [
    Condition(title="seen", pixels=np.zeros((8, 8, 3), np.uint8)),
    Condition(title="unseen", pixels=None),
]
SURE = Told(probability=0.9, rank=1, candidates=[("##raf", 0.9), ("cat", 0.1)])
LOST = Told(probability=0.01, rank=17, candidates=[("cat", 0.6), ("<i>", 0.2)])
PLACE = Place(piece="##raf", word="giraffe", told=[SURE, LOST])
LESSON = Lesson(
    pixels=np.zeros((8, 8, 3), np.uint8),
    shows='a "giraffe" <here>',
    sentence="a giraffe",
    pieces=["gi", "##raf", "##fe"],
    asked=1,
    conditions=["none", "all"],
    alone=[0.8, 0.9],
    whole=[0.1, 0.7],
    fitting=(1, 12),
)
BY_KIND = {
    "nouns": {"words": 20, "with": 0.8, "without": 0.1},
    "colours": {"words": 10, "with": 1.0, "without": 0.2},
}


def test_a_row_a_place_and_a_column_a_condition():
    html = guesses(CONDITIONS, [PLACE, replace(PLACE, piece="gi")])
    assert html.count('class="vm-place"') == 2
    assert html.count('class="vm-cell"') == 4
    assert html.count("<img") == 1
    assert "no picture" in html


def test_a_line_tells_each_hidden_place_and_the_lesson():
    html = guesses(CONDITIONS, [PLACE, replace(PLACE, piece='"')])
    (said,) = re.findall(r'data-said="([^"]*)"', html)
    told = "seen 90.0 %, unseen 1.0 %"
    assert said.split("&#10;") == [f"Hidden ##raf: {told}", f"Hidden &quot;: {told}"]
    (said,) = re.findall(r'data-said="([^"]*)"', lesson(LESSON))
    assert said == "##raf: all, one piece hidden 90.0 %, the whole word hidden 70.0 %"


def test_the_truth_is_marked_and_told_where_it_is_not_among_the_likeliest():
    html = guesses(CONDITIONS, [PLACE])
    assert re.findall(r'class="vm-(right|wrong)"', html) == ["right", "wrong"]
    assert html.count("<li class=vm-true>") == 2
    assert html.count("no. 17") == 1
    assert "“giraffe”" in html
    assert "<i>" not in re.sub(r'<i style="[^"]*">', "", html)


def test_nothing_hidden_or_too_little_told():
    with pytest.raises(ValueError, match="at least one hidden place"):
        guesses(CONDITIONS, [])
    with pytest.raises(ValueError, match="2 conditions"):
        guesses(CONDITIONS, [replace(PLACE, told=[SURE])])


def test_the_lesson_hides_one_piece_and_then_all():
    html = lesson(LESSON)
    assert re.findall(r"<td><b>(\d+)</b>", html) == ["1", "12"]
    assert html.count("[MASK]") == 4
    assert re.findall(r"</span>([\d.]+) %</td>", html) == ["80.0", "90.0", "10.0", "70.0"]
    assert "only one noun fits" in html
    assert "adds <b>60</b> points" in html
    assert "<b>+10</b> points" in html
    assert "takes away <b>60</b>" in lesson(replace(LESSON, whole=[0.7, 0.1]))


def test_a_change_that_is_none_has_no_minus():
    assert "by <b>+0</b> points" in lesson(replace(LESSON, alone=[0.5, 0.4999]))


def test_the_lesson_shows_the_picture_that_it_is_about():
    (picture,) = re.findall(r"<img [^>]*>", lesson(LESSON))
    assert data_url(LESSON.pixels, side=224) in picture
    assert 'alt="a &quot;giraffe&quot; &lt;here&gt;"' in picture


def test_a_lesson_that_does_not_fit():
    with pytest.raises(ValueError, match="2 probabilities"):
        lesson(replace(LESSON, alone=[0.5]))
    with pytest.raises(ValueError, match="3 pieces"):
        lesson(replace(LESSON, asked=3))


def test_bars_are_the_shares():
    figure = help_bars(BY_KIND, conditions={"with": "With", "without": "Without"})
    assert [trace.name for trace in figure.data] == ["With", "Without"]
    assert list(figure.data[0].y) == [80.0, 100.0]
    assert list(figure.data[1].y) == [10.0, 20.0]
    assert list(figure.data[0].x) == ["nouns<br>20 words", "colours<br>10 words"]


def test_bars_of_nothing():
    with pytest.raises(ValueError, match="some kinds"):
        help_bars({}, conditions={"with": "With"})
