"""Exercises and their checkers: an answer in, what is off about it in a sentence out."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

Checker = Callable[[Any], str]  # gives a word on why the answer is right, or raises Off
_CHECKERS: dict[str, Checker] = {}


class Off(Exception):
    """What is off about an answer, said to the one who gave it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a checker made of an answer."""

    right: bool
    message: str


def exercise(name: str) -> Callable[[Checker], Checker]:
    """Declare the checker of an exercise, such as "05.2"."""

    def declare(checker: Checker) -> Checker:
        _CHECKERS[name] = checker
        return checker

    return declare


def check(name: str, answer: Any) -> None:
    """Say whether an answer is right, and what is off where it is not."""
    print(verdict(name, answer).message)  # noqa: T201 - this is what a notebook's cell shows


def verdict(name: str, answer: Any) -> Verdict:
    """What ``check`` says.

    Raises:
        ValueError: There is no such exercise.
    """
    checker = _checker(name)
    if answer is ... or answer is None or _is_unwritten(answer):
        return Verdict(
            right=False, message=f"{name}: put your answer in place of the dots, then run this cell"
        )
    try:
        why = checker(answer)
    except Off as off:
        return Verdict(right=False, message=f"{name}: not yet. {off}")
    return Verdict(right=True, message=f"{name}: right. {why}")


def exercises(lesson: str) -> list[str]:
    """The names of a notebook's exercises, by its number, such as "05"."""
    importlib.import_module(f"lesson.exercises_{lesson}")
    return sorted(name for name in _CHECKERS if name.startswith(f"{lesson}."))


def _checker(name: str) -> Checker:
    if not isinstance(name, str) or not name[:2].isdigit():
        raise ValueError(f'expected the name of an exercise, such as "05.2", got {name!r}')
    try:
        known = exercises(name[:2])
    except ModuleNotFoundError:
        known = []
    if name not in known:
        raise ValueError(f"there is no exercise {name!r}; there are: {', '.join(known) or 'none'}")
    return _CHECKERS[name]


def _blank() -> None: ...


def _blank_with_words() -> None:
    """Nothing yet."""
    ...


def _is_unwritten(answer: Any) -> bool:
    """Whether a function is still the one that the notebook hands out: its body is dots alone."""
    code = getattr(answer, "__code__", None)
    blanks = (_blank.__code__.co_code, _blank_with_words.__code__.co_code)
    if code is None or code.co_code not in blanks:
        return False
    return set(code.co_consts) <= {None, answer.__doc__}


# What the checkers have in common


def run(function: Any, *arguments: Any) -> Any:
    """What a student's function gives, or Off: what it raised."""
    if not callable(function):
        raise Off(f"A function is wanted, this is a {type(function).__name__}.")
    try:
        result = function(*arguments)
    except Exception as error:
        raise Off(f"Your function raised {type(error).__name__}: {error}") from error
    if result is None:
        raise Off("Your function gives nothing back: does it end with return?")
    return result


def array(answer: Any, *, what: str = "the answer") -> np.ndarray:
    """An array of float64 from whatever holds numbers, or Off."""
    if isinstance(answer, torch.Tensor):
        answer = answer.detach().cpu().numpy()
    try:
        return np.asarray(answer, dtype=float)
    except (TypeError, ValueError) as error:
        raise Off(f"Numbers are wanted, {what} is a {type(answer).__name__}.") from error


def number(answer: Any) -> float:
    """One number, or Off."""
    found = array(answer)
    if found.size != 1:
        raise Off(f"One number is wanted, got {found.size} of them.")
    return float(found.reshape(()))


def yes_or_no(answer: Any) -> bool:
    """True or False from one truth value, or Off."""
    if isinstance(answer, torch.Tensor):
        answer = answer.detach().cpu().numpy()
    try:
        found = np.asarray(answer).item()
    except ValueError:  # several of them
        found = None
    if not isinstance(found, bool | int):
        raise Off("True or False is wanted.")
    return bool(found)


def close(mine: Any, truth: Any, *, tolerance: float = 1e-4) -> bool:
    """Whether two arrays have one shape and nearly the same numbers."""
    mine, truth = array(mine), array(truth)
    return mine.shape == truth.shape and bool(
        np.allclose(mine, truth, rtol=tolerance, atol=tolerance)
    )


def shaped(answer: Any, shape: tuple[int, ...], *, what: str = "the result") -> np.ndarray:
    """The array, or Off where it has another shape."""
    found = array(answer, what=what)
    if found.shape != shape:
        raise Off(f"{what[0].upper()}{what[1:]} must have shape {shape}, yours has {found.shape}.")
    return found


def chosen(answer: Any, letters: str) -> set[str]:
    """The letters of an answer, out of those that there are, or Off."""
    if not isinstance(answer, set | list | tuple | str):
        raise Off('A set of letters is wanted, such as {"a", "b"}.')
    found = {str(letter).lower() for letter in answer} - {" ", ","}  # as of "a, b"
    if strange := found - set(letters):
        first, last = letters[0], letters[-1]
        raise Off(f"There is no {', '.join(sorted(strange))}: choose from {first} to {last}.")
    return found
