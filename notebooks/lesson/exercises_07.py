"""The checkers of notebook 7: the four families."""

from typing import Any

import numpy as np
import torch

from lesson.checking import Off, chosen, close, exercise, number, run

_SCORES = torch.tensor([[0.5, 0.6, 0.1], [0.5, 0.4, 0.45], [0.6, 0.7, 0.6]])


@exercise("07.1")
def one_vector(answer: Any) -> str:
    """Where a picture is one vector, made before any sentence is known."""
    found = chosen(answer, "abcde")
    if found & {"d", "e"}:
        raise Off("UNITER and ViLT read a picture anew with every sentence: d and e are out.")
    if "b" in found:
        raise Off("b: SCAN's regions can be prepared, but they are many vectors, not one.")
    if missing := {"a", "c"} - found:
        raise Off(f"{min(missing)} reads each side alone and multiplies: its picture is a vector.")
    return "Two towers and one product; such vectors can be searched by the million."


@exercise("07.2")
def sum_of_hinges(answer: Any) -> str:
    """All hinges of a batch, against the usual mistakes."""
    given = _SCORES.clone()
    found = number(run(answer, given, 0.2))
    if not torch.equal(given, _SCORES):
        raise Off("You changed the scores themselves: work on a copy.")
    of_sentences, of_pictures = _hinges(0.2)
    truth = float((of_sentences + of_pictures).sum() / 3)
    if close(found, float((of_sentences.amax(dim=1) + of_pictures.amax(dim=0)).sum() / 3)):
        raise Off("That is VSE++ still: sum the hinges, do not take the largest.")
    if close(found, truth + 2 * 0.2):
        raise Off("The diagonal counts too: a pair is no mistake of its own.")
    if close(found, float(of_sentences.sum() / 3)) or close(found, float(of_pictures.sum() / 3)):
        raise Off("Only one direction: sentences among pictures *and* pictures among sentences.")
    if close(found, 3 * truth):
        raise Off("That is the sum: divide by the number of pairs.")
    if close(found, truth / 2) or close(found, truth / 3):
        raise Off("Divide by the number of pairs, three here, and by nothing else.")
    if not close(found, truth):
        raise Off("Are hinges below 0 cut off? [margin + wrong - own] counts where it is above 0.")
    other = float(torch.stack(_hinges(0.05)).sum() / 3)
    if not close(number(run(answer, _SCORES.clone(), 0.05)), other):
        raise Off("Right with a margin of 0.2, wrong with another.")
    two = float(torch.stack(_hinges(0.2, pairs=2)).sum() / 2)
    if not close(number(run(answer, _SCORES[:2, :2].clone(), 0.2)), two):
        raise Off("Right for three pairs, wrong for two: divide by as many as there are.")
    return "Every mistake teaches, the small ones too."


def _hinges(margin: float, *, pairs: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    """Of every sentence among the pictures, and of every picture among the sentences."""
    scores = _SCORES[:pairs, :pairs]
    own, wrong = scores.diagonal(), ~torch.eye(pairs, dtype=torch.bool)
    of_sentences = (margin + scores - own[:, None]).clamp(min=0) * wrong
    return of_sentences, (margin + scores - own).clamp(min=0) * wrong


@exercise("07.3")
def factor(answer: Any) -> str:
    """Amdahl's law on a detector."""
    found = number(answer)
    truth = 900 / 886.5
    if close(found, 10):
        raise Off("Ten times is the transformer alone. Detector and all still take 885 ms.")
    if close(found, 1 / truth):
        raise Off("Old time over new time: faster is a factor above 1.")
    if close(found, 900 / 885):
        raise Off("That would be a transformer that takes no time; it still takes 1.5 ms.")
    if close(found, 900 / (88.5 + 15), tolerance=1e-3):
        raise Off("The transformer becomes faster, not the seeing.")
    if not close(found, truth, tolerance=1e-3):
        raise Off("The time before, 900 ms, over the time after: 885 ms and a tenth of the rest.")
    return "1.015: whoever wants a faster UNITER must look elsewhere. ViLT did."


@exercise("07.4")
def score(answer: Any) -> str:
    """LogSumExp of three cosines."""
    found, cosines = number(answer), np.array([0.2, 0.9, 0.5])
    whole = float(np.log(np.exp(6 * cosines).sum()))
    if close(found, whole, tolerance=1e-3):
        raise Off("Divide by lambda at the end, or the score grows with it.")
    if close(found, cosines.mean(), tolerance=1e-3):
        raise Off("That is the mean, SCAN's other way.")
    if close(found, 0.9, tolerance=1e-3):
        raise Off("That is the hard maximum; the soft one lies a little above it.")
    if close(found, np.log(np.exp(cosines).sum()), tolerance=1e-3):
        raise Off("The cosines are multiplied by lambda before the exponential.")
    if close(found, np.log(np.exp(6 * cosines).mean()) / 6, tolerance=1e-3):
        raise Off("The sum of the exponentials, not their mean.")
    if close(found, whole / 6 / np.log(2), tolerance=1e-3) or close(
        found, whole / 6 / np.log(10), tolerance=1e-3
    ):
        raise Off("Use the natural logarithm, np.log.")
    if not close(found, whole / 6, tolerance=1e-3):
        raise Off("log of the sum of exp(6 c), over 6.")
    return "0.917, hardly above the largest."
