"""Referring expressions: words that pick one sticker out of a scene.

An expression is kept only where nobody could take it for another sticker: the target stands out by
the margins of programs.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from vilt_core.world.grammar import (
    PLACE_WORDS,
    Mention,
    Phrase,
    Term,
    fill,
    relation_words,
    singular,
)
from vilt_core.world.inventory import Group, Inventory, kept_apart, sayable
from vilt_core.world.programs import EXTREMES, RELATIONS, Program, place, related, stands_out
from vilt_core.world.scenes import Scene, choose

FORMS = ("alone", "extreme", "place", "relation")
_HELD_OUT = "held out"  # a relation that only the compositional split may tell: by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Referring:
    """An expression and the one object that it means.

    Attributes:
        text: the expression, in lower case.
        target: the object's index in ``Scene.objects``.
        form: how the object is told from the rest, one of FORMS.
        box: the object's box, (x0, y0, x1, y1) in the unit square.
        mentions: every noun phrase and the objects it speaks of; the target's comes first.
        program: finds the target when executed on the scene.
    """

    text: str
    target: int
    form: str
    box: tuple[float, float, float, float]
    mentions: tuple[Mention, ...]
    program: Program


def referring(scene: Scene, draw) -> Referring | None:
    """An expression for a random object of the scene; None where nothing stands out.

    Args:
        scene: what it is about.
        draw: a callable that gives floats in [0, 1): the only source of chance.
    """
    inventory = Inventory(scene)
    first = int(draw() * len(scene.objects))
    for shift in range(len(scene.objects)):
        target = (first + shift) % len(scene.objects)
        ways = {}
        for way in _ways(inventory, target, draw):
            ways.setdefault(way[0], []).append(way)
        if ways:
            form, phrase, group = choose(choose(list(ways.values()), draw), draw)
            return Referring(
                text=phrase.text,
                target=target,
                form="relation" if form == _HELD_OUT else form,
                box=scene.objects[target].box,
                mentions=phrase.mentions(),
                program=("only", group),
            )
    return None


_Way = tuple[str, Phrase, Program]


def _ways(inventory: Inventory, target: int, draw) -> Iterator[_Way]:
    """Every way to tell the target from the rest, each with its sort."""
    for group in inventory.kinds + inventory.shapes:
        term, own = group
        if target not in own:
            continue
        rest = tuple(i for i in own if i != target)
        if not rest:
            yield "alone", singular(term, own, "the"), term.program
        else:
            yield from _extremes(inventory, term, target, rest)
        yield from _places(inventory, term, target, rest, draw)
        yield from _relations(inventory, group, target, rest, draw)


def _extremes(inventory: Inventory, term: Term, target: int, rest: tuple[int, ...]):
    things = inventory.scene.objects
    for word in EXTREMES:
        if stands_out(things[target], [things[i] for i in rest], word):
            name = singular(term, (target,), f"the {word}")
            yield "extreme", name, ("extreme", word, term.program)


def _places(inventory: Inventory, term: Term, target: int, rest: tuple[int, ...], draw):
    things = inventory.scene.objects
    spot = place(things[target])
    # "at the top" would also fit another one at the top left.
    if not any(set(spot.split()) <= set(place(things[i]).split()) for i in rest):
        name = singular(term, (target,), "the")
        words = choose(PLACE_WORDS[spot][:2], draw)
        phrase = fill("{name} {words}", name=name, words=words)
        yield "place", phrase, ("filter", "place", spot, term.program)


def _relations(inventory: Inventory, group: Group, target: int, rest: tuple[int, ...], draw):
    things, split = inventory.scene.objects, inventory.scene.split
    term = group[0]
    for landmark, mark in inventory.kinds:
        if len(mark) != 1 or mark[0] == target or landmark.name == term.name:
            continue
        for word in RELATIONS:
            if not sayable(term.name, word, split):
                continue
            if not related(things[target], word, things[mark[0]]):
                continue
            if any(related(things[i], word, things[mark[0]]) is not False for i in rest):
                continue
            phrase = fill(
                "{name} {relation} {landmark}",
                name=singular(term, (target,), "the"),
                relation=relation_words(word, draw),
                landmark=singular(landmark, mark, "the"),
            )
            apart = split == "composition" and kept_apart(term.name, word)
            yield (
                _HELD_OUT if apart else "relation",
                phrase,
                ("related", word, term.program, landmark.program),
            )
