"""The checkers of notebook 1: patches, places, pieces."""

from typing import Any

import numpy as np

from lesson.checking import Off, close, exercise, number, run, shaped


@exercise("01.1")
def vectors(answer: Any) -> str:
    """The length of the list."""
    found = number(answer)
    if found in (251, 250, 249):
        raise Off(f"You miss {252 - found:.0f}: think of [CLS], [SEP] and the picture's own class.")
    if found == 240:
        raise Off("Those are the patches. The words and the special tokens are in the list too.")
    if found > 1000:
        raise Off("The list holds patches, not pixels: how many squares of 32 fit in 384 x 640?")
    if found != 252:
        raise Off("Count patches (rows x columns), their class, the pieces, [CLS] and [SEP].")
    return "12 x 20 patches and their class, 9 pieces and 2 special tokens."


@exercise("01.2")
def patch_of(answer: Any) -> str:
    """From a pixel to its patch, on a grid that is not square."""

    def ask(y: int, x: int) -> int:
        found = number(run(lambda: answer(y, x, side=16, columns=5)))
        if not np.isfinite(found) or found != int(found):
            raise Off(f"The number of a patch is whole; of pixel ({y}, {x}) yours is {found:.4g}.")
        return int(found)

    if ask(0, 0) != 0:
        raise Off("The pixel (0, 0) lies in patch 0.")
    if ask(0, 17) == 5 or ask(17, 0) == 1:
        raise Off("Rows and columns are exchanged: one step down skips a whole row of patches.")
    for y, x in ((0, 17), (17, 0), (15, 15), (16, 16), (47, 79)):
        truth = (y // 16) * 5 + x // 16
        if (given := ask(y, x)) != truth:
            raise Off(f"With side 16 and 5 columns, pixel ({y}, {x}) is in {truth}, not {given}.")
    return "Row times columns plus column."


@exercise("01.3")
def joined(answer: Any) -> str:
    """Tiles back to their picture."""
    picture = np.random.default_rng(0).integers(0, 256, (6, 8, 3)).astype(float)
    tiles = picture.reshape(3, 2, 4, 2, 3).swapaxes(1, 2)
    found = shaped(run(answer, tiles), picture.shape, what="the picture")
    if close(found, tiles.reshape(picture.shape)):
        raise Off(
            "The shape is right, but the lines of different tiles are mixed: swap axes first."
        )
    if not close(found, picture):
        raise Off("Every tile must come back to its own row and column.")
    return "Cutting and joining lose nothing."


@exercise("01.4")
def stretched_row(answer: Any) -> str:
    """A row of three on five places."""
    found = shaped(answer, (5,), what="the row")
    if close(found, [0, 0, 3, 3, 6]) or close(found, [0, 3, 3, 6, 6]):
        raise Off("Those are the nearest neighbours: go in straight lines between the values.")
    if not close(found, [0, 1.5, 3, 4.5, 6]):
        raise Off("The corners keep their values, 0 and 6; between them go in equal steps.")
    return "Every second value is learned, the others lie half way."


@exercise("01.5")
def parameters(answer: Any) -> str:
    """The size of the patch projection."""
    found = number(answer)
    if found == 32 * 32 * 3 * 768:
        raise Off("Nearly: each of the 768 outputs has a bias, too.")
    if found in (32 * 32 * 768, 32 * 32 * 768 + 768):
        raise Off("A pixel has three colours.")
    if found != 2_360_064:
        raise Off("One weight for every input and output, and one bias for every output.")
    return "2,360,064: the paper's 2.4 million, where a ResNet-50 has 25."
