import re

import pytest

from vilt_core.viz.meter import duration, search_meter

REACH = ((1, 0.2), (4, 0.5), (16, 0.9), (64, 1.0))


def meter(**settings):
    given = {
        "shortlist": 16,
        "gallery": 1000,
        "forwards": 16,
        "milliseconds": {"FAISS": 1.2, "<ViLT>": 150.0},
        "everything": {1_000_000: 9375.0, 1000: 9.375},
        "reach": REACH,
    }
    return search_meter(**(given | settings))


def test_a_query_stands_beside_everything():
    text = re.sub("<[^>]+>", " ", meter())
    for said in ("this query, 16 of 1,000", "151 ms", "9.4 s", "2.6 h", "&lt;ViLT&gt; 150 ms"):
        assert said in text
    assert text.index("everything, 1,000 ") < text.index("everything, 1,000,000")


def test_the_curve_has_a_point_a_length_and_a_mark_at_k():
    found = meter()
    points = re.search(r'points="([^"]+)"', found).group(1).split()
    assert len(points) == len(REACH)
    heights = [float(point.split(",")[1]) for point in points]
    assert heights == sorted(heights, reverse=True)
    mark = re.search(r'<circle cx="([\d.]+)" cy="([\d.]+)"', found).groups()
    assert ",".join(mark) == points[2]
    assert "about 90 %" in found


def test_a_length_between_two_lies_between_them():
    height = float(re.search(r'cy="([\d.]+)"', meter(shortlist=8)).group(1))
    ends = [float(re.search(r'cy="([\d.]+)"', meter(shortlist=k)).group(1)) for k in (4, 16)]
    assert height == pytest.approx(sum(ends) / 2, abs=0.1)


def test_what_nobody_knows_is_not_drawn():
    assert "<svg" not in meter(reach=())


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.24, "240 ms"),
        (7.8, "7.8 s"),
        (186.0, "3.1 min"),
        (7920.0, "2.2 h"),
        (432_000.0, "5.0 days"),
    ],
)
def test_durations_are_read_by_people(seconds, said):
    assert duration(seconds) == said
