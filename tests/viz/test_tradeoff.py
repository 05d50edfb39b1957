"""Laws of the plot of accuracy against cost."""

from itertools import combinations

import pytest
from matplotlib.transforms import Bbox

from vilt_core.viz.tradeoff import Dot, tradeoff

SCORE = "questions"


def drawn(*places: tuple[float, float], baseline: float = 10.0):
    dots = [
        Dot(name=f"model-{at}", kind="abcd"[at % 4], cost=cost, scores={SCORE: score})
        for at, (cost, score) in enumerate(places)
    ]
    return tradeoff(dots, baselines={SCORE: baseline}, kinds={}, cost="GFLOPs", title="A test")


@pytest.mark.parametrize(
    "places",
    [
        ((0.5, 60.0), (0.52, 58.0), (0.3, 40.0), (1.0, 90.0)),  # two neighbours
        ((0.5, 10.0), (0.6, 10.5), (0.3, 9.0)),  # on the line of chance
        ((0.5, 50.0),),
    ],
)
def test_every_name_is_told_once_and_covers_no_other(places):
    figure = drawn(*places)
    (axes,) = figure.axes
    assert sorted(text.get_text() for text in axes.texts) == [
        f"model-{at}" for at in range(len(places))
    ]
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in axes.texts]
    for one, other in combinations(boxes, 2):
        assert Bbox.intersection(one, other) is None
    points = axes.transData.transform(places)
    assert not any(box.contains(*point) for box in boxes for point in points)


def test_the_axis_tells_plain_numbers():
    figure = drawn((0.3, 20.0), (1.0, 90.0))
    figure.draw_without_rendering()
    shown = {label.get_text() for label in figure.axes[0].get_xticklabels()}
    assert {"0.3", "0.5", "1"} <= shown


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="at least one model"):
        drawn()
    with pytest.raises(ValueError, match="above 0"):
        drawn((0.0, 50.0))
