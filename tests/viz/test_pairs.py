"""The pair method as it is drawn: both orders, and what changes between them."""

import re
from dataclasses import replace

import numpy as np
import pytest

from vilt_core.viz.pairs import Order, Reading, cosine, pair_method, stripes
from vilt_core.viz.palette import IMAGE, TEXT, rgb

PIXELS = np.zeros((8, 8, 3), np.uint8)


def reading(name, *numbers):
    return Reading(name=name, pixels=PIXELS, pooled=np.array(numbers))


GIVEN = Order(
    title="As they stand",
    first=reading("left", 1.0, 0.0),
    second=reading("right", 0.0, -1.0),
    probability=0.9,
    truth=True,
)
SWAPPED = Order(
    title="Swapped",
    first=reading("right", 0.0, -0.5),
    second=reading("left", 0.6, 0.8),
    probability=0.2,
    truth=True,
)


def drawn(given=GIVEN, swapped=SWAPPED, statement="both"):
    return pair_method(given, swapped, statement=statement, milliseconds=40.0)


def test_both_orders_read_each_picture_with_the_row_of_its_side():
    html = drawn()
    lanes = re.findall(r'class="vt-seen"[^>]*alt="(\w+)".*?<b>(type row \d)</b>', html)
    assert lanes == [
        ("left", "type row 1"),
        ("right", "type row 2"),
        ("right", "type row 1"),
        ("left", "type row 2"),
    ]
    assert html.count("= 4 numbers") == 2


@pytest.mark.parametrize(("truth", "told"), [(True, ", right"), (False, ", wrong"), (None, "")])
def test_a_line_tells_the_judgement(truth, told):
    (said,) = re.findall(r'data-said="([^"]*)"', drawn(replace(GIVEN, truth=truth)))
    assert said == f"P(true): 90.0 %{told}"


def test_verdicts_are_judged_by_the_truth_where_it_is_known():
    html = drawn()
    assert "✓ right: it is true" in html
    assert "✗ wrong: it is true" in html
    unknown = drawn(replace(GIVEN, truth=None), replace(SWAPPED, truth=None))
    assert "it is" not in unknown
    assert "true in one order" in drawn(GIVEN, replace(SWAPPED, truth=False))
    assert "the same in both orders" in html


def test_what_the_order_changes_is_told_of_one_picture():
    html = drawn()
    assert "<b>-70.0</b> points" in html
    cell = r'<td data-value="([\d.]+)">([\d.]+)</td>'
    rows = re.findall(rf"<th scope=row>(\w+)</th>{cell}{cell}", html)
    assert [row[::2] for row in rows] == [("left", "0.6000", "0.800"), ("right", "1.0000", "0.500")]
    for _, cosine_kept, cosine_shown, difference_kept, difference_shown in rows:
        assert f"{float(cosine_kept):.4f}" == cosine_shown
        assert f"{float(difference_kept):.3f}" == difference_shown


def test_stripes_are_orange_above_nought_and_blue_below():
    pixels = stripes(np.array([1.0, -0.5, 0.0, 3.0]))
    assert pixels.shape == (1, 4, 4)
    assert pixels[0, :, 3].tolist() == [255, 128, 0, 255]
    assert tuple(pixels[0, 0, :3]) == rgb(IMAGE)
    assert tuple(pixels[0, 1, :3]) == rgb(TEXT)


def test_cosines():
    assert cosine(np.array([1.0, 0.0]), np.array([0.0, 2.0])) == 0
    assert cosine(np.array([1.0, 1.0]), np.array([-2.0, -2.0])) == pytest.approx(-1)
    assert cosine(np.array([0.0, 0.0]), np.array([1.0, 0.0])) == 0


def test_a_statement_is_text():
    assert "<script>" not in drawn(statement="<script>")


def test_states_of_two_widths():
    with pytest.raises(ValueError, match="one width"):
        drawn(replace(GIVEN, first=reading("left", 1.0)))
