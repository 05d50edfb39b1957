"""The checkers of notebook 4: matching and negatives."""

from typing import Any

import numpy as np
import torch

from lesson.checking import Off, array, close, exercise, number, run, shaped

_SCORES = np.array(
    [
        [0.9, 0.8, 0.1, 0.2],
        [0.3, 0.7, 0.6, 0.9],
        [0.5, 0.4, 0.3, 0.2],
        [0.1, 0.0, 0.2, 0.6],
    ]
)


@exercise("04.1")
def loss(answer: Any) -> str:
    """The ITM loss of two pairs."""
    found = number(answer)
    truth = -(np.log(0.9) + np.log(0.2)) / 2
    if close(found, -(np.log(0.9) + np.log(0.8)) / 2, tolerance=1e-3):
        raise Off("The second pair is false: the truth there is no, and P(no) = 1 - 0.8.")
    if close(found, 2 * truth, tolerance=1e-3):
        raise Off("That is the sum: take the mean over the two pairs.")
    if close(found, -truth, tolerance=1e-3):
        raise Off("The sign: a surprise is -log p.")
    if close(found, truth / np.log(2), tolerance=1e-3) or close(
        found, truth / np.log(10), tolerance=1e-3
    ):
        raise Off("Use the natural logarithm, np.log.")
    if not close(found, truth, tolerance=1e-3) and abs(found - truth) < 1e-2:
        raise Off("Nearly: keep three digits behind the point, or let NumPy compute it.")
    if not close(found, truth, tolerance=1e-3):
        raise Off("Mean of -log 0.9 and -log 0.2.")
    return "0.857: nearly all of it comes from the confident mistake."


@exercise("04.2")
def hardest_negatives(answer: Any) -> str:
    """The most plausible wrong column of each row."""
    given = _SCORES.copy()
    found = shaped(run(answer, given), (4,))
    if not np.array_equal(given, _SCORES):
        raise Off("You changed the scores themselves: work on a copy.")
    if close(found, _SCORES.argmax(axis=1)):
        raise Off("Leave the diagonal out: the own column is no negative.")
    if close(found, [1, 3, 0, 2]):
        negative = -_SCORES  # all scores below 0: a mask of zeros would win
        if not close(array(run(answer, negative - 1)), [2, 0, 3, 1]):
            raise Off("Right here, wrong where all scores are negative: mask with minus infinity.")
        if not close(array(run(answer, _SCORES[:2, :2].copy())), [1, 0]):
            raise Off("Right for four rows, wrong for two: is the size of the mask fixed?")
        return "No one had to write them."
    if close(found, [2, 0, 1, 1]):
        raise Off("Along the columns: for each row, look at its columns (axis 1).")
    raise Off(f"For {_SCORES.tolist()} the columns are [1, 3, 0, 2], yours {found.tolist()}.")


@exercise("04.3")
def recall_at(answer: Any) -> str:
    """Recall at 1, 2 and all."""
    found = [number(run(answer, _SCORES.copy(), k)) for k in (1, 2, 3, 4)]
    if close(found, [50, 75, 100, 100]):
        raise Off("As a share between 0 and 1.")
    if close(found, [2, 3, 4, 4]):
        raise Off("That is how many rows; divide by their number.")
    if close(found, _recalls(-_SCORES)):
        raise Off("You sort upwards: the largest scores are the best.")
    if close(found, _recalls(_SCORES.T)):
        raise Off("Rows and columns are exchanged: rank the columns of each row.")
    if not close(found, _recalls(_SCORES)):
        raise Off(f"Of the example at k = 1, 2, 3, 4 it is {_recalls(_SCORES)}, yours {found}.")
    few = np.array([[0.2, 0.9], [0.1, 0.8]])
    if not close(number(run(answer, few, 1)), 0.5):
        raise Off("Right for four rows, wrong for two: is the number of rows fixed?")
    return "Papers write R@1, R@5 and R@10."


def _recalls(scores: np.ndarray) -> list[float]:
    ranks = (scores > np.diag(scores)[:, None]).sum(axis=1)
    return [float(np.mean(ranks < k)) for k in (1, 2, 3, 4)]


@exercise("04.4")
def runs(answer: Any) -> str:
    """A short list against reading everything."""
    found = shaped(answer, (2,), what="the pair")
    if close(found, (10_000, 10_033)):
        raise Off("The other way round: first the short list, then ViLT alone.")
    if found[1] != 10_000:
        raise Off("ViLT alone reads the query with every picture: one run a pair.")
    if found[0] in (10_001, 10_032, 33, 32):
        raise Off("The dual encoder reads 10,000 pictures and the query, then come 32 pairs.")
    if found[0] != 10_033:
        raise Off("Add up: pictures, query, pairs of the short list.")
    return "From the second query on it is 33 against 10,000."


@exercise("04.5")
def ranking_loss(answer: Any) -> str:
    """Cross-entropy of column 0, and its usual mistakes."""
    scores = torch.tensor([[2.0, 0.5, 1.0, -0.5], [0.0, 3.0, 1.2, 0.7], [1.0, 0.2, -1.0, 0.4]])
    given = scores.clone()
    found = number(run(answer, given))
    if not torch.equal(given, scores):
        raise Off("You changed the scores themselves: work on a copy.")
    surprises = -scores.log_softmax(dim=1)
    truth = float(surprises[:, 0].mean())
    if close(found, -truth):
        raise Off("The sign: a surprise is -log p, never negative.")
    if close(found, 3 * truth):
        raise Off("That is the sum: the mean over the pictures is wanted.")
    if close(found, truth / np.log(2)):
        raise Off("Use the natural logarithm.")
    if close(found, float(surprises[:, -1].mean())):
        raise Off("The true caption is in column 0, not in the last one.")
    if close(found, float(surprises.diagonal().mean())):
        raise Off("The true caption is in column 0 of every row, not on the diagonal.")
    if close(found, float(surprises.mean())) or close(found, float(surprises.sum(dim=1).mean())):
        raise Off("Only the true caption's surprise counts: column 0.")
    if close(found, float(-scores.log_softmax(dim=0)[:, 0].mean())):
        raise Off("The captions of one picture compete: softmax along each row (dim=1).")
    if close(abs(found), float(scores.softmax(dim=1)[:, 0].mean())):
        raise Off("Those are shares: take minus the logarithm of each, then the mean.")
    if close(found, -float(scores[:, 0].mean())):
        raise Off("Scores are not probabilities yet: take a log_softmax over each row first.")
    if not close(found, truth):
        raise Off(f"Of {scores.tolist()} it is {truth:.4f}, yours {found:.4f}.")
    if not close(number(run(answer, scores + 500)), truth):
        raise Off("Right for small scores; of 500 the exponential is infinite: use log_softmax.")
    if not close(number(run(answer, scores[:2, :3])), float(_surprise(scores[:2, :3]))):
        raise Off("Right for 3 x 4 scores, wrong for 2 x 3: is a size fixed in your code?")
    return "Captions compete here: one gains what the others lose."


def _surprise(scores: torch.Tensor) -> torch.Tensor:
    return -scores.log_softmax(dim=1)[:, 0].mean()
