import io

import pytest
from matplotlib.colors import to_hex

from vilt_core.viz.palette import IMAGE
from vilt_core.viz.scores import method_bars

SCORES = {
    "Pointing": {"IPOT": 0.9, "attention": 0.5, "chance": 0.1},
    "Mass": {"IPOT": 0.3, "attention": 0.4},
}


def test_bars_are_the_scores():
    figure = method_bars(SCORES, title="a model")
    for axes, (measure, scores) in zip(figure.axes, SCORES.items(), strict=True):
        methods = [method for method in scores if method != "chance"]
        assert axes.get_title() == measure
        assert [label.get_text() for label in axes.get_xticklabels()] == methods
        assert [bar.get_height() for bar in axes.patches] == [100 * scores[m] for m in methods]


def test_chance_is_a_line_where_it_is_known():
    known, unknown = method_bars(SCORES, title="a model").axes
    assert [list(line.get_ydata()) for line in known.lines] == [[10, 10]]
    assert "chance 10.0 %" in known.get_xlabel()
    assert not unknown.lines


def test_the_best_stands_out():
    for axes, best in zip(method_bars(SCORES, title="a model").axes, (0, 1), strict=True):
        colors = [to_hex(bar.get_facecolor()) for bar in axes.patches]
        assert colors[best] == IMAGE
        assert colors.count(IMAGE) == 1


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_it_can_be_saved(kind):
    file = io.BytesIO()
    method_bars(SCORES, title="a model").savefig(file, format=kind)
    assert len(file.getvalue()) > 1000
