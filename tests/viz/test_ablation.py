"""Every seed is drawn where it belongs, and what was not run is not made up."""

import io

import pytest
from matplotlib.colors import to_hex

from vilt_core.viz.ablation import Dots, seed_dots
from vilt_core.viz.palette import IMAGE

ARMS = {"100": [40.0, 42.0, 47.0], "200": [60.0], "200 WWM": []}
PANELS = [
    Dots(title="questions", rows=ARMS, baseline=36.0),
    Dots(title="pointing", rows={"100": [90.0], "200": [80.0], "200 WWM": []}, baseline=12.0),
]


def drawn(axes, marker):
    return [line for line in axes.lines if line.get_marker() == marker]


def numbers(axes):
    return [text.get_text() for text in axes.texts]


def test_a_row_has_a_dot_a_seed_and_a_bar_at_their_mean():
    axes = seed_dots(PANELS, title="two").axes[0]
    dots = {line.get_ydata()[0]: sorted(line.get_xdata()) for line in drawn(axes, "o")}
    bars = {line.get_ydata()[0]: line.get_xdata()[0] for line in drawn(axes, "|")}
    assert dots == {0: [40, 42, 47], 1: [60]}
    assert bars == {0: 43, 1: 60}
    assert numbers(axes) == ["43.0", "60.0", "not run"]
    assert [label.get_text() for label in axes.get_yticklabels()] == list(ARMS)


def test_equal_seeds_lie_side_by_side():
    rows = {"100": [71.0, 60.0, 71.0, 71.0], "200": [50.0, 50.0]}
    axes = seed_dots([Dots(title="equal", rows=rows, baseline=36.0)], title="").axes[0]
    for row, line in enumerate(drawn(axes, "o")):
        dots = list(zip(line.get_xdata(), line.get_ydata(), strict=True))
        assert len(set(dots)) == len(dots)
        assert [value for value, _ in dots] == list(rows.values())[row]
        assert abs(sum(height for _, height in dots) / len(dots) - row) < 1e-9
        assert all(abs(height - row) < 0.3 for _, height in dots)


def test_the_first_arm_is_on_top_and_all_that_is_drawn_is_in_sight():
    for axes, panel in zip(seed_dots(PANELS, title="two").axes, PANELS, strict=True):
        low, high = axes.get_xlim()
        bottom, top = axes.get_ylim()
        assert top < 0 < 2 < bottom
        for value in (panel.baseline, *(one for row in panel.rows.values() for one in row)):
            assert low < value < high


def test_the_baseline_is_a_line_from_top_to_bottom():
    for axes, panel in zip(seed_dots(PANELS, title="two").axes, PANELS, strict=True):
        upright = [list(line.get_xdata()) for line in axes.lines if line.get_ydata()[0] == 0]
        assert [panel.baseline] * 2 in upright


def test_the_best_mean_stands_out_in_every_panel():
    for axes, best in zip(seed_dots(PANELS, title="two").axes, (60, 90), strict=True):
        loud = [bar for bar in drawn(axes, "|") if to_hex(bar.get_color()) == IMAGE]
        assert [bar.get_xdata()[0] for bar in loud] == [best]


@pytest.mark.parametrize("count", [1, 4, 7])
def test_the_marks_are_explained_once_however_many_panels_there_are(count):
    figure = seed_dots([PANELS[0]] * count, title="some")
    legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes if axes.get_legend())]
    assert [text.get_text() for legend in legends for text in legend.get_texts()] == [
        "a seed",
        "mean of the seeds, percent",
        "without looking, or by chance",
    ]
    assert [axes.get_title(loc="left") for axes in figure.axes][:count] == ["questions"] * count


def test_measures_of_other_arms_do_not_share_a_figure():
    other = Dots(title="pairs", rows={"100": [1.0]}, baseline=0.0)
    with pytest.raises(ValueError, match=r"must have the arms .*\['pairs'\] have others"):
        seed_dots([PANELS[0], other], title="two")
    with pytest.raises(ValueError, match="at least one measure"):
        seed_dots([], title="none")


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_it_can_be_saved(kind):
    file = io.BytesIO()
    seed_dots(PANELS, title="two").savefig(file, format=kind)
    assert len(file.getvalue()) > 1000
