import pytest
import torch

from vilt_core.layers.regions import RegionEmbedding, box_numbers, region_places

BOX = torch.tensor([[[0.25, 0.5, 0.75, 1.0]]])


def test_numbers_of_a_box():
    assert box_numbers(BOX, count=4).tolist() == BOX.tolist()
    assert box_numbers(BOX, count=5)[0, 0].tolist() == [0.25, 0.5, 0.75, 1.0, 0.25]
    assert box_numbers(BOX, count=7)[0, 0].tolist() == [0.25, 0.5, 0.75, 1.0, 0.5, 0.5, 0.25]
    with pytest.raises(ValueError, match="a box has 4, 5 or 7 numbers, got 6"):
        box_numbers(BOX, count=6)


def test_places_of_regions():
    mask = torch.tensor([[True, True, False]])
    assert region_places(mask).tolist() == [[[0, 0], [0, 1], [-1, -1]]]


@pytest.mark.parametrize("apart", [False, True])
def test_the_formula(apart):
    part = RegionEmbedding(6, 8, box_numbers=5, apart=apart)
    features, kind = torch.randn(1, 1, 6), torch.randn(8)
    mine = part.features(features), part.boxes(box_numbers(BOX, count=5))
    if apart:
        mine = part.feature_norm(mine[0]), part.box_norm(mine[1])
    torch.testing.assert_close(part(features, BOX), part.norm(sum(mine)))
    torch.testing.assert_close(part(features, BOX, kind=kind), part.norm(sum(mine) + kind))
