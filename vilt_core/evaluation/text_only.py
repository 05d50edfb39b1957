"""The best guess without looking: what the words of a question alone give away.

Every VQA score stands beside this one. The guess is the answer that the same question had most
often in training, smoothed by backing off to coarser readings of it (the hierarchical Dirichlet
form of MacKay and Peto, 1995): the same words, the same words but for nouns and colours, the same
opening words, all questions.

It is fitted on the training split of what is scored, as the model is. Where none is known, each
half of the questions is guessed by what the other half says, which is little of a small set; so
it is where the training split cannot be read, which is no reason to score nothing.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice

from vilt_core.data.examples import DataSet
from vilt_core.data.sequences import Spread
from vilt_core.evaluation.sets import Source, name_of, training_beside
from vilt_core.evaluation.sources import EVALUATION_SEED, Asked, questions_of, world_questions
from vilt_core.evaluation.statements import statements_of
from vilt_core.world.grammar import noun_terms
from vilt_core.world.sprites import COLORS

FITTED_ON = 40_000  # questions of the training split
OTHER_HALF = "the other half of these"  # what is fitted on where no training split is known
PRIOR = 16.0  # how many questions the coarser level counts for at the finer one


class TextOnly:
    """Answer counts at four levels of detail of a question's text.

    Args:
        questions: what is learned from.
        prior: how many questions the coarser level counts for.
        source: where they are from, for a person.
    """

    def __init__(self, questions: Iterable[Asked], *, prior: float = PRIOR, source: str = ""):
        self.prior = prior
        self.source = source
        self.counts: dict[str, Counter[str]] = {}
        for asked in questions:
            for level in levels(asked.text):
                self.counts.setdefault(level, Counter()).update(asked.scores)
        self._totals = {level: counts.total() for level, counts in self.counts.items()}
        self._best: dict[tuple[str, ...], str] = {}  # by the levels that were seen

    def guess(self, text: str) -> str:
        """The likeliest answer; of equally likely ones the first in the alphabet.

        Raises:
            ValueError: fitted on no question.
        """
        if not self.counts:
            raise ValueError("a guess needs questions to learn from, got none")
        seen = tuple(level for level in levels(text) if level in self.counts)
        return self._likeliest(seen)

    def _likeliest(self, seen: tuple[str, ...]) -> str:
        """Of an answer that the finest level lacks, only the coarser levels speak: their best."""
        if seen not in self._best:
            answers = set(self.counts[seen[0]])
            if len(seen) > 1:
                answers.add(self._likeliest(seen[1:]))
            self._best[seen] = min(answers, key=lambda answer: (-self._share(answer, seen), answer))
        return self._best[seen]

    def _share(self, answer: str, seen: tuple[str, ...]) -> float:
        share, weight = 0.0, 0.0
        for level in reversed(seen):  # from all questions to this very one
            total = self._totals[level] + weight
            share = share * weight / total + self.counts[level][answer] / total
            weight = self.prior
        return share


def levels(text: str) -> tuple[str, ...]:
    """What a question is known by, from the finest to the coarsest."""
    words = text.lower().replace("?", " ?").split()
    known = " ".join(words)
    return known, " ".join(_masked(words)), " ".join(words[:2]), ""


@lru_cache(maxsize=1)
def world_text_only() -> TextOnly:
    """Fitted on the world's training split; seconds the first time, nothing afterwards."""
    # Not the questions of "world:train": nothing is measured on what it was fitted on.
    learned = islice(world_questions("train", seed=EVALUATION_SEED + 1), FITTED_ON)
    return TextOnly(learned, source="world:train")


def fitted_on(data: DataSet) -> TextOnly | None:
    """Fitted on at most ``FITTED_ON`` examples of a training split, spread over it.

    Args:
        data: questions, or statements, whose labels are what is guessed.

    Returns:
        None where all truth is kept secret.
    """
    some = replace(data, examples=list(Spread(data.examples, FITTED_ON)))
    asked = [one for one in _asked(some) if one.scores]
    return TextOnly(asked, source=name_of(data)) if asked else None


def beside(on: Source, *, kind: str, vqa_rules: bool = False) -> TextOnly | None:
    """Fitted on the training split that lies beside a set; None where there is none.

    Of one that cannot be read nothing is learned: then ``source`` says why, and that it is the
    other half that guesses.

    Args:
        on: what is scored. A data set in memory lies nowhere.
        kind: "questions" or "statements".
        vqa_rules: whether somebody's own answers are compared by VQA v2's rules.
    """
    try:
        found = training_beside(on, kind=kind)
        if found is None:
            return None
        return fitted_on(replace(found, vqa_rules=True) if vqa_rules else found)
    except (ValueError, OSError) as error:
        return TextOnly((), source=f"{OTHER_HALF}, as training data cannot be read: {error}")


def _asked(data: DataSet) -> list[Asked]:
    if not len(data.examples):
        return []
    if data.kind == "questions":
        return questions_of(data)
    return [one.asked for one in statements_of(data)]


def cross_fitted_guesses(
    questions: Sequence[Asked], *, groups: Sequence[str] | None = None
) -> list[str]:
    """Guesses for questions that have no training split: each half by what the other half says.

    A single group has no other half: its guesses are empty, and wrong.

    Args:
        questions: what to guess the answers of.
        groups: of each question; those of one group, which would tell on each other, stay in one
            half. Each question is a group of its own otherwise.
    """
    names = range(len(questions)) if groups is None else groups
    order = {name: at for at, name in enumerate(dict.fromkeys(names))}
    if len(order) < 2:
        return [""] * len(questions)
    halves = [(asked, order[name] % 2) for asked, name in zip(questions, names, strict=True)]
    fitted = [TextOnly(asked for asked, own in halves if own != half) for half in (0, 1)]
    return [fitted[own].guess(asked.text) for asked, own in halves]


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
