"""The checkers of notebook 8: co-attention beside joint attention."""

from typing import Any

import numpy as np
import torch

from lesson.checking import Off, close, exercise, number, run, shaped


@exercise("08.1")
def block_shares(answer: Any) -> str:
    """The four blocks of a matrix whose sides differ."""
    weights = np.random.default_rng(8).random((7, 7)) ** 3
    weights /= weights.sum(axis=1, keepdims=True)
    sides = slice(0, 3), slice(3, None)
    truth = np.array([[weights[a, b].sum(axis=1).mean() for b in sides] for a in sides])
    found = shaped(run(answer, weights.copy(), 3), (2, 2), what="the table")
    if close(found, truth.T):
        raise Off("Rows and columns are exchanged: rows ask, columns are asked.")
    if close(found, np.array([[weights[a, b].mean() for b in sides] for a in sides])):
        raise Off("That is the mean weight: sum over the columns, then the mean over the rows.")
    if close(found, np.array([[weights[a, b].sum() for b in sides] for a in sides])):
        raise Off("That is the sum over the rows as well: take their mean.")
    if close(found, np.array([[weights[a, b].sum() / 7 for b in sides] for a in sides])):
        raise Off("The mean is over the rows of that block alone, not over all of them.")
    if close(found, np.array([[weights[b, a].sum(axis=0).mean() for b in sides] for a in sides])):
        raise Off("Those are columns that are summed over the rows: sum each row's columns.")
    if not close(found, truth):
        raise Off(f"The first row of blocks has {truth[0].round(3).tolist()} here.")
    other = np.full((4, 4), 0.25)
    if not close(run(answer, other, 1), [[0.25, 0.75], [0.25, 0.75]]):
        raise Off("Right for one matrix, wrong with another number of words: is l fixed?")
    return "An even spread gives each side its share of the tokens, no more."


@exercise("08.2")
def left_out(answer: Any) -> str:
    """What co-attention does not compare."""
    found = number(answer)
    truth = (40**2 + 241**2) / 281**2
    if close(found, 1 - truth, tolerance=1e-3):
        raise Off("That is what it keeps, text with image; the question is what it leaves out.")
    if close(found, 100 * truth, tolerance=1e-3):
        raise Off("As a share between 0 and 1.")
    if close(found, 40**2 + 241**2):
        raise Off("That is how many; divide by all comparisons, 281 squared.")
    if close(found, 241**2 / 281**2, tolerance=1e-3):
        raise Off("The text's own block is missing.")
    if close(found, 40 * 241 / 281**2, tolerance=1e-3):
        raise Off("That is one of the two blocks that it keeps.")
    if not close(found, truth, tolerance=1e-3):
        raise Off("The own blocks, 40 x 40 and 241 x 241, over 281 x 281.")
    return "Three quarters."


@exercise("08.3")
def co_attention(answer: Any) -> str:
    """Joint scores with both own blocks crossed out."""
    scores = torch.randn(6, 6, generator=torch.Generator().manual_seed(8))
    given = scores.clone()
    found = torch.tensor(shaped(run(answer, given, 2), (6, 6), what="the matrix"))
    if not torch.equal(given, scores):
        raise Off("You changed the scores themselves: work on a copy.")
    own = torch.zeros(6, 6, dtype=torch.bool)
    own[:2, :2] = own[2:, 2:] = True
    truth = scores.masked_fill(own, -torch.inf).softmax(dim=-1)
    if not found.isfinite().all():
        raise Off("There are NaNs: a row in which everything is crossed out has no softmax.")
    if close(found, scores.masked_fill(~own, -torch.inf).softmax(dim=-1)):
        raise Off("The other two blocks: here everybody asks their own side alone.")
    if close(found, scores.softmax(dim=-1).masked_fill(own, 0.0)):
        raise Off("Crossed out after the softmax: the rows no longer sum to 1.")
    if close(found, scores.masked_fill(own, 0.0).softmax(dim=-1)):
        raise Off("A score of 0 is not silence, exp(0) is 1: use minus infinity.")
    if close(found, scores.masked_fill(own, -torch.inf).softmax(dim=0)):
        raise Off("The softmax runs over the queries; each row, over the keys, sums to 1.")
    half = scores.clone()
    half[:2, :2] = -torch.inf
    if close(found, half.softmax(dim=-1)):
        raise Off("The image still asks the image: both own blocks go.")
    if not close(found, truth):
        raise Off("Minus infinity in text to text and image to image, then a softmax of each row.")
    other = torch.ones(6, 6, dtype=torch.bool)
    other[:4, 4:] = other[4:, :4] = False
    wanted = scores.masked_fill(other, -torch.inf).softmax(dim=-1)
    if not close(run(answer, scores.clone(), 4), wanted):
        raise Off("Right with two words, wrong with four: is l fixed?")
    return "Two blocks, each with a softmax of its own."


@exercise("08.4")
def kl(answer: Any) -> str:
    """The divergence of one region, and its usual mistakes."""
    p, logits = np.array([0.6, 0.3, 0.1]), np.array([1.0, 2.0, -1.0])
    q = np.exp(logits) / np.exp(logits).sum()
    truth = float((p * np.log(p / q)).sum())
    found = number(run(answer, p.copy(), logits.copy()))
    if close(found, float(-(p * np.log(q)).sum())):
        raise Off("That is the cross-entropy: it is not 0 where the two agree. Subtract p log p.")
    if close(found, float((q * np.log(q / p)).sum())):
        raise Off("The other way round: weigh by the detector's p.")
    if close(found, -truth):
        raise Off("The sign: p (log p - log q).")
    if close(found, truth / 3):
        raise Off("Sum over the classes; a mean is taken over regions alone.")
    if close(found, float((p * (np.log(p) - logits)).sum())):
        raise Off("The scores are no probabilities yet: softmax them first.")
    if not close(found, truth):
        raise Off(f"Of {p.tolist()} and scores {logits.tolist()} it is {truth:.4f}.")
    certain = np.array([1.0, 0.0, 0.0])
    if not close(number(run(answer, certain, logits.copy())), -np.log(q[0])):
        raise Off("Where p is 0 a class counts nothing: 0 log 0 is 0 here, not NaN.")
    return "0 where the model shares the detector's doubts."
