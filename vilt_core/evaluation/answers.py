"""What an answer is worth: the VQA score (Antol et al., ICCV 2015), of any number of people."""

import re
from collections import Counter
from collections.abc import Sequence

_DIGITS = {
    "none": "0", "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5",
    "six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10",
}  # fmt: skip
_ARTICLES = ("a", "an", "the")
_EDGES = re.compile(r"^[^\w]+|[^\w]+$")


def normalise_answer(answer: str) -> str:
    """Lower case, digits for number words, no articles, no punctuation around words.

    The plain core of the official normalisation: without its table of contractions.
    """
    words = (_EDGES.sub("", word) for word in answer.lower().split())
    kept = [_DIGITS.get(word, word) for word in words if word and word not in _ARTICLES]
    return " ".join(kept)


def answer_scores(answers: Sequence[str]) -> dict[str, float]:
    """The worth of every answer that somebody gave, after normalisation.

    An answer counts in full where at least three of the other annotators gave it, averaged over
    leaving each annotator out: of ten, 1 gives 0.3, 2 give 0.6, 3 give 0.9, 4 give 1. Of fewer than
    four annotators all others must agree, and a single one is simply right.
    """
    total = len(answers)
    enough = min(3, total - 1)
    said = Counter(normalise_answer(answer) for answer in answers)
    if not enough:
        return dict.fromkeys(said, 1.0)
    return {
        answer: count / total * min((count - 1) / enough, 1.0)
        + (total - count) / total * min(count / enough, 1.0)
        for answer, count in said.items()
    }


def answer_kind(answers: Sequence[str]) -> str:
    """The type of a question by its most frequent answer: "yes/no", "number" or "other"."""
    [(answer, _)] = Counter(normalise_answer(a) for a in answers).most_common(1)
    if answer in ("yes", "no"):
        return "yes/no"
    return "number" if answer.isdecimal() else "other"
