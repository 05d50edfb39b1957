"""The checkers of notebook 5: optimal transport."""

from typing import Any

import numpy as np

from lesson.checking import Off, array, close, exercise, number, run, shaped


@exercise("05.1")
def entry(answer: Any) -> str:
    """An entry of the even plan."""
    found = number(answer)
    if close(found, 1 / 144):
        raise Off("That is what a patch gets from all four words together.")
    if close(found, 1 / 4):
        raise Off("That is what a word gives to all 144 patches together.")
    if not close(found * 576, 1) and abs(found * 576 - 1) < 0.1:
        raise Off("Nearly: keep all digits, or let Python compute the fraction.")
    if not close(found * 576, 1):
        raise Off("All entries are equal and sum to 1. How many are there?")
    return "4 x 144 entries that sum to 1."


@exercise("05.2")
def unfairness(answer: Any) -> str:
    """Both marginal errors of plans that err in one or both."""
    T = np.array([[0.5, 0.0, 0.0], [0.1, 0.2, 0.2]])
    truth = (0.0, abs(0.6 - 1 / 3) + 2 * abs(0.2 - 1 / 3))
    found = shaped(run(answer, T), (2,), what="the pair of errors")
    if close(found, truth[::-1]):
        raise Off("You have them the other way round: the rows come first, they sum over axis 1.")
    if close(found, (0, 0)):
        raise Off("Take absolute values before summing: too much here hides too little there.")
    if not close(found, truth):
        raise Off(f"Of {T.tolist()} the rows err by {truth[0]}, the columns by {truth[1]:.4f}.")
    tilted = np.array([[0.2, 0.2], [0.3, 0.1], [0.1, 0.1]])
    rows, columns = tilted.shape
    theirs = (abs(tilted.sum(1) - 1 / rows).sum(), abs(tilted.sum(0) - 1 / columns).sum())
    if not close(run(answer, tilted), theirs):
        raise Off("Right for one plan, wrong for another: is 1/l or 1/n fixed in your code?")
    return "Both are 0 for a plan that is fair to all."


@exercise("05.3")
def iterations(answer: Any) -> str:
    """Which number of iterations comes equally far."""
    found = number(answer)
    if found == 500:
        raise Off("The other way: a smaller beta takes larger steps.")
    if found == 50:
        raise Off("Beta counts: how far does one step of it go?")
    if not close(found, 5):
        raise Off("N / beta decides: it is 50 / 0.5 = 100.")
    return "5 / 0.05 = 50 / 0.5."


@exercise("05.4")
def own_ipot(answer: Any) -> str:
    """IPOT against a reference, and against its usual mistakes."""
    C = np.random.default_rng(5).random((3, 7))
    found = shaped(run(answer, C.copy(), 0.5, 20), C.shape, what="the plan")
    if close(found, _reference(C, remember=False), tolerance=1e-6):
        raise Off("This is Sinkhorn: each round must start from the last plan, Q = A * T.")
    if close(found.sum(axis=0), np.full(7, 1 / 7)) and not close(
        found.sum(axis=1), np.full(3, 1 / 3)
    ):
        raise Off("You scale the columns last; scale the rows last, as ViLT does.")
    total = found.sum()
    if not close(total, 1) and close(found / max(total, 1e-300), _reference(C), tolerance=1e-6):
        raise Off(f"Up to a factor it is right: the plan must sum to 1, yours to {total:.3g}.")
    if not close(found, _reference(C), tolerance=1e-6):
        raise Off("Compare your lines with A, Q, delta, sigma and T of the text, one by one.")
    if not close(array(run(answer, C.copy(), 0.1, 1)), _reference(C, 0.1, 1), tolerance=1e-6):
        raise Off("Right with beta 0.5 and 20 iterations, wrong with others.")
    return "Eight lines, no linear programming."


def _reference(
    C: np.ndarray, beta: float = 0.5, iterations: int = 20, *, remember: bool = True
) -> np.ndarray:
    l, n = C.shape
    kernel, sigma = np.exp(-C / beta), np.ones(l) / l
    T = np.ones((l, n))
    for _ in range(iterations):
        Q = kernel * T if remember else kernel
        delta = 1 / n / (sigma @ Q)
        sigma = 1 / l / (Q @ delta)
        T = sigma[:, None] * Q * delta
    return T


@exercise("05.5")
def loss_of_three(answer: Any) -> str:
    """Word-patch alignment of three pairs."""
    found = number(answer)
    if close(found, 0.1 / 3):
        raise Off("The signs are exchanged: matched pairs count plus, others minus.")
    if close(found, -0.1):
        raise Off("Divide by the number of pairs, matched or not.")
    if close(found, -0.1 / 2) or close(found, 0.5 - 1.1):
        raise Off("One mean over all three pairs, not one of the matched and one of the rest.")
    if close(found, 0.7):
        raise Off("The pair that does not match counts minus.")
    if not close(found, -0.1 / 3, tolerance=1e-3):
        raise Off("Plus the prices of the matched, minus the others, over 3.")
    return "0.4 + 0.6 - 1.1, over 3."
