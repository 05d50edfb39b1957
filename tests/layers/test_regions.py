import pytest
import torch

from vilt_core.layers.regions import (
    MeanRegionEmbedding,
    RegionEmbedding,
    box_numbers,
    region_fields,
    region_places,
)
from vilt_core.types import RegionBatch

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
    grid = torch.ones(1, 6, dtype=torch.bool)
    rows = [[row, column] for row in range(2) for column in range(3)]
    assert region_places(grid, columns=3).tolist() == [rows]
    assert region_places(mask[:, :0]).shape == (1, 0, 2)


@pytest.mark.parametrize(("columns", "grid"), [(None, (1, 6)), (3, (2, 3))])
def test_an_output_tells_where_its_regions_are(columns, grid):
    image = RegionBatch(
        features=torch.zeros(1, 6, 4),
        boxes=BOX.expand(1, 6, 4),
        mask=torch.ones(1, 6, dtype=torch.bool),
    )
    told = region_fields(image, columns=columns)
    assert told["grid"] == grid
    assert told["boxes"] is image.boxes
    assert told["image_mask"] is image.mask
    assert torch.equal(told["positions"], region_places(image.mask, columns=columns))


@pytest.mark.parametrize("apart", [False, True])
def test_the_formula(apart):
    part = RegionEmbedding(6, 8, box_numbers=5, apart=apart)
    features, kind = torch.randn(1, 1, 6), torch.randn(8)
    mine = part.features(features), part.boxes(box_numbers(BOX, count=5))
    if apart:
        mine = part.feature_norm(mine[0]), part.box_norm(mine[1])
    torch.testing.assert_close(part(features, BOX), part.norm(sum(mine)))
    torch.testing.assert_close(part(features, BOX, kind=kind), part.norm(sum(mine) + kind))


def test_the_mean_of_features_and_box():
    part = MeanRegionEmbedding(6, 8, box_numbers=4)
    torch.nn.init.normal_(part.mask_token)
    features, covered = torch.randn(1, 1, 6), torch.tensor([[True]])
    where = part.box_norm(part.boxes(BOX))
    seen = part.feature_norm(part.features(features))
    torch.testing.assert_close(part(features, BOX), (seen + where) / 2)
    hidden = part.feature_norm(part.features(part.mask_token))
    torch.testing.assert_close(part(features, BOX, covered=covered), (hidden + where) / 2)
