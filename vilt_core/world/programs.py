"""The program language: what a text of the world claims or asks, and the interpreter that decides.

A program is nested tuples of strings and whole numbers, so that it survives JSON. ``execute``
reads it against a scene alone; it knows nothing of the grammar, and so can check what that says.

    sets        ("all",)  ("filter", "noun" | "color" | "category" | "place", word, SET)
                ("related", relation, SET, LANDMARKS)  ("extreme", one of EXTREMES, SET)
    numbers     an int  ("count", SET)  ("sum", a, b)
    words       a str  ("noun", SET)  ("color", SET)  ("background",)  ("texture",)
    sequences   ("sequence", "x" | "y", SET)  ("labels", label, ...)
    booleans    ("exists", SET)  ("equal", a, b)  ("more", a, b)
                ("not", p)  ("and", p, ...)  ("or", p, ...)
    an object   ("only", SET)
    of a pair   ("left", p)  ("right", p)

The truth of every spatial word is defined here and nowhere else.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from vilt_core.world.scenes import Scene, SceneObject

Program = tuple[Any, ...]

RELATIONS = ("left", "right", "above", "below", "near")
OPPOSITE = {"left": "right", "right": "left", "above": "below", "below": "above"}

# Shifts of a centre, as fractions of the picture's side: between the two it is too close to tell.
_SHIFTED, _NOT_SHIFTED = 0.12, 0.04
# The gap between two stickers' cells, likewise.
_NEAR, _NOT_NEAR = 0.06, 0.20
# How many times the area of the next one the largest has, and the smallest has of it.
_GROWN = 1.3
# The nine places: where a centre's third of the picture begins and ends.
_LOW, _HIGH = 0.37, 0.63
# How far outside of a place a centre is that nobody could still take to be there.
_PLAINLY_OUTSIDE = 0.08
PLACES = (
    ("top left", "top", "top right"),
    ("left", "middle", "right"),
    ("bottom left", "bottom", "bottom right"),
)


def related(subject: SceneObject, relation: str, landmark: SceneObject) -> bool | None:
    """Whether the subject is ``relation`` the landmark: None where it is too close to tell.

    "left", "right", "above" and "below" compare centres along one axis; "near" (next to) takes the
    distance of the centres less the two half sizes.

    Raises:
        ValueError: an unknown relation.
    """
    if relation == "left":
        shift = landmark.x - subject.x
    elif relation == "right":
        shift = subject.x - landmark.x
    elif relation == "above":
        shift = landmark.y - subject.y
    elif relation == "below":
        shift = subject.y - landmark.y
    elif relation == "near":
        gap = math.hypot(subject.x - landmark.x, subject.y - landmark.y)
        gap -= (subject.size + landmark.size) / 2
        return True if gap <= _NEAR else False if gap >= _NOT_NEAR else None
    else:
        raise ValueError(f"relation must be one of {RELATIONS}, got {relation!r}")
    return True if shift > _SHIFTED else False if shift < _NOT_SHIFTED else None


def place(thing: SceneObject) -> str:
    """Which of the nine places the centre lies in."""
    row = 0 if thing.y < _LOW else 1 if thing.y <= _HIGH else 2
    column = 0 if thing.x < _LOW else 1 if thing.x <= _HIGH else 2
    return PLACES[row][column]


def row_and_column(spot: str) -> tuple[int, int]:
    """Where in ``PLACES`` one of the nine places is."""
    return next((r, c) for r in range(3) for c in range(3) if PLACES[r][c] == spot)


def arguably_in(thing: SceneObject, spot: str) -> bool:
    """Whether somebody could think that the centre lies in one of the nine places."""
    row, column = row_and_column(spot)
    edges = (-math.inf, _LOW, _HIGH, math.inf)
    return all(
        edges[third] - _PLAINLY_OUTSIDE < at < edges[third + 1] + _PLAINLY_OUTSIDE
        for at, third in ((thing.x, column), (thing.y, row))
    )


# What "leftmost" and its like make smallest.
_EXTREMES: dict[str, Callable[[SceneObject], float]] = {
    "leftmost": lambda thing: thing.x,
    "rightmost": lambda thing: -thing.x,
    "topmost": lambda thing: thing.y,
    "lowest": lambda thing: -thing.y,
    "largest": lambda thing: -_area(thing),
    "smallest": lambda thing: _area(thing),
}
EXTREMES = tuple(_EXTREMES)


def _area(thing: SceneObject) -> float:
    x0, y0, x1, y1 = thing.box
    return (x1 - x0) * (y1 - y0)


def stands_out(chosen: SceneObject, others: Sequence[SceneObject], extreme: str) -> bool:
    """Whether nobody could doubt that ``chosen`` is the "leftmost" or the "largest" of them."""
    if extreme in ("largest", "smallest"):
        grown = 1 if extreme == "largest" else -1
        area = _area(chosen)
        return all((area / _area(other)) ** grown > _GROWN for other in others)
    key = _EXTREMES[extreme]
    return all(key(other) - key(chosen) > _SHIFTED for other in others)


def execute(
    program: Program | list[Any] | int | str,
    scene: Scene,
    right: Scene | None = None,
    *,
    doubt: bool = False,
) -> Any:
    """Run a program on a scene, or on a pair of scenes.

    Args:
        program: nested tuples (or lists, as JSON gives them back).
        scene: the scene; the left one of a pair.
        right: the right scene of a pair.
        doubt: what a relation counts as where it is too close to tell.

    Returns:
        A bool, an int, a str, the index of one object, or a tuple of indices or of labels.

    Raises:
        ValueError: a form that the language does not have, or a "noun", "color" or "only" of a set
            in which it is not one and the same.
    """
    if isinstance(program, (int, str)):
        return program

    run = partial(execute, scene=scene, right=right, doubt=doubt)
    things = scene.objects
    match program:
        case ("all",):
            return tuple(range(len(things)))
        case ("filter", "place", word, group):
            return tuple(i for i in run(group) if place(things[i]) == word)
        case ("filter", "noun" | "color" | "category" as key, word, group):
            return tuple(i for i in run(group) if getattr(things[i], key) == word)
        case ("related", relation, group, landmarks):
            marks = [things[i] for i in run(landmarks)]
            return tuple(
                i
                for i in run(group)
                if any(
                    mark is not things[i] and (doubt if known is None else known)
                    for mark in marks
                    for known in (related(things[i], relation, mark),)
                )
            )
        case ("extreme", word, group):
            return (min(run(group), key=lambda i: _EXTREMES[word](things[i])),)
        case ("count", group):
            return len(run(group))
        case ("noun" | "color" as key, group):
            return _one({getattr(things[i], key) for i in run(group)}, program)
        case ("only", group):
            return _one(run(group), program)
        case ("background" | "texture" as key,):
            return getattr(scene, key)
        case ("sequence", "x" | "y" as axis, group):
            order = sorted(run(group), key=lambda i: getattr(things[i], axis))
            return tuple(things[i].sprite.label for i in order)
        case ("labels", *labels):
            return tuple(labels)
        case ("exists", group):
            return len(run(group)) > 0
        case ("equal", first, second):
            return run(first) == run(second)
        case ("more", first, second):
            return run(first) > run(second)
        case ("not", claim):
            return not run(claim)
        case ("and", *claims):
            return all(run(claim) for claim in claims)
        case ("or", *claims):
            return any(run(claim) for claim in claims)
        case ("sum", first, second):
            return run(first) + run(second)
        case ("left", part):
            return execute(part, scene, doubt=doubt)
        case ("right", part) if right is not None:
            return execute(part, right, doubt=doubt)
    raise ValueError(f"no such program: {program!r}")


def answer_word(value: bool | int | str) -> str:
    """A result as the answer vocabulary says it: "yes", "no", a digit or a word."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _one(found: Any, program: Program | list[Any]) -> Any:
    if len(found) != 1:
        raise ValueError(f"expected exactly one result, got {len(found)} from {program!r}")
    return next(iter(found))
