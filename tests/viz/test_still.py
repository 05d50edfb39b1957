import numpy as np
import plotly.graph_objects as go
import pytest
from matplotlib.colors import to_hex

from vilt_core.viz.curves import trace_curves
from vilt_core.viz.families import Parts, proportions, stacked_costs
from vilt_core.viz.journey import joined_matrix, layer_curves
from vilt_core.viz.palette import IMAGE, TEXT
from vilt_core.viz.plan import plan_matrix
from vilt_core.viz.positions import table_map
from vilt_core.viz.sheet import sheet
from vilt_core.viz.still import still


def test_a_plan_keeps_its_numbers_and_its_words():
    plan = np.random.default_rng(0).random((2, 6))
    drawn = still(plan_matrix(plan, words=["fox", "camel"], grid=(2, 3), title="a plan"))
    axes = drawn.axes[0]
    np.testing.assert_array_equal(axes.images[0].get_array(), plan)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["1. fox", "2. camel"]
    assert axes.yaxis_inverted()
    assert drawn.get_suptitle() == "a plan"


def test_curves_keep_their_panels_their_scales_and_the_optimum():
    numbers = [np.random.default_rng(seed).random(5) for seed in range(4)]
    drawn = still(trace_curves(*numbers, iterations=range(1, 6), optimum=0.25))
    cost, errors, entropy = drawn.axes
    assert [len(axes.lines) for axes in drawn.axes] == [2, 2, 1]
    np.testing.assert_allclose(cost.lines[0].get_ydata(), numbers[0])
    assert list(cost.lines[1].get_ydata()) == [0.25, 0.25]
    np.testing.assert_allclose(entropy.lines[0].get_ydata(), numbers[3])
    assert errors.get_yscale() == "log"
    assert cost.get_yscale() == "linear"
    assert cost.get_title() == "transport cost"
    assert cost.get_xlabel() == "iteration"


@pytest.mark.parametrize("orientation", ["h", "v"])
def test_bars_have_their_lengths(orientation):
    names, shares = ["fox", "cat"], [0.75, 0.25]
    across, up = (shares, names) if orientation == "h" else (names, shares)
    drawn = still(go.Figure(go.Bar(x=across, y=up, orientation=orientation)))
    sizes = [
        patch.get_width() if orientation == "h" else patch.get_height()
        for patch in drawn.axes[0].patches
    ]
    assert sizes == shares


def test_bars_of_several_traces_stand_side_by_side_unless_laid_over_one_another():
    figure = go.Figure([go.Bar(x=["a", "b"], y=[1, 2], name=name) for name in ("one", "two")])
    (axes,) = still(figure).axes
    starts = sorted(patch.get_x() for patch in axes.patches)
    assert starts == pytest.approx([-0.4, 0.0, 0.6, 1.0])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["one", "two"]
    figure.update_layout(barmode="overlay")
    assert sorted(patch.get_x() for patch in still(figure).axes[0].patches) == [
        -0.4,
        -0.4,
        0.6,
        0.6,
    ]


def test_bars_stand_on_one_another_where_they_are_stacked():
    figure = go.Figure([go.Bar(x=["a", "b"], y=[1, 2]), go.Bar(x=["b", "a"], y=[3, 4])])
    figure.update_layout(barmode="stack")
    patches = still(figure).axes[0].patches
    assert [(round(p.get_x() + 0.4), p.get_y(), p.get_height()) for p in patches] == [
        (0, 0, 1),
        (1, 0, 2),
        (1, 2, 3),
        (0, 1, 4),
    ]


MODELS = [
    Parts(name="One", kind="a", visual=6.0, text=2.0, interaction=2.0),
    Parts(name="Two & a half", kind="d", visual=1.0, text=1.0, interaction=3.0, paper=15.0),
]


def test_the_costs_keep_their_panels_their_sums_and_their_words():
    drawn = still(stacked_costs(MODELS, unit="ms", here="here", paper="there"))
    left, right = drawn.axes
    widths = [patch.get_width() for patch in left.patches]
    assert widths == [6, 1, 2, 1, 2, 3]
    assert max(patch.get_x() + patch.get_width() for patch in left.patches) == 10
    assert (left.get_title(), right.get_title()) == ("here", "there")
    assert left.get_xlim() == pytest.approx((0, 13))
    assert left.yaxis_inverted()
    assert next(label.get_text() for label in left.get_yticklabels()) == "(a)  One "
    assert not right.yaxis.get_tick_params()["labelleft"]
    assert [text.get_text() for text in left.texts] == ["  10 ms", "  5 ms"]
    assert [text.get_text() for text in right.texts] == ["  not in it", "  ~15 ms"]
    assert right.texts[1].get_position() == (15.0, 1)
    (legend,) = drawn.legends
    assert next(text.get_text() for text in legend.get_texts()) == "visual embedding"
    ratios = left.get_subplotspec().get_gridspec().get_width_ratios()
    assert ratios[0] / ratios[1] == pytest.approx(0.62 / 0.38)


def test_the_proportions_keep_their_places_bases_and_notes():
    drawn = still(proportions(MODELS, kinds={"a": "VE > MI", "d": "MI > VE"}, unit="ms"))
    (axes,) = drawn.axes
    boxes = [(p.get_x() + p.get_width() / 2, p.get_y(), p.get_height()) for p in axes.patches]
    assert boxes[0] == pytest.approx((-0.2, 0, 0.6))
    assert boxes[4] == pytest.approx((0, 0.63, 0.2))  # the interaction stands on the larger one
    said = {text.get_text(): text for text in axes.texts}
    assert said["VE\n60%"].get_position() == pytest.approx((-0.2, 0.3))
    assert "(a)\nVE > MI" in said
    assert len(axes.lines) == 2  # over the kinds
    assert [label.get_text() for label in axes.get_xticklabels()] == ["One", "Two\n& a half"]
    assert not axes.yaxis.get_visible()


def test_ranges_and_ticks_are_kept():
    figure = go.Figure(go.Scatter(x=[1, 2, 32], y=[0.5, 0.6, 0.7]))
    figure.update_yaxes(range=[0, 1])
    figure.update_xaxes(type="log", tickvals=[1, 32], range=[-1, 2])  # powers of ten
    (axes,) = still(figure).axes
    assert axes.get_ylim() == (0, 1)
    assert axes.get_xscale() == "log"
    assert axes.get_xlim() == pytest.approx((0.1, 100))
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "32"]


def test_points_have_their_names_beside_them():
    named = {"mode": "markers+text", "text": ["fox", "cat"], "textposition": "middle left"}
    (axes,) = still(go.Figure(go.Scatter(x=[0, 1], y=[2, 3], **named))).axes
    assert len(axes.lines) == 1
    assert [(text.get_text(), text.get_position()) for text in axes.texts] == [
        ("fox", (0, 2)),
        ("cat", (1, 3)),
    ]
    assert axes.texts[0].get_horizontalalignment() == "right"


def test_markers_lines_and_plotly_colours():
    figure = go.Figure(go.Scatter(x=[0, 1], y=[2, 3], mode="markers", marker={"color": "#ff0000"}))
    (line,) = still(figure).axes[0].lines
    assert line.get_linestyle() == "None"
    assert line.get_color() == "#ff0000"
    heat = go.Figure(go.Heatmap(z=[[0.0, 1.0]], colorscale="Oranges"))
    colors = still(heat).axes[0].images[0].get_cmap()
    assert colors(1.0)[:3] == pytest.approx((127 / 255, 39 / 255, 4 / 255), abs=0.01)


def test_a_joint_matrix_keeps_its_edges_its_frame_and_its_two_kinds_of_rows():
    names = [f"row {place}" for place in range(7)]
    drawn = still(joined_matrix(np.eye(7), text_tokens=3, names=names, chosen=4))
    axes = drawn.axes[0]
    assert [list(line.get_ydata()) for line in axes.lines] == [[-0.5, 2.5], [2.5, 6.5]]
    assert [to_hex(line.get_color()) for line in axes.lines] == [TEXT, IMAGE]
    (frame,) = axes.patches
    assert (frame.get_y(), frame.get_height(), frame.get_fill()) == (3.5, 1.0, False)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["words", "patches"]


def test_where_the_reader_stands_is_an_upright_line_and_shares_are_percent():
    figure = layer_curves({"one": [0.1, 0.5, 0.9]}, at=2, x="layer", y="share", percent=True)
    drawn = still(figure)
    axes = drawn.axes[0]
    assert list(axes.lines[1].get_xdata()) == [2, 2]
    assert list(axes.lines[1].get_ydata()) == [0, 1]  # of the height
    drawn.canvas.draw()
    assert "80%" in [label.get_text() for label in axes.get_yticklabels()]


def test_a_map_has_square_cells():
    drawn = still(table_map(np.eye(4), title="a table", top=1.0))
    assert drawn.axes[0].get_aspect() == 1


def test_the_bar_of_a_map_with_square_cells_stands_beside_it():
    drawn = still(table_map(np.eye(4), title="a table", top=1.0, measured=True))
    drawn.draw_without_rendering()
    [cells] = drawn.axes
    [bar] = cells.child_axes
    edge, begins = cells.get_window_extent().x1, bar.get_window_extent().x0
    assert 0 < begins - edge < 0.1 * drawn.bbox.width
    assert bar.get_ylabel() == "value"
    assert cells.get_window_extent().x0 > 0.2 * drawn.bbox.width  # in the middle of the page


def test_what_it_cannot_draw_is_named():
    with pytest.raises(ValueError, match="got a pie"):
        still(go.Figure(go.Pie(values=[1])))


def test_a_sheet_holds_its_pictures():
    pictures = [np.full((4, 6, 3), shade, dtype=np.uint8) for shade in range(5)]
    drawn = sheet(pictures, titles=list("abcde"), columns=2)
    assert [axes.get_title() for axes in drawn.axes] == list("abcde")
    assert all((axes.images[0].get_array() == k).all() for k, axes in enumerate(drawn.axes))
    rows = drawn.axes[0].get_subplotspec().get_gridspec().nrows
    assert rows == 3
    with pytest.raises(ValueError, match="got 1 for 5"):
        sheet(pictures, titles=["a"])
