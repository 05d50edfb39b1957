"""The best guess without looking: what the words of a question alone give away.

Every VQA score stands beside this one. The guess is the answer that the same question had most
often in training, smoothed by backing off to coarser readings of it (the hierarchical Dirichlet
form of MacKay and Peto, 1995): the same words, the same words but for nouns and colours, the same
opening words, all questions.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice

from vilt_core.evaluation.sources import EVALUATION_SEED, Asked, world_questions
from vilt_core.world.grammar import noun_terms
from vilt_core.world.sprites import COLORS

FITTED_ON = 40_000  # questions of the training split
PRIOR = 16.0  # how many questions the coarser level counts for at the finer one


class TextOnly:
    """Answer counts at four levels of detail of a question's text."""

    def __init__(self, questions: Iterable[Asked], *, prior: float = PRIOR):
        self.prior = prior
        self.counts: dict[str, Counter[str]] = {}
        for asked in questions:
            for level in levels(asked.text):
                self.counts.setdefault(level, Counter()).update(asked.scores)

    def guess(self, text: str) -> str:
        """The likeliest answer; of equally likely ones the first in the alphabet.

        Raises:
            ValueError: fitted on no question.
        """
        if not self.counts:
            raise ValueError("a guess needs questions to learn from, got none")
        shares: dict[str, float] = {}
        for level in reversed(levels(text)):  # from all questions to this very one
            seen = self.counts.get(level)
            if seen is None:
                break
            weight = self.prior if shares else 0.0
            total = seen.total() + weight
            coarser = {answer: share * weight / total for answer, share in shares.items()}
            shares = coarser | {a: coarser.get(a, 0.0) + n / total for a, n in seen.items()}
        return min(shares, key=lambda answer: (-shares[answer], answer))


def levels(text: str) -> tuple[str, ...]:
    """What a question is known by, from the finest to the coarsest."""
    words = text.lower().replace("?", " ?").split()
    known = " ".join(words)
    return known, " ".join(_masked(words)), " ".join(words[:2]), ""


@lru_cache(maxsize=1)
def world_text_only() -> TextOnly:
    """Fitted on the world's training split; seconds the first time, nothing afterwards."""
    # Not the questions of "world:train": nothing is measured on what it was fitted on.
    return TextOnly(islice(world_questions("train", seed=EVALUATION_SEED + 1), FITTED_ON))


def cross_fitted_guesses(questions: list[Asked]) -> list[str]:
    """Guesses for questions that have no training split: each half by what the other half says.

    A single question has no other half: its guess is empty, and wrong.
    """
    halves = [TextOnly(questions[1::2]), TextOnly(questions[0::2])]
    if len(questions) < 2:
        return [""] * len(questions)
    return [halves[at % 2].guess(asked.text) for at, asked in enumerate(questions)]


@lru_cache(maxsize=1)
def _lexicon() -> tuple[dict[tuple[str, ...], str], int]:
    """The world's nouns and colours as words, and how many words the longest has."""
    known: dict[tuple[str, ...], str] = {(color,): "<color>" for color in COLORS}
    for term in noun_terms():
        bare = ((term.singular, term.noun_at[0]), (term.plural, term.noun_at[1]))
        known |= {tuple(words[at:].split()): "<noun>" for words, at in bare}
    return known, max(len(words) for words in known)


def _masked(words: list[str]) -> Iterator[str]:
    """The words with every noun and colour replaced, the longest match first."""
    known, longest = _lexicon()
    at = 0
    while at < len(words):
        for length in range(min(longest, len(words) - at), 0, -1):
            slot = known.get(tuple(words[at : at + length]))
            if slot is not None:
                yield slot
                at += length
                break
        else:
            yield words[at]
            at += 1
