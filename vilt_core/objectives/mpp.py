"""Masked patch prediction (the ablation of section 4.5): which colour had the patch on average?

What differs from the 2021 code: its training crashes for want of the mask token; it cuts the mean
off where this rounds, so that a patch of one colour may be labelled one level too dark.
"""

from einops import reduce
from jaxtyping import Float, Int
from torch import Tensor

from vilt_core.objectives.mlm import mlm

LEVELS = 256  # classes of each channel


def patch_colours(
    pixels: Float[Tensor, "b 3 height width"], patch_size: int
) -> Int[Tensor, "b n 3"]:
    """The mean red, green and blue of every patch, as levels 0 to 255, in raster order.

    Args:
        pixels: pictures in [-1, 1], as a mean and a deviation of 0.5 make them.
        patch_size: side of a patch, pixels.

    Raises:
        ValueError: sides that are no multiples of the patch.
    """
    height, width = pixels.shape[2:]
    if height % patch_size or width % patch_size:
        raise ValueError(
            f"image height and width must be multiples of {patch_size}, got {height} x {width}"
        )
    patches = "b c (rows p) (columns q) -> b (rows columns) c"
    means = reduce(pixels.float(), patches, "mean", p=patch_size, q=patch_size)
    return ((means + 1) / 2 * (LEVELS - 1)).round().clamp(0, LEVELS - 1).long()


def mpp(logits: Float[Tensor, "*m 3 256"], labels: Int[Tensor, "*m 3"]) -> Float[Tensor, ""]:
    """Mean cross-entropy over the channels of the patches asked about; 0 where there is none.

    Args:
        logits: scores of the levels of red, green and blue.
        labels: the true levels, ``IGNORED`` where nothing is asked.
    """
    return mlm(logits, labels)
