"""The checkers of notebook 3: masked words."""

from functools import lru_cache
from typing import Any

import numpy as np
import torch

from lesson.checking import Off, close, exercise, number, run, shaped

_ENOUGH = 0.5  # how much likelier the picture must make the best guess


@exercise("03.1")
def hide(answer: Any) -> str:
    """Whole words hidden."""
    ids = torch.tensor([2, 9, 34, 44, 40, 13, 3])
    words = torch.tensor([-1, 0, 1, 1, 1, 2, -1])
    given = ids.clone()
    found = shaped(run(answer, given, words, {1, 2}, 4), (7,))
    if not torch.equal(given, ids):
        raise Off("You wrote into ids itself: the labels need them as they were. Use a copy.")
    if close(found, [2, 9, 4, 44, 40, 4, 3]):
        raise Off("Only the first piece of each word is hidden; spelling gives the rest away.")
    if close(found, [4, 9, 4, 4, 4, 4, 4]) or found[0] == 4 or found[-1] == 4:
        raise Off("[CLS] and [SEP] belong to no word (-1) and stay.")
    if close(found, [2, 4, 34, 44, 40, 13, 3]) or close(found, [2, 4, 4, 44, 40, 13, 3]):
        raise Off("chosen holds indices of words, not of tokens.")
    if not close(found, [2, 9, 4, 4, 4, 4, 3]):
        raise Off(f"Of words {words.tolist()} hide 1 and 2: pieces 2 to 5, and no others.")
    other = shaped(run(answer, ids.clone(), words, {0, 2}, 7), (7,))
    if not close(other, [2, 7, 34, 44, 40, 7, 3]):
        raise Off("Right for words 1 and 2 by id 4, wrong for 0 and 2 by id 7: use all arguments.")
    return "All pieces of a word share its fate."


@exercise("03.2")
def share(answer: Any) -> str:
    """How many words become [MASK]."""
    found = number(answer)
    if close(found, 12):
        raise Off("As a share, not in percent: between 0 and 1.")
    if close(found, 0.8):
        raise Off("That is of those asked about. Of all words?")
    if close(found, 0.15):
        raise Off("So many are asked about, but only 80 % of them become [MASK].")
    if not close(found, 0.12):
        raise Off("15 % are asked about, 80 % of them become [MASK].")
    return "Twelve words in a hundred."


@exercise("03.3")
def masked_loss(answer: Any) -> str:
    """The mean surprise over what is asked."""
    scores = torch.tensor([[2.0, 0.0, 0.0], [0.0, 3.0, 1.0], [1.0, 1.0, 0.0], [0.0, 0.0, 5.0]])
    labels = torch.tensor([-100, 2, 0, -100])
    surprises = -scores.log_softmax(dim=-1)[[1, 2], [2, 0]]
    found = number(run(answer, scores.clone(), labels.clone()))
    if close(found, float(surprises.sum()) / 4):
        raise Off("Divide by the tokens that are asked about, not by all.")
    if close(found, float(surprises.sum())):
        raise Off("That is the sum: the mean over the tokens asked about is wanted.")
    if close(found, -float(surprises.mean())):
        raise Off("The sign: a surprise is -log p, never negative.")
    if close(found, float(surprises.mean() / np.log(2))):
        raise Off("Use the natural logarithm.")
    if close(found, -float(scores[[1, 2], [2, 0]].mean())):
        raise Off("Scores are not probabilities yet: take a log_softmax over the pieces first.")
    if not close(found, float(surprises.mean())):
        raise Off("Mean of -log_softmax(scores)[token, truth] over the tokens with labels.")
    labels = torch.tensor([1, 2, 0, -100])
    every = float(-scores.log_softmax(dim=-1)[[0, 1, 2], [1, 2, 0]].mean())
    if not close(number(run(answer, scores.clone(), labels)), every):
        raise Off("Right where two tokens are asked about, wrong where three are.")
    return "Tokens that nobody asks about cost nothing."


@exercise("03.4")
def needs_looking(answer: Any) -> str:
    """A hole that only the picture fills."""
    if not isinstance(answer, str):
        raise Off(f"A sentence in quotes is wanted, this is a {type(answer).__name__}.")
    model, picture = _model_and_picture()
    try:
        with_it = model.fill(picture, answer, top_k=len(model.tokenizer))
        without = model.fill(None, answer, top_k=len(model.tokenizer))
    except ValueError as error:
        raise Off(f"The model cannot read it: {error}.") from error
    if len(with_it) != 1:
        raise Off(f"One [MASK] is wanted, your sentence has {len(with_it)}.")
    best = with_it[0][0]
    blind = next(guess.probability for guess in without[0] if guess.text == best.text)
    gained = best.probability - blind
    told = f'"{best.text}" has {best.probability:.0%} with the picture and {blind:.0%} without'
    if gained < _ENOUGH:
        why = "the words give it away" if blind > _ENOUGH else "even looking does not decide it"
        raise Off(f"{told}: {why}.")
    return f"{told}."


@lru_cache(maxsize=1)
def _model_and_picture() -> tuple[Any, np.ndarray]:
    import vilt_core
    from vilt_core.world.rendering import paint
    from vilt_core.world.scenes import scene

    return vilt_core.load("vilt-mini"), paint(scene(0, 29, split="test"), 256).pixels
