"""The checkers of notebook 9: lines of data, soft targets, baselines."""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lesson.checking import Off, chosen, close, exercise, number, run
from vilt_core.data.jsonl import read_questions
from vilt_core.evaluation.answers import answer_scores, normalise_answer


@exercise("09.1")
def line(answer: Any) -> str:
    """A line that the library reads as it was meant."""
    if not isinstance(answer, str):
        raise Off(f"A line of text is wanted, such as json.dumps gives: {_kind(answer)} came.")
    if not answer.strip():
        raise Off("Your line is empty.")
    if "\n" in answer.strip():
        raise Off("One question is one line: write it without line breaks.")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "line.jsonl"
        (file.parent / "images").mkdir()
        picture = file.parent / "images" / "1.png"
        Image.new("RGB", (8, 8)).save(picture)
        file.write_text(answer, encoding="utf-8")
        try:
            [found] = read_questions(file)
        except ValueError as error:
            said = str(error).replace(f"{folder}/", "")
            raise Off(f"The library cannot read it: {said}.") from error
        if not found.image.samefile(picture):
            raise Off('The picture is "images/1.png", as it is seen from the file of lines.')
    if found.question.lower() != "can you eat it?":
        raise Off(f'The question is "can you eat it?", yours is {json.dumps(found.question)}.')
    if len(found.answers) == 1:
        raise Off('Ten people were asked: "answers" takes a list, one a person.')
    if len(found.answers) != 10:
        raise Off(f"Ten people were asked, your line has {len(found.answers)} answers.")
    said = [normalise_answer(one) for one in found.answers]
    if (said.count("yes"), said.count("no")) == (3, 7):
        raise Off("The other way round: seven said yes.")
    if (said.count("yes"), said.count("no")) != (7, 3):
        raise Off(f"Seven times yes and three times no are wanted, yours are {said}.")
    return "The reader of the library understood it as you meant it."


@exercise("09.2")
def loss(answer: Any) -> str:
    """Binary cross-entropy of one question."""
    half, sure = np.log(2), np.log(1 + np.exp(-2))
    found = number(answer)
    if close(found, half + sure):
        return "log 2 for the one, a little for the other."
    if close(found, (half + sure) / 2):
        raise Off("Answers are summed; only questions are averaged, and there is one.")
    if close(found, -half - sure):
        raise Off("The sign: a loss of this kind is never negative.")
    if close(found, (half + sure) / np.log(2)):
        raise Off("Use the natural logarithm.")
    if close(found, 0.6 * half + sure):
        raise Off("The other side of the first answer is missing: (1 - t) log(1 - s).")
    shares = np.exp([0.0, 2.0]) / np.exp([0.0, 2.0]).sum()
    if close(found, -(0.6 * np.log(shares[0]) + np.log(shares[1]))):
        raise Off("That is a softmax: here every answer is judged on its own, by a sigmoid.")
    raise Off("Of each answer -(t log s + (1 - t) log(1 - s)) with s = sigmoid(logit); then add.")


@exercise("09.3")
def best_constant(answer: Any) -> str:
    """The majority by score, which is not the majority by count."""
    questions = [
        ["red"] * 10,
        ["red"] * 10,
        ["blue"] * 4 + ["green"] * 6,
        ["blue"] * 3 + ["gray"] * 7,
        ["blue"] * 2 + ["pink"] * 8,
    ]
    given, worth = _pair(run(answer, [list(ten) for ten in questions]))
    if given == "red":
        raise Off(
            'Of the example "red" is said more often, and is the majority in more questions, '
            'but "blue" scores more.'
        )
    if given != "blue":
        raise Off(f'Of the example it is "blue", yours {given!r}.')
    if close(worth, 2.5):
        raise Off("Divide by the number of questions: a mean score is wanted.")
    if close(worth, 50):
        raise Off("As a share, not in percent: between 0 and 1.")
    if close(worth, 9 / 50):
        raise Off("That is how many people say it; the score is full from four of ten on.")
    if close(worth, (1 + 1 + 2 / 3) / 5):
        raise Off("Leave each of the ten out once: three people are worth 0.9, two 0.6.")
    if not close(worth, 0.5):
        raise Off(f'Always "blue" scores 0.5 in the example, yours says {worth:.3f}.')
    spelled = [["Two", "2", "two.", "the two", *"abcdef"]] * 2 + [
        ["ten"] * 2 + list("ghijklmn")
    ] * 2
    given, worth = _pair(run(answer, [list(ten) for ten in spelled]))
    if normalise_answer(given) != "2":
        raise Off('"Two", "2" and "two." are one answer: normalise before you compare.')
    truth = np.mean([answer_scores(ten).get("2", 0.0) for ten in spelled])
    if not close(worth, truth):
        raise Off(f'There "2" scores {truth:.3f} on average, yours says {worth:.3f}.')
    return "Every score stands beside this one, or it says nothing."


def _pair(result: Any) -> tuple[str, float]:
    if not isinstance(result, tuple | list) or len(result) != 2 or not isinstance(result[0], str):
        raise Off("A pair is wanted: the answer, and what it scores.")
    return result[0], number(result[1])


@exercise("09.4")
def honest(answer: Any) -> str:
    """What was chosen by a set is not measured on it."""
    found = chosen(answer, "abcd")
    if "a" in found:
        raise Off("a: the step is chosen by val, and its score on val is then too high.")
    if "d" in found:
        raise Off("d: the best of ten is chosen by test itself, so test no longer tells.")
    if "b" not in found:
        raise Off("b is honest: nothing was chosen by looking.")
    if "c" not in found:
        raise Off("c is honest: val chose, and test, which nobody looked at, measures.")
    return "Whatever was chosen by a set cannot be measured on it."


def _kind(answer: Any) -> str:
    return f"a {type(answer).__name__}"
