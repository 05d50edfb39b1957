"""Laws of the grid embedding: a cell is the largest of its 2 x 2, mapped, and knows its place."""

import pytest
import torch
from einops import rearrange
from torch.nn.functional import max_pool2d

from vilt_core.layers.cnn import GridCnn
from vilt_core.layers.grid import GridEmbedding
from vilt_core.layers.init import initialise

SIZES = [(64, 96), (48, 40), (64, 96), (17, 96)]  # not all of whole cells


@pytest.fixture
def part() -> GridEmbedding:
    torch.manual_seed(0)
    cnn = GridCnn(depths=(1, 1), widths=(8, 12), bottleneck=False, stages=2)
    embedding = GridEmbedding(cnn, 16)
    initialise(embedding)
    for parameter in embedding.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return embedding.eval()


@pytest.fixture
def canvas() -> tuple[torch.Tensor, torch.Tensor]:
    pixels = torch.randn(len(SIZES), 3, 64, 96, generator=torch.Generator().manual_seed(1))
    mask = torch.zeros(len(SIZES), 64, 96, dtype=torch.bool)
    for row, (height, width) in enumerate(SIZES):
        mask[row, :height, :width] = True
    return pixels, mask


@torch.no_grad()
def test_the_formula(part, canvas):
    pixels, _ = canvas
    cells = max_pool2d(part.cnn(pixels), 2)  # even sides: nothing to round
    expected = rearrange(cells, "b c r q -> b (r q) c") @ part.projection.weight.T
    out = part(pixels)
    torch.testing.assert_close(out.tokens, expected + part.projection.bias)
    assert out.grid == (4, 6)
    assert out.mask.all()
    row, column = out.positions[0].unbind(dim=-1)
    assert torch.equal(6 * row + column, torch.arange(24))


@torch.no_grad()
def test_an_image_in_a_padded_batch_is_the_image_alone(part, canvas):
    pixels, mask = canvas
    together = part(pixels, mask=mask)
    for row, (height, width) in enumerate(SIZES):
        alone = part(pixels[row : row + 1, :, :height, :width])
        assert alone.grid == (-(-height // part.stride), -(-width // part.stride))
        real = together.mask[row]
        torch.testing.assert_close(together.tokens[row][real], alone.tokens[0])
        assert torch.equal(together.positions[row][real], alone.positions[0])
        assert (together.positions[row][~real] == -1).all()


@torch.no_grad()
def test_a_padded_batch_is_as_long_as_its_longest_image(part, canvas):
    pixels, mask = canvas
    assert part(pixels[1:2], mask=mask[1:2]).tokens.shape == (1, 3 * 3, 16)


def test_every_pixel_counts_at_odd_sides_too(part):
    pixels = torch.randn(1, 3, 40, 24, requires_grad=True)  # a grid of 5 x 3 before it is pooled
    part(pixels).tokens.square().sum().backward()
    assert pixels.grad is not None
    bottom, right = pixels.grad[:, :, 32:], pixels.grad[:, :, :, 16:]
    assert bottom.abs().sum() > 0
    assert right.abs().sum() > 0
