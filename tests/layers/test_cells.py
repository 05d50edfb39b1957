"""Laws of grids of pictures of several sizes."""

import pytest
import torch

from vilt_core.layers.cells import read_grids
from vilt_core.layers.cnn import GridCnn
from vilt_core.layers.init import initialise

SIZES = [(64, 96), (48, 40), (64, 96), (33, 96)]  # not all of whole cells


@pytest.fixture
def cnn() -> GridCnn:
    torch.manual_seed(0)
    network = GridCnn(depths=(1, 1, 1), widths=(8, 12, 20), bottleneck=False, stages=3)
    initialise(network)
    for parameter in network.parameters():  # biases too
        parameter.data += 0.1 * torch.randn_like(parameter)
    return network.eval()


@pytest.fixture
def canvas() -> tuple[torch.Tensor, torch.Tensor]:
    pixels = torch.randn(len(SIZES), 3, 64, 96, generator=torch.Generator().manual_seed(1))
    mask = torch.zeros(len(SIZES), 64, 96, dtype=torch.bool)
    for row, (height, width) in enumerate(SIZES):
        mask[row, :height, :width] = True
    return pixels, mask


@torch.no_grad()
def test_every_picture_is_read_as_if_alone(cnn, canvas):
    pixels, mask = canvas
    grid, real = read_grids(cnn, pixels, mask=mask)
    assert grid.shape == (4, cnn.width, 4, 6)
    for row, (height, width) in enumerate(SIZES):
        alone = cnn(pixels[row : row + 1, :, :height, :width])[0]
        rows, columns = alone.shape[1:]
        torch.testing.assert_close(grid[row, :, :rows, :columns], alone)
        expected = torch.zeros(4, 6, dtype=torch.bool)
        expected[:rows, :columns] = True
        assert torch.equal(real[row], expected)
        assert not grid[row][:, ~real[row]].any()


@torch.no_grad()
def test_without_a_mask_all_is_real(cnn, canvas):
    pixels, mask = canvas
    grid, real = read_grids(cnn, pixels)
    assert real.all()
    torch.testing.assert_close(grid, read_grids(cnn, pixels, mask=torch.ones_like(mask))[0])


def test_gradients_reach_real_pixels_alone(cnn, canvas):
    pixels, mask = canvas
    pixels.requires_grad_()
    read_grids(cnn, pixels, mask=mask)[0].square().sum().backward()
    reached = pixels.grad.abs().sum(dim=1) > 0
    assert not reached[~mask].any()
    assert reached[mask].float().mean() > 0.5


def test_a_picture_without_pixels_is_refused(cnn, canvas):
    pixels, mask = canvas
    mask[2] = False
    with pytest.raises(ValueError, match="every image must have real pixels"):
        read_grids(cnn, pixels, mask=mask)
