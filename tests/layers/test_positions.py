import pytest
import torch

from vilt_core.layers import PositionGrid, resize_grid
from vilt_core.layers.positions import sines


def grid():
    part = PositionGrid(4, 8)
    torch.nn.init.normal_(part.table, generator=torch.Generator().manual_seed(0))
    return part


def test_same_size_is_the_table_itself():
    part = grid()
    assert part(4, 4) is part.table


def test_corners_stay_corners():
    table = torch.randn(4, 4, 8)
    resized = resize_grid(table, rows=7, columns=3)
    for corner in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        torch.testing.assert_close(resized[corner], table[corner])


@pytest.mark.parametrize(("rows", "columns"), [(7, 3), (2, 9), (4, 5)])
def test_a_plane_stays_the_same_plane(rows, columns):
    def plane(r, c):
        return (torch.linspace(0, 3, r)[:, None] - 2 * torch.linspace(0, 3, c))[..., None]

    resized = resize_grid(plane(4, 4), rows=rows, columns=columns)
    torch.testing.assert_close(resized, plane(rows, columns))


def test_one_row_is_the_first_row():
    table = torch.randn(4, 4, 8)
    torch.testing.assert_close(resize_grid(table, rows=1, columns=4), table[:1])


def test_gradient_reaches_the_table_through_a_resize():
    part = grid()
    part(7, 3).sum().backward()
    torch.testing.assert_close(part.table.grad.sum(), torch.tensor(7.0 * 3 * 8))


def test_follows_a_fused_optimiser():
    part = grid()
    optimiser = torch.optim.AdamW(part.parameters(), lr=0.1, fused=True)
    with torch.no_grad():
        before = part(7, 3)
    part(7, 3).sum().backward()
    optimiser.step()
    with torch.no_grad():
        assert not torch.equal(part(7, 3), before)


@pytest.mark.parametrize(("rows", "columns"), [(7, 3), (1, 9), (12, 19), (4, 1)])
def test_equals_torch(rows, columns):
    table = torch.randn(4, 5, 8)
    reference = torch.nn.functional.interpolate(
        table.permute(2, 0, 1)[None], size=(rows, columns), mode="bilinear", align_corners=True
    )
    resized = resize_grid(table, rows=rows, columns=columns)
    torch.testing.assert_close(resized, reference[0].permute(1, 2, 0))


def test_each_image_gets_its_own_size():
    part, sizes = grid(), ((7, 3), (2, 9), (4, 4), (1, 1))
    rows, columns = torch.tensor(sizes).unbind(dim=1)
    own = part.own(rows, columns, grid=(7, 9))
    assert own.shape == (4, 7, 9, 8)
    for table, (r, c) in zip(own, sizes, strict=True):
        torch.testing.assert_close(table[:r, :c], part(r, c))
        assert not table[r:].any()
        assert not table[:, c:].any()


def test_a_size_first_met_without_gradients_can_be_trained():
    part = grid()
    with torch.inference_mode():
        part(5, 11)
    part(5, 11).sum().backward()
    torch.testing.assert_close(part.table.grad.sum(), torch.tensor(5.0 * 11 * 8))


@pytest.mark.parametrize(("side", "width"), [(8, 192), (12, 768), (4, 30), (1, 8)])
def test_waves_have_mean_zero_and_size_one(side, width):
    table = sines(side, width)
    assert table.shape == (side, side, width)
    if side > 1:
        torch.testing.assert_close(table.mean(dim=(0, 1)), torch.zeros(width), atol=1e-5, rtol=0)
        torch.testing.assert_close(table.square().mean(), torch.tensor(1.0))
    assert table.isfinite().all()


def test_waves_tell_rows_and_columns_to_whoever_reads_them_linearly():
    """One linear map finds the place, and neighbours are nearer than strangers."""
    side = 8
    table = sines(side, 64).reshape(side * side, 64)
    places = torch.cartesian_prod(torch.arange(side), torch.arange(side)).float()
    read = torch.linalg.lstsq(table.double(), (places - places.mean(0)).double()).solution
    torch.testing.assert_close(table.double() @ read, (places - places.mean(0)).double())
    from_corner = torch.cdist(table[:1], table)[0].reshape(side, side).diagonal()
    assert (from_corner[1] < from_corner[2:]).all()
