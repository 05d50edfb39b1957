"""Grids of pictures of several sizes, each as the CNN makes it of the picture alone."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vilt_core.layers.cnn import GridCnn


def read_grids(
    cnn: GridCnn,
    pixels: Float[Tensor, "b 3 height width"],
    *,
    mask: Bool[Tensor, "b height width"] | None = None,
) -> tuple[Float[Tensor, "b c rows columns"], Bool[Tensor, "b rows columns"]]:
    """Features of every cell of the padded canvas, 0 in padding, and which cells are real.

    A convolution's window reaches over the border of a picture, and what it finds there must be its
    own zeros, whatever pads the batch: so pictures of one size are read together and those of
    another apart. A batch norm that is training then sees one size at a time.

    Args:
        cnn: The network.
        pixels: Pictures in [-1, 1], padded at the bottom and the right.
        mask: True on real pixels; None says that all of them are, and is faster. A cell is real
            when its top left pixel is.

    Raises:
        ValueError: A mask of another shape, or an image has no real pixel.
    """
    if mask is None:
        grid = cnn(pixels)
        return grid, grid.new_ones(grid[:, 0].shape, dtype=torch.bool)
    b, _, *sides = pixels.shape
    if mask.shape != (b, *sides):
        raise ValueError(f"image mask must have shape {(b, *sides)}, got {tuple(mask.shape)}")
    real = mask[:, :: cnn.stride, :: cnn.stride]
    grid = pixels.new_zeros(b, cnn.width, *real.shape[1:])
    sizes = torch.stack([mask[:, :, 0].sum(dim=1), mask[:, 0].sum(dim=1)], dim=1)
    for height, width in sizes.unique(dim=0).tolist():
        if not height * width:
            raise ValueError("every image must have real pixels from its top left corner, got none")
        alike = (sizes[:, 0] == height) & (sizes[:, 1] == width)
        own = cnn(pixels[alike, :, :height, :width]).to(grid.dtype)
        grid[alike, :, : own.shape[2], : own.shape[3]] = own
    return grid, real
