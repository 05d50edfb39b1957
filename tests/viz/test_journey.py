"""Figures of the tour show the numbers that they were given."""

import numpy as np
import pytest

from vilt_core.viz.journey import added_bars, joined_matrix, layer_curves, strips
from vilt_core.viz.positions import table_map

DRAW = np.random.default_rng(0)


def test_every_strip_has_its_length_and_its_numbers_at_hand():
    vectors = {"long": 100 * DRAW.normal(size=12), "short": 0.01 * DRAW.normal(size=12)}
    figure = strips(vectors)
    trace = figure.data[0]
    np.testing.assert_allclose(trace.customdata, np.stack(list(vectors.values())))
    said = [note.text for note in figure.layout.annotations]
    for (name, vector), text in zip(vectors.items(), said, strict=True):
        assert text == f"{name}; length {np.linalg.norm(vector):.3g}"
    # Neither is pale, and signs stay.
    assert np.abs(trace.z).max(axis=1).min() >= 1
    np.testing.assert_array_equal(np.sign(trace.z), np.sign(trace.customdata))
    assert trace.zmin == -trace.zmax


def test_strips_without_numbers_are_drawn_too():
    assert np.isfinite(strips({"nothing": np.zeros(5)}).data[0].z).all()
    with pytest.raises(ValueError, match="one length"):
        strips({"a": np.zeros(5), "b": np.zeros(4)})
    with pytest.raises(ValueError, match="one length"):
        strips({})


def test_the_matrix_is_all_there_with_a_mark_on_one_row():
    rows = DRAW.normal(size=(7, 5))
    names = [f"row {place}" for place in range(7)]
    figure = joined_matrix(rows, text_tokens=3, names=names, chosen=4)
    np.testing.assert_allclose(figure.data[0].z, rows, rtol=1e-6)
    marks = [shape for shape in figure.layout.shapes if shape.type == "rect"]
    assert [(mark.y0, mark.y1) for mark in marks] == [(3.5, 4.5)]
    edges = [(s.y0, s.y1) for s in figure.layout.shapes if s.type == "line"]
    assert edges == [(-0.5, 2.5), (2.5, 6.5)]
    assert figure.data[0].y[4] == "5. row 4"
    assert figure.layout.yaxis.type == "category"


@pytest.mark.parametrize(("names", "chosen"), [(["a"], 0), (["a", "b"], 2), (["a", "b"], -1)])
def test_rows_that_are_not_there(names, chosen):
    with pytest.raises(ValueError, match="expected 2 names and a row among them"):
        joined_matrix(np.zeros((2, 3)), text_tokens=1, names=names, chosen=chosen)


def test_curves_begin_where_they_are_told_and_the_reader_is_marked():
    figure = layer_curves({"a": [0.1, 0.4], "b": [0.3, 0.2]}, at=2, x="layer", y="cosine", first=1)
    assert [tuple(curve.x) for curve in figure.data] == [(1, 2), (1, 2)]
    assert [tuple(curve.y) for curve in figure.data] == [(0.1, 0.4), (0.3, 0.2)]
    assert figure.layout.shapes[0].x0 == figure.layout.shapes[0].x1 == 2
    assert len({curve.line.color for curve in figure.data}) == 2


def test_bars_count_layers_from_one():
    figure = added_bars(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    assert [tuple(bars.x) for bars in figure.data] == [(1, 2), (1, 2)]
    assert [tuple(bars.y) for bars in figure.data] == [(1.0, 2.0), (3.0, 4.0)]


def test_a_table_is_drawn_with_the_points_that_read_it():
    values, reads = DRAW.normal(size=(3, 4)), np.array([[0.0, 0.0], [2.0, 1.5]])
    figure = table_map(values, title="a table", top=2.0, reads=reads)
    np.testing.assert_allclose(figure.data[0].z, values, rtol=1e-6)
    assert (figure.data[0].zmin, figure.data[0].zmax) == (-2.0, 2.0)
    assert list(zip(figure.data[1].y, figure.data[1].x, strict=True)) == [(0.0, 0.0), (2.0, 1.5)]
    assert list(figure.data[0].customdata[2][3]) == [3, 4]  # told from one
    np.testing.assert_array_equal(figure.data[1].customdata, 1 + reads)
    assert len(table_map(values, title="", top=1.0).data) == 1


def test_a_table_to_be_measured_names_its_axes_and_tells_what_a_colour_is():
    plain = table_map(DRAW.normal(size=(3, 4)), title="", top=1.0)
    told = table_map(DRAW.normal(size=(3, 4)), title="", top=1.0, measured=True)
    for figure, there in ((plain, False), (told, True)):
        assert figure.data[0].showscale is there
        assert (figure.layout.xaxis.visible, figure.layout.yaxis.visible) == (there, there)
    assert (told.layout.xaxis.title.text, told.layout.yaxis.title.text) == ("column", "row")
    assert told.layout.yaxis.range[0] > told.layout.yaxis.range[1]  # row 0 on top
    assert plain.layout.width is None  # of a page that gives it its place
