import pytest
import torch

from vilt_core.layers import PositionGrid, resize_grid


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
