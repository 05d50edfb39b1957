"""The checkers of notebook 10: retrieval and its price."""

from typing import Any

import numpy as np

from lesson.checking import Off, close, exercise, number, run

_COSINES = np.array(
    [
        [0.9, 0.8, 0.1, 0.3, 0.2],
        [0.7, 0.6, 0.9, 0.1, 0.2],
        [0.8, 0.9, 0.2, 0.7, 0.1],
        [0.1, 0.3, 0.2, 0.8, 0.4],
        [0.4, 0.9, 0.3, 0.2, 0.5],
    ]
)
_SCORES = np.array(
    [
        [0.2, 0.9, 0.1, 0.3, 0.1],
        [0.1, 0.9, 0.3, 0.8, 0.2],
        [0.1, 0.2, 0.9, 0.3, 0.1],
        [0.9, 0.1, 0.2, 0.8, 0.1],
        [0.3, 0.2, 0.7, 0.1, 0.8],
    ]
)


@exercise("10.1")
def two_stages(answer: Any) -> str:
    """A shortlist and its judge, against the usual mistakes."""
    given = _COSINES.copy(), _SCORES.copy()
    truth = [_judged(K) for K in range(1, 6)]
    found = [number(run(answer, *given, K)) for K in range(1, 6)]
    if not np.array_equal(given[0], _COSINES) or not np.array_equal(given[1], _SCORES):
        raise Off("You changed the numbers themselves: work on copies.")
    if close(found, [100 * share for share in truth]):
        raise Off("As a share between 0 and 1.")
    if close(found, [5 * share for share in truth]):
        raise Off("That is how many sentences; divide by their number.")
    if close(found, [truth[-1]] * 5):
        raise Off("K has no effect: ViLT judges the whole gallery here.")
    if close(found, [truth[0]] * 5):
        raise Off("That is the dual encoder's first: ViLT's scores do not decide.")
    if close(found, [_reached(K) for K in range(1, 6)]):
        raise Off("That is whether the picture is on the shortlist, not whether ViLT has it first.")
    if close(found, [_judged(K, back=False) for K in range(1, 6)]):
        raise Off("argmax counts within the shortlist: which picture of the gallery is that?")
    if close(found, [_judged(K, farthest=True) for K in range(1, 6)]):
        raise Off("You sort upwards: those are the K farthest.")
    if not close(found, truth):
        raise Off(f"At K = 1 to 5 it is {truth} here, yours {np.round(found, 3).tolist()}.")
    return "One stage decides what can be found, the other what is."


def _judged(K: int, *, back: bool = True, farthest: bool = False) -> float:
    right = 0
    for row, (near, scores) in enumerate(zip(_COSINES, _SCORES, strict=True)):
        short = np.argsort(near if farthest else -near)[:K]
        best = scores[short].argmax()
        right += int((short[best] if back else best) == row)
    return right / len(_COSINES)


def _reached(K: int) -> float:
    near = np.argsort(-_COSINES, axis=1)[:, :K]
    return float(np.mean([row in near[row] for row in range(len(near))]))


@exercise("10.2")
def milliseconds(answer: Any) -> str:
    """What a pair cost on COCO."""
    found = number(answer)
    truth = 35 * 3600 * 1000 * 8 / 125e6
    if close(found, truth / 8, tolerance=0.01):
        raise Off("Eight GPUs worked all that time: multiply by 8.")
    if close(found, truth / 64, tolerance=0.01):
        raise Off("Eight GPUs take eight times the GPU time: multiply by 8, do not divide.")
    if close(found, truth / 1000, tolerance=0.01):
        raise Off("Those are seconds; in milliseconds.")
    if found > 1000:
        raise Off("How many pairs are there? Every picture with every sentence.")
    if not close(found, truth, tolerance=0.01):
        raise Off("35 hours in milliseconds, times 8 GPUs, over 5,000 x 25,000 pairs.")
    return "About 8: not the runs are dear, their number is."


@exercise("10.3")
def shortest(answer: Any) -> str:
    """The smallest shortlist that reaches enough, and its usual mistakes."""
    places = [0, 0, 3, 1, 9, 0, 2, 0, 1, 30]
    asked = {0.4: 1, 0.6: 2, 0.65: 3, 0.8: 4, 0.9: 10, 1.0: 31}
    found = {wanted: number(run(answer, list(places), wanted)) for wanted in asked}
    if all(found[wanted] == K - 1 for wanted, K in asked.items()):
        raise Off("Off by one: places count from 0, so place 3 is on a shortlist of 4.")
    if all(found[wanted] == K + 1 for wanted, K in asked.items()):
        raise Off("One too long: a smaller K does as well.")
    if found[0.6] == 3:
        raise Off('"At least": with K = 2 exactly 60 % are reached, and that is enough.')
    for wanted, K in asked.items():
        if found[wanted] != K:
            raise Off(f"For {wanted:.0%} of {places} K must be {K}, yours is {found[wanted]:g}.")
    return "The last sentences are the dear ones: from 90 to 100 % K goes from 10 to 31."


@exercise("10.4")
def gigabytes(answer: Any) -> str:
    """The size of an index."""
    found = number(answer)
    if close(found, 5.12):
        raise Off("Each number takes 4 bytes.")
    if close(found, 20_480):
        raise Off("Those are megabytes.")
    if close(found, 20.48e9):
        raise Off("Those are bytes.")
    if close(found, 8 * 20.48):
        raise Off("Those are gigabits; bytes are asked for.")
    if close(found, 2.048):
        raise Off("Ten million, not one.")
    if close(found, 19.07, tolerance=1e-3):
        raise Off("Those are units of 2^30 bytes; 10^9 bytes are asked for.")
    if not close(found, 20.48, tolerance=0.025):
        raise Off("Pictures x numbers x 4 bytes, over 10^9.")
    return "20 gigabytes: one machine holds them."
