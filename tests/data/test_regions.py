"""Laws of hiding regions: how many, which, and never padding."""

import pytest
import torch
from torchvision.ops import box_iou

from vilt_core.data.regions import hide_cells, hide_regions, hide_square, overlaps


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def boxes(images: int, count: int) -> torch.Tensor:
    corners = torch.rand(images, count, 2, 2, generator=seeded(1)).sort(dim=2).values
    return corners.flatten(2)


MANY = torch.ones(400, 50, dtype=torch.bool)
SOME = torch.arange(9) < torch.tensor([9, 4, 1, 0])[:, None]
WAYS = {
    "regions": lambda mask, generator: hide_regions(
        mask, generator=generator, shown=0.1, boxes=boxes(*mask.shape)
    ),
    "cells": lambda mask, generator: hide_cells(mask, generator=generator),
}


def test_uniter_asks_and_hides_a_share():
    hidden = hide_regions(MANY, generator=seeded())
    assert float(hidden.asked.float().mean()) == pytest.approx(0.15, abs=0.01)
    assert torch.equal(hidden.asked, hidden.covered)


def test_vilbert_shows_a_tenth_of_what_it_asks():
    hidden = hide_regions(MANY, generator=seeded(), shown=0.1)
    assert not (hidden.covered & ~hidden.asked).any()
    assert float(hidden.asked.float().mean()) == pytest.approx(0.15, abs=0.01)
    assert float(hidden.covered[hidden.asked].float().mean()) == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_at_least_one_where_there_is_any_and_never_padding(way):
    for seed in range(20):
        hidden = way(SOME, seeded(seed))
        assert hidden.asked.any(dim=1).tolist() == [True, True, True, False]
        assert not (hidden.asked | hidden.covered)[~SOME].any()


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_the_same_generator_hides_the_same(way):
    one, other = (way(MANY, seeded(3)) for _ in range(2))
    assert torch.equal(one.asked, other.asked)
    assert torch.equal(one.covered, other.covered)
    assert not torch.equal(one.asked, way(MANY, seeded(4)).asked)


def test_no_regions_at_all():
    nothing = torch.ones(2, 0, dtype=torch.bool)
    hidden = hide_regions(nothing, generator=seeded(), boxes=torch.zeros(2, 0, 4))
    assert hidden.asked.shape == hidden.covered.shape == (2, 0)


def test_overlaps_are_torchvisions():
    places = boxes(3, 8)
    for found, image in zip(overlaps(places), places, strict=True):
        torch.testing.assert_close(found, box_iou(image, image))
    assert (overlaps(torch.zeros(1, 2, 4)) == 0).all()


def test_what_overlaps_a_hidden_region_is_hidden_unasked():
    """Two boxes that share three fifths, one that shares a third, one far away."""
    places = torch.tensor(
        [[0.0, 0.0, 0.4, 0.4], [0.1, 0.0, 0.5, 0.4], [0.0, 0.2, 0.4, 0.6], [0.8, 0.8, 1.0, 1.0]]
    )[None]
    mask = torch.ones(1, 4, dtype=torch.bool)
    near = {0: [0, 1], 1: [0, 1], 2: [2], 3: [3]}
    found = set()
    for seed in range(40):
        hidden = hide_regions(mask, generator=seeded(seed), rate=0.0, boxes=places)
        (only,) = hidden.asked[0].nonzero().flatten().tolist()
        assert hidden.covered[0].nonzero().flatten().tolist() == near[only]
        found.add(only)
    assert found == {0, 1, 2, 3}


def test_what_is_shown_stays_shown():
    places = torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(400, 50, 4)  # all overlap
    hidden = hide_regions(MANY, generator=seeded(), shown=0.1, boxes=places)
    shown = hidden.asked & ~hidden.covered
    assert float(shown.sum() / hidden.asked.sum()) == pytest.approx(0.1, abs=0.02)
    some = hidden.covered.any(dim=1)  # where one is hidden, whatever else there is is too
    assert torch.equal(~hidden.covered[some], shown[some])


def test_x_lxmert_hides_any_number_each_as_likely():
    hidden = hide_cells(torch.ones(8000, 8, dtype=torch.bool), generator=seeded())
    assert torch.equal(hidden.asked, hidden.covered)
    shares = hidden.asked.sum(dim=1).bincount(minlength=9) / 8000
    assert shares[0] == 0
    torch.testing.assert_close(shares[1:], torch.full((8,), 1 / 8), atol=0.02, rtol=0)
    every = hidden.asked.float().mean(dim=0)  # no cell oftener than another: 4.5 of 8
    torch.testing.assert_close(every, torch.full((8,), 4.5 / 8), atol=0.02, rtol=0)


def test_squares_are_squares_of_any_side():
    rows, columns = 4, 6
    mask = torch.ones(4000, rows * columns, dtype=torch.bool)
    hidden = hide_square(mask, columns=columns, generator=seeded())
    grid = hidden.covered.unflatten(1, (rows, columns))
    heights, widths = grid.any(dim=2).sum(dim=1), grid.any(dim=1).sum(dim=1)
    assert torch.equal(heights, widths)
    assert torch.equal(heights * widths, hidden.asked.sum(dim=1))
    shares = heights.bincount(minlength=5)[1:] / 4000
    torch.testing.assert_close(shares, torch.full((4,), 1 / 4), atol=0.03, rtol=0)
    corners = grid[heights == 1].flatten(1).float().mean(dim=0)  # one cell: anywhere
    torch.testing.assert_close(corners, torch.full((24,), 1 / 24), atol=0.03, rtol=0)


def test_a_square_needs_rows():
    with pytest.raises(ValueError, match="cells must fill rows of 4, got 6"):
        hide_square(torch.ones(1, 6, dtype=torch.bool), columns=4, generator=seeded())
