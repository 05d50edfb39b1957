"""The checkers of notebook 11: seeds, permutations, and what an ablation isolates."""

from itertools import combinations
from typing import Any

import numpy as np

from lesson.checking import Off, close, exercise, number, run


@exercise("11.1")
def fewest(answer: Any) -> str:
    """Seeds that a test of sign flips needs."""
    found = number(answer)
    if found == 5:
        raise Off("Two of 32 is 0.0625: both ends count, all plus and all minus.")
    if found == 3:
        raise Off("Three seeds have eight combinations of signs: two of eight is 0.25.")
    if found in (32, 64, 20, 40):
        raise Off("That is a number of combinations; n seeds have 2 to the n.")
    if found != 6:
        raise Off("The least is 2 of 2 to the n combinations: for which n is that below 0.05?")
    return "Two of 64 is 0.03."


@exercise("11.2")
def permutation(answer: Any) -> str:
    """All splits of six scores, and the usual mistakes with them."""
    one, other = [3.0, 4.0, 6.0], [7.0, 6.5, 9.0]
    found = number(run(answer, list(one), list(other)))
    gaps = _gaps(one, other)
    real = np.mean(other) - np.mean(one)
    if close(found, np.mean(np.abs(gaps) >= abs(real) - 1e-9)):
        swapped = number(run(answer, list(other), list(one)))
        if not close(swapped, found):
            raise Off("The other way round it gives another p: take absolute values on both sides.")
        if not close(run(answer, [1.0, 2.0], [1.0, 2.0]), 1):
            raise Off("Of two equal lists every split is as far from 0: the p-value is 1.")
        mixed = [1.0, 4.0, 4.0, 6.0], [4.0, 7.0, 12.0, 3.0]
        if not close(number(run(answer, *map(list, mixed))), 0.4):
            raise Off(
                "Right where all scores differ, wrong where some are equal or the arms overlap: "
                "split by place, not by value, and compare means."
            )
        return "Two of twenty: three seeds an arm cannot come below 0.1."
    if close(found, np.mean(gaps >= real - 1e-9)):
        raise Off("That is one side only: a difference counts whatever its sign.")
    if close(found, np.mean(np.abs(gaps) > abs(real) + 1e-9)):
        raise Off("The real split is one of them: at least as far, not farther.")
    if close(found, np.sum(np.abs(gaps) >= abs(real) - 1e-9)):
        raise Off("A share is wanted: divide by the number of splits.")
    flips = _flipped(one, other)
    if close(found, np.mean(np.abs(flips) >= abs(real) - 1e-9)):
        raise Off("Those are sign flips, for pairs. Here any three of the six may be the first.")
    raise Off("Of the example 2 of the 20 splits of six scores are as far from 0 as the real one.")


def _gaps(one: list[float], other: list[float]) -> np.ndarray:
    """Second mean less first of all splits."""
    scores, n = np.array([*one, *other]), len(one)
    every = [np.isin(np.arange(2 * n), chosen) for chosen in combinations(range(2 * n), n)]
    return np.array([scores[~first].mean() - scores[first].mean() for first in every])


def _flipped(one: list[float], other: list[float]) -> np.ndarray:
    """Mean differences under all exchanges within pairs."""
    d = np.subtract(other, one)
    signs = 1 - 2 * np.array(list(np.ndindex(*[2] * len(d))))
    return (d * signs).mean(axis=1)


@exercise("11.3")
def isolating(answer: Any) -> str:
    """The pair of rows that differ in masked patches alone."""
    if not isinstance(answer, set | frozenset | list | tuple) or len(answer) != 2:
        raise Off('A set of two names is wanted, such as {"whole", "words"}.')
    from vilt_core.training.ablation import table_five

    arms = {arm.name: arm for arm in table_five(100_000)}
    if strange := sorted(set(map(str, answer)) - set(arms)):
        raise Off(f"There is no row {', '.join(strange)}; there are {', '.join(arms)}.")
    one, other = (arms[name] for name in answer)
    if one.masked_patches == other.masked_patches:
        raise Off("In these two masked patch prediction is the same.")
    if set(answer) != {"words", "words-patches"}:
        raise Off("These two differ in something else besides.")
    return "One thing, and nothing else."


@exercise("11.4")
def seems(answer: Any) -> str:
    """The mean of the largest of five."""
    found = number(answer)
    if abs(found - 1.163) < 0.03:
        return "1.16 points, for nothing."
    if abs(found) < 0.03:
        raise Off("That is the mean of all five; the team reports the best.")
    if abs(found + 1.163) < 0.03:
        raise Off("That is the worst of five.")
    if abs(found - 2.326) < 0.06:
        raise Off("That is from the worst to the best; the run without it is an average one.")
    raise Off("Throw five normal numbers many times, and take the mean of their maxima.")
