"""The lanes run by one clock, and what a page writes is text."""

import re

import numpy as np
import pytest

from vilt_core.viz.passage import Lane, passage


def lane(**changes):
    settings = {
        "title": "one",
        "paper": "somebody",
        "looks": "patches",
        "meets": "joint attention",
        "seen": np.zeros((32, 64, 3), np.uint8),
        "grid": (2, 4),
        "boxes": (),
        "tokens": (8, 3),
        "apart": False,
        "milliseconds": {"visual": 10.0, "text": 5.0, "interaction": 5.0},
    }
    return Lane(**{**settings, **changes})


def numbers(html, name):
    return [float(found) for found in re.findall(rf"--{name}:([\d.]+)s", html)]


def test_the_slowest_model_takes_the_whole_time_and_others_their_share():
    slow = lane(milliseconds={"visual": 20.0, "text": 0.0, "interaction": 20.0})
    html = passage([lane(), slow], words=["a"])
    ends = [
        at + lasts
        for at, lasts in zip(
            numbers(html, "interaction-at"), numbers(html, "interaction-for"), strict=True
        )
    ]
    assert ends == [2.0, 4.0]
    assert numbers(html, "visual-at") == [0.5, 0.0]  # the text first


def test_there_is_a_square_a_token_and_a_line_between_cells():
    html = passage([lane()], words=["[CLS]", "cat", "[SEP]"])
    rows = re.findall(r'class="vp-row vp-(\w+)">((?:<i></i>)*)', html)
    assert [(part, squares.count("<i>")) for part, squares in rows] == [("text", 3), ("visual", 8)]
    assert len(re.findall(r"M0 [\d.]+H64", html)) == 1
    assert len(re.findall(r"M[\d.]+ 0V32", html)) == 3


def test_regions_are_boxes_in_pixels():
    html = passage([lane(grid=None, boxes=((0.25, 0.5, 0.75, 1.0),), tokens=(1, 3))], words=[])
    assert '<rect x="16" y="16" width="32" height="16"/>' in html


def test_very_many_tokens_are_told_and_not_drawn():
    html = passage([lane(tokens=(1000, 3))], words=[])
    assert "and 740 more" in html


def test_what_is_apart_stays_apart():
    assert 'class="vp-meet vp-apart"' in passage([lane(apart=True)], words=[])
    assert 'class="vp-meet vp-apart"' not in passage([lane()], words=[])


def test_words_are_text():
    html = passage([lane(title="<b>", note="<i>")], words=["<script>"])
    assert "<script>" not in html
    assert "&lt;b&gt;" in html


def test_without_a_model_there_is_nothing_to_watch():
    with pytest.raises(ValueError, match="at least one model"):
        passage([], words=["a"])
