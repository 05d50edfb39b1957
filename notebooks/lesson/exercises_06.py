"""The checkers of notebook 6: explanations and their tests."""

from functools import lru_cache
from typing import Any

import numpy as np

from lesson.checking import Off, close, exercise, number, run, shaped, yes_or_no

_QUESTION, _ANSWER = "what is above the camel?", "fox"


@exercise("06.1")
def occlusion(answer: Any) -> str:
    """Occlusion against one computed patch by patch, on one picture."""
    pixels, falls, whole = _occluded()
    given = pixels.copy()
    found = shaped(run(answer, given, _QUESTION, _ANSWER), (8, 8), what="the heatmap")
    if not np.array_equal(given, pixels):
        raise Off("You painted on the picture itself: each patch is covered on a fresh copy.")

    def alike(other: np.ndarray) -> bool:
        return close(found, other, tolerance=2e-3)

    if alike(whole - falls):
        raise Off("Those are the probabilities that are left; how much did they fall?")
    if alike(-falls):
        raise Off("The sign: hot is where the probability falls, before minus after.")
    if alike(falls.T):
        raise Off("Rows and columns are exchanged: patch 8 is the first of the second row.")
    if not alike(falls):
        raise Off("For every patch: p(answer) of the whole picture, minus p with it painted over.")
    return "No theory needed: the model itself was asked 65 times."


@lru_cache(maxsize=1)
def _occluded() -> tuple[np.ndarray, np.ndarray, float]:
    """The picture, how much each patch is worth, and the probability of the whole."""
    import vilt_core
    from vilt_core.world.rendering import paint
    from vilt_core.world.scenes import scene

    model = vilt_core.load("vilt-mini")
    pixels = paint(scene(0, 7, split="test"), 128).pixels
    ink = pixels.reshape(-1, 3).mean(axis=0).round().astype(np.uint8)

    def chance(image: np.ndarray) -> float:
        said = model.answer(image, _QUESTION, top_k=len(model.answers))
        return next(one.probability for one in said if one.text == _ANSWER)

    whole, falls = chance(pixels), np.zeros((8, 8))
    for row, column in np.ndindex(8, 8):
        covered = pixels.copy()
        covered[16 * row : 16 * row + 16, 16 * column : 16 * column + 16] = ink
        falls[row, column] = whole - chance(covered)
    return pixels, falls, whole


@exercise("06.2")
def area(answer: Any) -> str:
    """The trapezoid rule on steps of unequal length."""
    curve, steps = np.array([1.0, 0.5, 0.2, 0.0]), [0, 8, 32, 64]
    widths = np.diff(steps) / 64
    found = number(run(answer, curve.copy(), list(steps)))
    truth = float(((curve[:-1] + curve[1:]) / 2 * widths).sum())
    if close(found, 64 * truth):
        raise Off("Scale the axis to run from 0 to 1: divide the steps by 64.")
    if close(found, float(curve.mean())):
        raise Off("A mean takes all steps to be equally long; here they are 8, 24 and 32.")
    if close(found, float((curve[:-1] * widths).sum())) or close(
        found, float((curve[1:] * widths).sum())
    ):
        raise Off("Those are steps of a stair: go straight from point to point (trapezoids).")
    if close(found, -truth):
        raise Off("The sign: np.trapezoid takes the heights first, then the axis.")
    if not close(found, truth):
        raise Off(f"Of {curve.tolist()} after {steps} it is {truth:.4f}, yours {found:.4f}.")
    return "0 falls at once, 1 never."


@exercise("06.3")
def points(answer: Any) -> str:
    """The pointing game on a grid that is not square."""
    corner = (0.5, 0.0, 1.0, 0.25)  # top right

    def ask(spot: tuple[int, int], box: tuple[float, ...]) -> bool:
        heat = np.zeros((4, 6))
        heat[spot] = 1
        return yes_or_no(run(answer, heat, box))

    spots = {"in": (0, 4), "out": (3, 1), "left": (0, 1), "edge": (1, 5)}
    said = {name: ask(spot, corner) for name, spot in spots.items()}
    if not said["in"] and said["out"] and said["left"]:
        raise Off("The other way round: True where the patch lies in the box.")
    if not said["in"]:
        raise Off("Row 0, column 4 of 4 x 6 lies in the top right. Do columns go with x?")
    if said["out"] or said["left"]:
        raise Off("A patch outside the box counts as inside: check x and y, both ends.")
    if said["edge"]:
        raise Off("Row 1 of 4 has its centre at y = 0.375: below this box. Use centres.")
    inner = (0.25, 0.3, 0.6, 0.8)  # with room on every side
    if not ask((1, 2), inner):
        raise Off(f"Row 1, column 2 of 4 x 6 lies in the box {inner}, and yours says no.")
    around = {"left of": (1, 0), "right of": (1, 4), "above": (0, 2), "below": (3, 2)}
    if wrong := [side for side, spot in around.items() if ask(spot, inner)]:
        raise Off(f"A patch {wrong[0]} the box counts as inside: check x and y, both ends.")
    return "Columns go with x, rows with y."


@exercise("06.4")
def arrived(answer: Any) -> str:
    """Rollout of two blocks by hand."""
    found = number(answer)
    if close(found, 0.2):
        raise Off("Half of a block's map is the token itself: 0.5 I + 0.5 A.")
    if close(found, 0.05):
        raise Off("In block 1 the map is 0.5 I + 0.5 I = I: nothing is halved there.")
    if close(found, 0):
        raise Off("The second block mixes the patch in.")
    if not close(found, 0.1):
        raise Off("Multiply (0.5 I + 0.5 A2) (0.5 I + 0.5 A1), with A1 = I.")
    return "Half of 0.2."
