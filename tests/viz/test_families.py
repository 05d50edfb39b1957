"""Every bar and box is as long as the number it stands for."""

import numpy as np
import pytest

from vilt_core.viz.families import PARTS, Parts, proportions, stacked_costs
from vilt_core.viz.growth import growth_curves
from vilt_core.viz.palette import BOTH, IMAGE_DEEP, TEXT, rgb
from vilt_core.viz.timeline import Paper, timeline

MODELS = [
    Parts(name="one", kind="b", visual=30.0, text=20.0, interaction=0.0),
    Parts(name="two", kind="c", visual=8.0, text=0.0, interaction=2.0, paper=900.0),
    Parts(name="three", kind="d", visual=1.0, text=0.0, interaction=19.0, paper=15.0),
]
KINDS = {"a": "VE > TE > MI", "b": "VE = TE > MI", "c": "VE > MI > TE", "d": "MI > VE = TE"}


def bars(figure):
    return [trace for trace in figure.data if trace.type == "bar"]


def says(figure):
    return " ".join(note.text for note in figure.layout.annotations)


def test_stacked_bars_are_the_numbers_and_the_papers_stand_apart():
    figure = stacked_costs(MODELS, unit="ms", here="here", paper="there")
    *here, paper = bars(figure)
    for bar, part in zip(here, PARTS, strict=True):
        assert list(bar.x) == [getattr(model, part) for model in MODELS]
        assert bar.xaxis == "x"
    assert list(paper.x) == [0, 900, 15]
    assert paper.xaxis == "x2"
    assert figure.layout.yaxis.autorange == "reversed"


def test_what_the_paper_lacks_is_said_and_numbers_are_about():
    figure = stacked_costs(MODELS, unit="ms", here="here", paper="there")
    texts = [
        [text.strip() for text in trace.text] for trace in figure.data if trace.type == "scatter"
    ]
    assert texts == [["50 ms", "10 ms", "20 ms"], ["not in it", "~900 ms", "~15 ms"]]
    exact = stacked_costs(MODELS, unit="GFLOPs", here="here", paper="there")
    assert "  900 GFLOPs" in exact.data[-1].text


def test_boxes_are_as_high_as_their_shares_and_interaction_lies_on_the_embeddings():
    visual, text, meeting = bars(proportions(MODELS, kinds=KINDS, unit="ms"))
    for place, model in enumerate(MODELS):
        heights = [bar.y[place] for bar in (visual, text, meeting)]
        assert heights == [model.visual / model.total, model.text / model.total,
                           model.interaction / model.total]  # fmt: skip
        assert sum(heights) == pytest.approx(1)
        assert meeting.base[place] > max(heights[:2])
    assert [bar.marker.color for bar in (visual, text, meeting)] == [IMAGE_DEEP, TEXT, BOTH]


def luminance(color):
    """Relative, as WCAG 2.2 defines it."""
    levels = np.array(rgb(color)) / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def test_white_words_can_be_read_on_every_box():
    figure = proportions(MODELS, kinds=KINDS, unit="ms")
    assert any(note.font.color == "white" for note in figure.layout.annotations)
    for box in bars(figure):
        assert 1.05 / (luminance(box.marker.color) + 0.05) >= 4.5


def test_kinds_that_nobody_is_of_are_not_drawn():
    text = says(proportions(MODELS, kinds=KINDS, unit="ms"))
    assert "(a)" not in text
    assert all(f"({kind})" in text for kind in "bcd")


@pytest.mark.parametrize("draw", [stacked_costs, proportions])
def test_without_models_there_is_no_figure(draw):
    settings = {"here": "a", "paper": "b"} if draw is stacked_costs else {"kinds": KINDS}
    with pytest.raises(ValueError, match="at least one model"):
        draw([], unit="ms", **settings)


def test_growth_is_what_was_measured_and_flops_end_where_time_does():
    taken, computed = np.array([1.0, 2.0, 8.0]), np.array([1.0, 3.0, 6.0])
    figure = growth_curves(
        [10, 30, 60],
        taken,
        computed,
        sides=[32, 64],
        side_milliseconds=taken[:2],
        side_gflops=computed[:2],
    )
    steps, measured = figure.data[:2]
    assert list(measured.y) == [1, 2, 8]
    np.testing.assert_allclose(steps.y, [8 / 6, 4, 8])
    assert figure.layout.shapes[0].x1 == 300
    assert "take" not in says(figure)  # of lengths that were not measured nothing is said


def test_how_much_longer_a_long_sequence_takes_here_is_said_beside_what_the_paper_says():
    taken = np.array([2.0, 5.0, 9.0])
    none = np.zeros(0)
    figure = growth_curves(
        [20, 300, 400], taken, taken, sides=[], side_milliseconds=none, side_gflops=none
    )
    assert "here 300 take 2.5 times as long as 20" in says(figure)


def test_growth_may_have_no_points_yet():
    none = np.zeros(0)
    figure = growth_curves([], none, none, sides=[], side_milliseconds=none, side_gflops=none)
    assert figure.data == ()


def paper(title, **changes):
    settings = {"date": "2020-01-01", "sees": "grid", "milliseconds": 100.0, "here": True}
    return Paper(title=title, says="somebody", **{**settings, **changes})


def test_papers_have_places_of_their_own_in_the_lanes_of_what_they_see():
    papers = [
        paper("late"),
        paper("early", date="2019-01-01"),
        paper("first", sees="regions", milliseconds=900.0),
        paper("last", sees="patches", here=False, milliseconds=None),
    ]
    figure = timeline(papers)
    levels = {
        title: y
        for trace in figure.data
        for (title, *_), y in zip(trace.customdata, trace.y, strict=True)
    }
    assert sorted(levels, key=lambda title: levels[title]) == ["first", "early", "late", "last"]
    assert len(set(levels.values())) == 4
    sizes = dict(
        zip((c[0] for c in figure.data[0].customdata), figure.data[0].marker.size, strict=True)
    )
    assert sizes["first"] > sizes["late"]
    assert "not in the paper's Table 6" in figure.data[1].customdata[0][2]


def test_a_paper_that_sees_otherwise_is_refused():
    with pytest.raises(ValueError, match=r"\['strange'\] do not"):
        timeline([paper("strange", sees="voxels")])
