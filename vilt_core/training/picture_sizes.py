"""How large the pictures of data are, by a sample of them, and at what size they are best read.

The published rule holds the longer side at 1333 / 800 of the size (``fitted_size``), so that a wide
or tall picture is read smaller than others: at size 128, 400 x 100 becomes 208 x 48.
"""

import math
from collections.abc import Sequence
from contextlib import suppress
from statistics import fmean, median

from PIL import Image

from vilt_core.data.examples import DataSet, Examples, pictures_of
from vilt_core.data.image import LONGEST_OVER_SHORTEST, fitted_size
from vilt_core.data.sequences import Spread

Size = tuple[int, int]  # width and height, pixels

LEAST_GRID = 6  # patches a side that small pictures are enlarged to
WELL_BELOW = 3 / 4  # of a model's size: what the shorter side of wide pictures may shrink to
MOST_PATCHES = 1.5  # of those of the model's own square: what wide pictures may take
LARGEST = 2  # times the model's own size, however wide pictures are
_MEASURED = 50  # pictures that are looked at before a training


def spread(examples: Examples) -> Sequence[int]:
    """Places of some examples, from all over them."""
    return Spread(range(len(examples)), _MEASURED)


def first_picture(examples: Examples, place: int) -> Image.Image:
    """The picture of an example, or the first of two.

    Raises:
        ValueError: missing or damaged.
        OSError: a shard is gone.
    """
    return pictures_of(examples[place])[0].open()


def sampled_sizes(data: DataSet) -> list[Size]:
    """The sizes of pictures from all over the data, of those that can be read."""
    found: list[Size] = []
    for place in spread(data.examples):
        with suppress(ValueError):
            found.append(first_picture(data.examples, place).size)
    return found


def typical(sizes: Sequence[Size]) -> Size:
    """Of some sizes the one of middle shape: as many are more square as are wider or taller."""
    return sorted(sizes, key=lambda one: (max(one) / min(one), one))[len(sizes) // 2]


def size_for(sizes: Sequence[Size], *, own: int, patch_size: int) -> int:
    """The size at which a model reads pictures: its own, but for small ones and for wide ones.

    Where all are at most half as large it is theirs. To enlarge small pictures adds patches and no
    detail, but what is small in them is then no smaller than what the model knows: of SHAPES'
    pictures of 30 pixels it learns at 6 patches a side what it does not at 4 (docs/your-data.md).
    These are the least; four times as many take three times as long.

    Where most are so wide or tall that they would be read well below the model's size, it is
    larger: as far as their own pixels and ``MOST_PATCHES`` go.

    Args:
        sizes: of pictures from all over the data.
        own: size of the model, pixels.
        patch_size: side of a patch, pixels.
    """
    largest = max((_unchanged(one) for one in sizes), default=own)
    if 2 * largest <= own:
        return min(max(math.ceil(largest / patch_size), LEAST_GRID) * patch_size, own)
    size, shorter = own, [min(one) for one in _fitted(sizes, own, patch_size)]
    if shorter and median(shorter) < WELL_BELOW * own:
        most = MOST_PATCHES * (own // patch_size) ** 2
        while size < LARGEST * own and _have_room(sizes, size + patch_size, patch_size, most=most):
            size += patch_size
    return size


def _unchanged(size: Size) -> float:
    """The size at which a picture is read with its own pixels, neither enlarged nor reduced."""
    return max(float(min(size)), max(size) / LONGEST_OVER_SHORTEST)


def _fitted(sizes: Sequence[Size], size: int, patch_size: int) -> list[Size]:
    return [fitted_size(*one, size=size, patch_size=patch_size) for one in sizes]


def _have_room(sizes: Sequence[Size], size: int, patch_size: int, *, most: float) -> bool:
    """Whether pictures take no more patches on average, and most of them are not enlarged."""
    fitted = _fitted(sizes, size, patch_size)
    patches = fmean(width * height / patch_size**2 for width, height in fitted)
    enlarged = median(max(now) / max(then) for now, then in zip(fitted, sizes, strict=True))
    return patches <= most and enlarged <= 1


def as_read(sizes: Sequence[Size], *, size: int, patch_size: int) -> str:
    """How a typical picture is read where its shorter side is not ``size``; nothing otherwise."""
    if not sizes:
        return ""
    width, height = one = typical(sizes)
    columns, rows = (side // patch_size for side in _fitted([one], size, patch_size)[0])
    if min(columns, rows) * patch_size == size:
        return ""
    return (
        f"At most {int(LONGEST_OVER_SHORTEST * size)} on their longer side: {width} x {height} is "
        f"read at {columns * patch_size} x {rows * patch_size}, {rows * columns} patches."
    )
