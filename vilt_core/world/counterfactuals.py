"""Counterfactuals: a scene, one change of it, and a question whose true answer the change turns.

"Move the cat to the right and ask again." A model that looks must change its mind with the scene;
one that guesses from the words cannot, for the words stay.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from vilt_core.world.composing import MOST, beyond_training
from vilt_core.world.inventory import Inventory
from vilt_core.world.questions import question, questions
from vilt_core.world.reading import Reading, answered, read_question
from vilt_core.world.scenes import COUNTS, Scene, SceneObject
from vilt_core.world.sprites import COLORS, Sprite, sprites

CHANGES = ("move", "paint", "remove", "add")
_ASKED = 20  # questions of which one must turn, and as many of each kind that moves turn
_FAR = 0.3  # the shortest move, in sides of the picture
_STOPS = (0.2, 0.35, 0.5, 0.65, 0.8)
_HEADINGS = (("x", 1, "to the right"), ("x", -1, "to the left"), ("y", -1, "up"), ("y", 1, "down"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterfactual:
    """One change and what it turns.

    Attributes:
        change: one of CHANGES.
        says: the change as a command, "move the cat to the right".
        scene: the scene after it.
        question: what to ask before and after.
        before: the true answer before.
        after: the true answer after, another one.
    """

    change: str
    says: str
    scene: Scene
    question: str
    before: str
    after: str


def counterfactuals(scene: Scene, draw) -> list[Counterfactual]:
    """At most one of every change that the scene allows, in the order of CHANGES.

    No change leads further from the training scenes than the scene already is. Of scenes with no
    sticker, or more than training scenes have, nothing is asked.

    Args:
        scene: a composed scene.
        draw: a callable that gives floats in [0, 1): the only source of chance.
    """
    if not 1 <= len(scene.objects) <= len(COUNTS):
        return []
    known = set(beyond_training(scene))
    asked = _questions(scene, draw)
    found = []
    for change, edits in (
        ("move", _moves(scene)),
        ("paint", _paints(scene)),
        ("remove", _removals(scene)),
        ("add", _additions(scene)),
    ):
        tried = [edit for edit in edits if known.issuperset(beyond_training(edit[2]))]
        random.Random(draw()).shuffle(tried)
        turned = (_turned(change, edit, asked) for edit in tried)
        found.append(next((one for one in turned if one is not None), None))
    return [one for one in found if one is not None]


_Asked = tuple[str, Reading, str]  # a question, what it means, its true answer
_Edit = tuple[str, str, Scene]  # the command, the noun that the question should speak of, the scene


def _questions(scene: Scene, draw) -> list[_Asked]:
    """Questions with a plain answer, the short ones first."""
    asked = questions(scene, draw, count=_ASKED)
    for kind in ("spatial", "relation"):  # what a move can turn
        asked += filter(None, (question(scene, draw, kind=kind) for _ in range(_ASKED)))
    texts = sorted({one.text for one in asked}, key=_length)
    readings = ((text, read_question(text)) for text in texts)
    known = ((text, reading, reading and answered(reading, scene)) for text, reading in readings)
    return [(text, reading, answer) for text, reading, answer in known if reading and answer]


def _length(text: str) -> tuple[int, str]:
    return len(text), text


def _turned(change: str, edit: _Edit, asked: list[_Asked]) -> Counterfactual | None:
    """The first question about the changed noun whose answer is another one afterwards."""
    says, noun, scene = edit
    for text, reading, before in asked:
        after = answered(reading, scene) if noun in text else None
        if after is not None and after != before:
            return Counterfactual(
                change=change, says=says, scene=scene, question=text, before=before, after=after
            )
    return None


def _moves(scene: Scene) -> Iterator[_Edit]:
    for at, thing in _alone(scene):
        for axis, sign, words in _HEADINGS:
            here = getattr(thing, axis)
            for stop in _STOPS:
                if sign * (stop - here) >= _FAR:
                    moved = replace(thing, **{axis: stop})
                    label = thing.sprite.label
                    yield f"move the {label} {words}", thing.noun, _with(scene, at, moved)


def _paints(scene: Scene) -> Iterator[_Edit]:
    shapes = {(sprite.name, sprite.color): sprite for sprite in sprites()}
    for at, thing in _alone(scene):
        for color in COLORS if thing.color is not None else ():
            sprite: Sprite = shapes[thing.noun, color]
            if color != thing.color:
                painted = replace(thing, sprite=sprite)
                says = f"paint the {thing.sprite.label} {color}"
                yield says, thing.noun, _with(scene, at, painted)


def _removals(scene: Scene) -> Iterator[_Edit]:
    if len(scene.objects) > 1:
        for at, thing in _alone(scene):
            left = (*scene.objects[:at], *scene.objects[at + 1 :])
            says = f"take the {thing.sprite.label} away"
            yield says, thing.noun, replace(scene, objects=left)


def _additions(scene: Scene) -> Iterator[_Edit]:
    if len(scene.objects) < MOST:
        for thing in scene.objects:
            for x in _STOPS:
                for y in _STOPS:
                    twin = replace(thing, x=x, y=y)
                    says = f"add another {thing.sprite.label}"
                    yield says, thing.sprite.plural, _plus(scene, twin)


def _alone(scene: Scene) -> Iterator[tuple[int, SceneObject]]:
    """The stickers that "the cat" can speak of."""
    for _, own in Inventory(scene).kinds:
        if len(own) == 1:
            yield own[0], scene.objects[own[0]]


def _with(scene: Scene, at: int, thing: SceneObject) -> Scene:
    return replace(scene, objects=(*scene.objects[:at], thing, *scene.objects[at + 1 :]))


def _plus(scene: Scene, thing: SceneObject) -> Scene:
    return replace(scene, objects=(*scene.objects, thing))
