"""Laws of the pictures on a page: what is turned begins where it was told to."""

from itertools import pairwise

import ipywidgets
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lesson import canvas, showing, turn
from lesson.drawing import framed_scores, pieces_in_colour, rankings


@pytest.fixture
def shown(monkeypatch):
    """What is put on the page, one bundle a picture."""
    found = []
    monkeypatch.setattr(showing, "display", lambda bundle, **_: found.append(bundle))
    return found


def turned(**controls):
    """The values with which a picture is drawn first."""
    values = {}

    def draw(**given):
        values.update(given)
        return canvas(1, 1)[0]

    turn(draw, "nothing", **controls)
    return values


def test_what_is_turned_begins_where_it_was_told_to(shown):
    names = {"fox": 3, "camel": 5}
    begun = turned(
        row=(2, 0, 7), share=(0.15, 0.0, 0.5, 0.05), word=(5, names), beta=(0.5, [1.0, 0.5])
    )
    assert begun == {"row": 2, "share": 0.15, "word": 5, "beta": 0.5}
    assert turned(own=ipywidgets.IntSlider(4, 0, 9)) == {"own": 4}
    assert [set(bundle) for bundle in shown] == [{"text/plain", "image/png", showing.WIDGET}] * 2


@pytest.mark.parametrize(
    ("given", "kind", "options"),
    [
        ((2, 0, 7), ipywidgets.IntSlider, {"min": 0, "max": 7, "step": 1}),
        ((40, 4, 120, 4), ipywidgets.IntSlider, {"min": 4, "max": 120, "step": 4}),
        ((0.1, 0.0, 0.5, 0.1), ipywidgets.FloatSlider, {"min": 0.0, "max": 0.5, "step": 0.1}),
        (("b", ["a", "b"]), ipywidgets.Dropdown, {"options": ("a", "b")}),
        ((1, {"a": 0, "b": 1}), ipywidgets.Dropdown, {"options": (("a", 0), ("b", 1))}),
    ],
)
def test_a_tuple_is_a_slider_or_a_list(given, kind, options):
    control = showing._control("name", given)
    assert isinstance(control, kind)
    assert (control.value, control.description) == (given[0], "name")
    assert {name: getattr(control, name) for name in options} == options


def test_what_is_no_control_is_told():
    with pytest.raises(ValueError, match=r"row is to be a widget, .* got 3"):
        turned(row=3)
    with pytest.raises(ValueError, match="got \\(1, 2\\)"):
        turned(row=(1, 2))


def test_a_canvas_has_one_axes_or_a_grid_of_them():
    figure, axes = canvas(3, 2)
    assert isinstance(figure, Figure)
    assert axes.figure is figure
    assert canvas(3, 2, 2)[1].shape == (2,)
    assert canvas(3, 2, 4, rows=2)[1].shape == (2, 4)


def test_pieces_go_on_in_a_new_line():
    figure = pieces_in_colour(["word"] * 40, [True] * 40, title="t")
    heights = {text.get_position()[1] for text in figure.axes[0].texts}
    assert len(heights) == 3


def test_pieces_stand_a_letter_apart_inside_the_figure():
    figure = pieces_in_colour(["a", "##longer", "[MASK]", ","] * 8, [False] * 32, title="t")
    drawn = FigureCanvasAgg(figure)
    drawn.draw()
    boxes = [text.get_window_extent(drawn.get_renderer()) for text in figure.axes[0].texts]
    letter = boxes[0].width
    gaps = [other.x0 - one.x1 for one, other in pairwise(boxes) if one.y0 == other.y0]
    assert len(gaps) > 20
    assert all(letter / 2 < gap < 2 * letter for gap in gaps)
    assert max(box.x1 for box in boxes) < figure.bbox.width


def test_frames_lie_around_what_is_told():
    import torch

    one = torch.zeros(2, 2, dtype=torch.bool)
    one[0, 1] = True
    figure = framed_scores(
        torch.rand(2, 2), of_sentences=one, of_pictures=~one, paid=one, title="t"
    )
    corners = [frame.get_center().round(6).tolist() for frame in figure.axes[0].patches]
    assert sorted(corners) == [[0, 0], [0, 1], [1, 0], [1, 1]]


def test_a_ranking_has_a_row_a_name():
    import numpy as np

    pixels = np.zeros((4, 4, 3), dtype=np.uint8)
    figure = rankings({"a": [(pixels, True)] * 7, "b": [(pixels, False)] * 2}, title="t")
    assert len(figure.axes) == 5 + 2
    assert [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()] == ["a", "b"]
