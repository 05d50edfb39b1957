"""What an answer is worth: the VQA score (Antol et al., ICCV 2015), of any number of people.

Equal to the official evaluator (GT-Vision-Lab/VQA, vqaEval.py), its oddities included; somebody's
own answers are worth the same, and are compared by their letters (``own_answer``). The 2021
code of ViLT looked up the answers of its training targets as they were written, in a list of
normalised ones, and lost every answer that is written otherwise; ``soft_targets`` normalises first.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from vilt_core.data.examples import folded
from vilt_core.evaluation.contractions import CONTRACTIONS

_DIGITS = {
    "none": "0", "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5",
    "six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10",
}  # fmt: skip
_ARTICLES = ("a", "an", "the")
_PUNCTUATION = r""";/[]"{}()=+\_-><@`,?!"""
_COMMA_IN_NUMBER = re.compile(r"\d,\d")
_PERIOD = re.compile(r"\.(?!\d)")
_PERIODS = 32  # the evaluator passes the flag re.UNICODE, 32, where the count belongs
_FULL_PANEL = 4  # from so many people on, the formula is the official one
_OFFICIAL_PANEL = 10  # people who answered each question of VQA v2
_SOFT = (0.0, 0.3, 0.6, 0.9, 1.0)


def normalise_answer(answer: str) -> str:
    """An answer as the official evaluator compares it.

    A punctuation mark becomes a space; where it touches a space somewhere, or where the answer has
    a comma between digits, it goes without one. Periods go, but for those before a digit. Then
    lower case, digits for number words, no articles, contractions with their apostrophe.
    """
    answer = _in_one_line(answer)
    in_number = _COMMA_IN_NUMBER.search(answer) is not None
    bare = answer
    for mark in _PUNCTUATION:
        loose = f"{mark} " in answer or f" {mark}" in answer
        bare = bare.replace(mark, "" if loose or in_number else " ")
    words = _PERIOD.sub("", bare, count=_PERIODS).lower().split()
    counted = (_DIGITS.get(word, word) for word in words)
    return " ".join(CONTRACTIONS.get(word, word) for word in counted if word not in _ARTICLES)


def plain_answer(answer: str) -> str:
    """An answer normalised; as it is written where the official rules leave nothing of it.

    They leave nothing of "A", "+" and "-", which are three answers to whoever asks for a letter
    or a sign.
    """
    return normalise_answer(answer) or _in_one_line(answer)


def own_answer(answer: str) -> str:
    """An answer as somebody's own data mean it: its letters, whatever their case and white space.

    Nothing else is taken for the same: "-1" is not "1", "C++" is not "C", "none" is no number.
    """
    return folded(answer)


def comparison(*, vqa_rules: bool, people: int = 1) -> Callable[[str], str]:
    """How answers are compared: what is spelled alike means the same.

    Args:
        vqa_rules: by VQA v2's rules, or as somebody's own.
        people: who answered the question. Of ten the rules hold to the letter: "A" and "the" are
            the same answer, the empty one. Of any other number, which the official evaluator does
            not know, an answer of which they leave nothing stays as it is written.
    """
    if not vqa_rules:
        return own_answer
    return normalise_answer if people == _OFFICIAL_PANEL else plain_answer


def to_the_letter(answers: Sequence[str]) -> bool:
    """Whether an answer must be written as people wrote it, rather than mean the same.

    The official evaluator normalises only where its ten people differ: against ten times "Yes" a
    "yes" is wrong. Of fewer or more people spelling never counts.
    """
    return len(answers) == _OFFICIAL_PANEL and len(set(map(_in_one_line, answers))) == 1


def answer_scores(answers: Sequence[str], *, vqa_rules: bool = True) -> dict[str, float]:
    """The worth of every answer that somebody gave, as ``compared``.

    An answer counts in full where at least three of the other annotators gave it, averaged over
    leaving each annotator out: of ten, 1 gives 0.3, 2 give 0.6, 3 give 0.9, 4 give 1. Of fewer than
    four annotators all others must agree, and a single one is simply right.

    Args:
        answers: as people gave them.
        vqa_rules: whether they are compared as the official evaluator does; see ``compared``.
    """
    total = len(answers)
    enough = min(3, total - 1)
    said = Counter(map(compared(answers, vqa_rules=vqa_rules), answers))
    if not enough:
        return dict.fromkeys(said, 1.0)
    return {
        answer: count / total * min((count - 1) / enough, 1.0)
        + (total - count) / total * min(count / enough, 1.0)
        for answer, count in said.items()
    }


def compared(answers: Sequence[str], *, vqa_rules: bool) -> Callable[[str], str]:
    """How an answer is held against those of these people: ``comparison``, or ``to_the_letter``."""
    if vqa_rules and to_the_letter(answers):
        return _in_one_line
    return comparison(vqa_rules=vqa_rules, people=len(answers))


def soft_target(count: int) -> float:
    """The training target of an answer that ``count`` of ten people gave: 0, .3, .6, .9, then 1."""
    return _SOFT[min(count, len(_SOFT) - 1)]


def soft_targets(
    answers: Sequence[str], places: Mapping[str, int], *, vqa_rules: bool = True
) -> dict[int, float]:
    """The training target of a question: the worth of each answer that the model can give.

    Args:
        answers: as people gave them; all of their spellings count together. The published steps
            are made for ten people; of fewer than four an answer is worth what it scores.
        places: of each answer of the model, as ``comparison`` has it, in its list.
        vqa_rules: whether spellings are compared as the official evaluator does.

    Returns:
        Places with values in (0, 1]; all others are 0. Answers outside the list are left out.
    """
    said = Counter(map(comparison(vqa_rules=vqa_rules, people=len(answers)), answers))
    if len(answers) < _FULL_PANEL:
        worth = answer_scores(answers, vqa_rules=vqa_rules)
    else:
        worth = {answer: soft_target(count) for answer, count in said.items()}
    return {places[answer]: value for answer, value in worth.items() if answer in places}


def answer_kind(answers: Sequence[str], *, vqa_rules: bool = True) -> str:
    """The type of a question by its most frequent answer: "yes/no", "number" or "other"."""
    same = comparison(vqa_rules=vqa_rules, people=len(answers))
    [(answer, _)] = Counter(map(same, answers)).most_common(1)
    if answer in ("yes", "no"):
        return "yes/no"
    return "number" if answer.isdecimal() else "other"


def _in_one_line(answer: str) -> str:
    return answer.replace("\n", " ").replace("\t", " ").strip()
