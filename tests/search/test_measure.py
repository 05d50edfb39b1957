import numpy as np
import pytest
import torch

from vilt_core.evaluation.galleries import world_gallery
from vilt_core.evaluation.inference import evaluating
from vilt_core.evaluation.recall import recalls
from vilt_core.evaluation.retrieval import gallery_scores, truth
from vilt_core.evaluation.scoring import judge_of
from vilt_core.evaluation.tables import fill
from vilt_core.search.albums import album_of
from vilt_core.search.index import index_of
from vilt_core.search.measure import (
    MARK,
    measure_shortlists,
    reach,
    recalls_within,
    shortlist_markdown,
)

SCENES = 20


@pytest.fixture(scope="module")
def index(encoder):
    return index_of(album_of(f"world:test:{SCENES}"), encoder)


@pytest.fixture(scope="module")
def found(index, encoder, judge):
    return measure_shortlists(
        index, encoder=encoder, judge=judge, queries=SCENES, shortlists=(1, 3, 8, SCENES)
    )


def test_a_shortlist_of_the_whole_gallery_recalls_what_scoring_everything_does(found, vilt):
    gallery = world_gallery("test", SCENES)
    with evaluating(vilt.model):
        scores = gallery_scores(vilt, gallery, judge=judge_of(vilt.model)[1])
    expected = recalls(scores, truth(gallery))["text_to_image"]
    last = found["rows"][-1]
    assert last["shortlist"] == last["forwards"] == SCENES
    assert last["reached"] == 1
    assert {name: last[name] for name in expected} == pytest.approx(expected)


def test_recall_within_all_is_recall(index):
    draw = torch.Generator().manual_seed(0)
    scores = torch.randn(30, 40, generator=draw).round(decimals=1)  # with ties
    right = torch.rand(30, 40, generator=draw) < 0.05
    right[:, 7] = True
    ours = recalls_within(scores, right, shortlist=40)
    theirs = recalls(scores.T, right.T)["text_to_image"]
    assert {name: ours[name] for name in theirs} == pytest.approx(theirs)


def test_nothing_beyond_the_shortlist_is_found():
    scores, right = torch.tensor([[0.1, 0.2, 0.9]]), torch.tensor([[False, False, True]])
    for shortlist, hit in ((1, 0), (2, 0), (3, 1)):
        found = recalls_within(scores, right, shortlist=shortlist)
        assert set(found.values()) == {hit}


def test_recall_is_never_more_than_what_the_shortlist_reaches(found):
    reached = [row["reached"] for row in found["rows"]]
    assert reached == sorted(reached)
    for row in found["rows"]:
        assert row["r1"] <= row["r5"] <= row["r10"] <= row["reached"]
        assert row["forwards"] == row["shortlist"]
        assert row["milliseconds"] > 0
    assert found["everything"]["forwards"] == 1_000_000
    assert found["everything"]["seconds"] > 0


def test_the_reach_is_what_the_measure_reaches(index, encoder, found):
    quick = reach(index, encoder=encoder, shortlists=(1, 3, 8, SCENES))
    assert quick == tuple((row["shortlist"], row["reached"]) for row in found["rows"])


def test_the_page_says_all_of_it(found, tmp_path):
    page = shortlist_markdown(found, command="python -m vilt_core search x --measure 20")
    assert len([line for line in page.splitlines() if line.startswith("|")]) == 2 + 4 + 1
    path = tmp_path / "page.md"
    path.write_text(f"Before.\n<!-- {MARK} -->\nold\n<!-- /{MARK} -->\nAfter.\n")
    assert fill(path, MARK, page)
    text = path.read_text()
    assert text.startswith("Before.")
    assert text.endswith("After.\n")
    assert "old" not in text
    assert page in text
    assert not fill(path, "other", page)


def test_files_have_no_truth_and_are_refused(tmp_path, encoder, judge, index):
    from PIL import Image

    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(tmp_path / "a.png")
    files = index_of(album_of(tmp_path), encoder)
    with pytest.raises(ValueError, match="scenes of the world"):
        measure_shortlists(files, encoder=encoder, judge=judge)
    with pytest.raises(ValueError, match="queries must lie in 1 to 20, got 21"):
        measure_shortlists(index, encoder=encoder, judge=judge, queries=21)
