"""The checkers of notebook 10: retrieval and its price."""

from typing import Any

import numpy as np

from lesson.checking import Off, close, exercise, number, run

# So that every mistake below gives other shares than the right answer and than the other mistakes.
_COSINES = np.array(
    [
        [0.08, 0.88, 0.28, 0.04, 0.12],
        [0.36, 0.84, 0.96, 0.40, 0.56],
        [0.32, 0.80, 0.92, 0.24, 0.16],
        [0.52, 0.20, 1.00, 0.64, 0.72],
        [0.48, 0.60, 0.68, 0.44, 0.76],
    ]
)
_SCORES = np.array(
    [
        [0.96, 0.72, 0.04, 0.24, 0.80],
        [0.40, 0.92, 0.08, 0.68, 0.36],
        [0.28, 0.52, 0.88, 0.76, 0.64],
        [0.32, 0.44, 0.48, 0.60, 0.56],
        [0.16, 0.20, 0.12, 1.00, 0.84],
    ]
)
_LENGTHS = range(1, 6)  # of the shortlist


@exercise("10.1")
def two_stages(answer: Any) -> str:
    """A shortlist and its judge, against the usual mistakes."""
    given = _COSINES.copy(), _SCORES.copy()
    truth = _judged()
    found = [number(run(answer, *given, K)) for K in _LENGTHS]
    if not np.array_equal(given[0], _COSINES) or not np.array_equal(given[1], _SCORES):
        raise Off("You changed the numbers themselves: work on copies.")
    if close(found, [100 * share for share in truth]):
        raise Off("As a share between 0 and 1.")
    if close(found, [5 * share for share in truth]):
        raise Off("That is how many sentences; divide by their number.")
    if close(found, [truth[-1]] * 5):
        raise Off("K has no effect: is it the whole gallery that ViLT judges?")
    if close(found, [truth[0]] * 5):
        raise Off("That is the dual encoder's first: ViLT's scores do not decide.")
    if close(found, _reached()):
        raise Off("That is whether the picture is on the shortlist, not whether ViLT has it first.")
    if close(found, _reached(first=True)):
        raise Off("ViLT's favourite of the whole gallery: of the shortlist it may be another.")
    if close(found, _judged(back=False)):
        raise Off("argmax counts within the shortlist: which picture of the gallery is that?")
    if close(found, _judged(-_COSINES)):
        raise Off("You sort upwards: those are the K farthest.")
    if close(found, _judged(_SCORES, _COSINES)):
        raise Off("The other way round: cosines choose the shortlist, scores judge it.")
    if close(found, _judged(_COSINES.T, _SCORES.T)):
        raise Off("You search sentences for a picture: each row is a sentence.")
    if not close(found, truth):
        raise Off(f"At K = 1 to 5 it is {truth} here, yours {np.round(found, 3).tolist()}.")
    return "One stage decides what can be found, the other what is."


def _judged(
    cosines: np.ndarray = _COSINES, scores: np.ndarray = _SCORES, *, back: bool = True
) -> list[float]:
    """The share that is first after both stages, at every length."""
    shares = []
    for K in _LENGTHS:
        right = 0
        for row, (near, judged) in enumerate(zip(cosines, scores, strict=True)):
            short = np.argsort(-near)[:K]
            best = judged[short].argmax()
            right += int((short[best] if back else best) == row)
        shares.append(right / len(cosines))
    return shares


def _reached(*, first: bool = False) -> list[float]:
    """The share on the shortlist; or of these, what ViLT has first of the whole gallery."""
    own = np.arange(len(_COSINES))
    before = (_COSINES.diagonal()[:, None] < _COSINES).sum(axis=1)
    wanted = (_SCORES.argmax(axis=1) == own) | (not first)
    return [float(np.mean((before < K) & wanted)) for K in _LENGTHS]


@exercise("10.2")
def milliseconds(answer: Any) -> str:
    """What a pair cost on COCO."""
    found = number(answer)
    truth = 35 * 3600 * 1000 * 8 / 125e6
    if close(8 * found, truth, tolerance=0.01):
        raise Off("Eight GPUs worked all that time: multiply by 8.")
    if close(64 * found, truth, tolerance=0.01):
        raise Off("Eight GPUs take eight times the GPU time: multiply by 8, do not divide.")
    if close(1000 * found, truth, tolerance=0.01):
        raise Off("Those are seconds; in milliseconds.")
    if close(found / 1000, truth, tolerance=0.01):
        raise Off("Those are microseconds; in milliseconds.")
    if found > 1000:
        raise Off("How many pairs are there? Every picture with every sentence.")
    if not close(found, truth, tolerance=0.01):
        raise Off("35 hours in milliseconds, times 8 GPUs, over 5,000 x 25,000 pairs.")
    return "About 8: not the runs are dear, their number is."


@exercise("10.3")
def shortest(answer: Any) -> str:
    """The smallest shortlist that reaches enough, and its usual mistakes."""
    places = [0, 0, 3, 1, 9, 0, 2, 0, 1, 30]
    asked = {0.4: 1, 0.6: 2, 0.65: 3, 0.8: 4, 0.9: 10}
    found = {wanted: number(run(answer, list(places), wanted)) for wanted in asked}
    if all(found[wanted] in (K - 1, max(K - 1, 1)) for wanted, K in asked.items()):
        raise Off("Off by one: places count from 0, so place 3 is on a shortlist of 4.")
    if all(found[wanted] == K + 1 for wanted, K in asked.items()):
        raise Off("One too long: a smaller K does as well.")
    if found[0.6] == 3:
        raise Off('"At least": with K = 2 exactly 60 % are reached, and that is enough.')
    for wanted, K in asked.items():
        _same_length(found[wanted], K, places=places, wanted=wanted)
    # Last, as a loop that waits for more than the whole would never end.
    _same_length(number(run(answer, list(places), 1.0)), 31, places=places, wanted=1.0)
    return "The last sentences are the dear ones: from 90 to 100 % K goes from 10 to 31."


def _same_length(found: float, K: int, *, places: list[int], wanted: float) -> None:
    if found != K:
        raise Off(f"For {wanted:.0%} of {places} K must be {K}, yours is {found:g}.")


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
