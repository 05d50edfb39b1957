"""Questions about stickers one kind at a time: existence, count, attribute, category.

The words alone must not give the answer away. So "yes" or "no" is drawn first, and what is asked
about is then drawn in the same way for both; a count is drawn first among those the scene offers.
"""

from vilt_core.world.grammar import (
    ALL,
    STICKER,
    Phrase,
    Term,
    fill,
    plural,
    shape_terms,
    singular,
)
from vilt_core.world.inventory import Asked, Group, Inventory, barred, weighted
from vilt_core.world.scenes import choose
from vilt_core.world.sprites import COLORS, SHAPES

_IS_THERE = (
    "is there {one}?", "is there {one} in the picture?", "is there {one} here?",
    "can you see {one}?", "do you see {one} in this picture?", "does the picture show {one}?",
    "does the image contain {one}?", "are there any {many}?", "do you see any {many}?",
    "are there any {many} in the picture?",
)  # fmt: skip


def existence(inventory: Inventory, draw) -> Asked:
    """Is there a cat, a red heart, a heart, a red shape, an animal?"""
    wanted = draw() < 0.5
    term, own = _present_or_absent(inventory, wanted, draw)
    phrase = fill(choose(_IS_THERE, draw), one=singular(term, own), many=plural(term, own))
    return phrase, wanted, ("exists", term.program)


def _present_or_absent(inventory: Inventory, present: bool, draw) -> Group:
    """A group of the scene, or one that it lacks: of the same sorts equally often."""
    sort = draw()
    if sort < 0.15:
        if not present:
            return inventory.absent_category(draw), ()
        name = choose(inventory.kinds, draw)[0].category
        return next(group for group in inventory.categories if group[0].name == name)
    if sort < 0.35 and 0 < len(inventory.shapes) < len(SHAPES):
        if present:
            return choose(inventory.shapes, draw)
        here = {term.name for term, _ in inventory.shapes}
        return shape_terms()[choose([name for name in SHAPES if name not in here], draw)], ()
    if sort < 0.5 and 0 < len(inventory.paints) < len(COLORS):
        return choose(inventory.paints, draw) if present else (inventory.absent_paint(draw), ())
    return choose(inventory.kinds, draw) if present else (inventory.absent(draw), ())


_HOW_MANY = (
    "how many {many} are there?", "how many {many} are there?", "how many {many} do you see?",
    "how many {many} are in the picture?", "how many {many} can you count?",
    "what is the number of {many}?", "how many {many} does the picture show?",
)  # fmt: skip
# Of the answers 0 to 6, where the scene offers them: few scenes offer many of a kind.
_COUNT_WEIGHTS = (1.0, 0.9, 2.4, 3.2, 4.2, 5.0, 5.0)
_PAINT_SHARE = 0.4  # of the kinds that are alone in their colour: "red shapes", not "red hearts"
_NO_PAINT_SHARE = 0.06  # of the zeros: "red shapes"


def count(inventory: Inventory, draw) -> Asked:
    """How many cats, red hearts, hearts, red shapes, animals, stickers are there?"""
    kinds = {own for _, own in inventory.kinds}
    many_colored = [g for g in inventory.shapes + inventory.paints if g[1] not in kinds]
    offered: dict[int, list[Group]] = {0: []}
    for group in inventory.kinds + many_colored + inventory.categories:
        offered.setdefault(len(group[1]), []).append(group)
    if draw() < 0.4:
        everything = tuple(range(len(inventory.scene.objects)))
        offered.setdefault(len(everything), []).append((STICKER, everything))
    number = weighted(list(offered), [_COUNT_WEIGHTS[n] for n in offered], draw)
    if number:
        term, own = choose(offered[number], draw)
        paint = next((group for group in inventory.paints if group[1] == own), None)
        if paint is not None and draw() < _PAINT_SHARE:
            term = paint[0]
    elif len(inventory.paints) < len(COLORS) and draw() < _NO_PAINT_SHARE:
        term, own = inventory.absent_paint(draw), ()
    else:
        term = inventory.absent_category(draw) if draw() < 0.3 else inventory.absent(draw)
        own = ()
    phrase = fill(choose(_HOW_MANY, draw), many=plural(term, own))
    return phrase, number, ("count", term.program)


_WHAT_COLOR = (
    "what color {is} {it}?", "what color {is} {it}?", "what is the color of {it}?",
    "which color {does} {it} have?",
)  # fmt: skip
_IS_IT = ("is {it} {color}?", "is {it} {color}?", "is the color of {it} {color}?")
_WHICH_SHAPE = (
    "which shape is {color}?",
    "what shape is {color}?",
    "which of the shapes is {color}?",
)
_BACKGROUND = (
    "what color is the background?", "what is the color of the background?",
    "which color does the background have?",
)  # fmt: skip
_BACKGROUND_SHARE = 0.06, 0.11  # in scenes with shapes, and in others


def attribute(inventory: Inventory, draw) -> Asked | None:
    """What color is the heart, is it red, which shape is red, what color is the background?"""
    things = inventory.scene.objects
    plain = [g for g in inventory.shapes if len({things[i].color for i in g[1]}) == 1]
    # Every scene has a background: asked of all, it would drown the colours of the shapes.
    if draw() < _BACKGROUND_SHARE[not plain]:
        return Phrase(choose(_BACKGROUND, draw)), inventory.scene.background, ("background",)
    if not plain:
        return None
    shape, own = choose(plain, draw)
    color = things[own[0]].color
    assert color is not None
    sort = draw()
    if sort < 0.25 and len(own) == 1:
        return _is_it(inventory, shape, own, color, draw)
    if sort < 0.4 and len({o.noun for o in things if o.color == color}) == 1:
        program = ("noun", ("filter", "color", color, ALL))
        return fill(choose(_WHICH_SHAPE, draw), color=color), shape.name, program
    words = {"is": "is", "does": "does", "it": singular(shape, own, "the")}
    if len(own) > 1:
        words = {"is": "are", "does": "do", "it": plural(shape, own, "the")}
    return fill(choose(_WHAT_COLOR, draw), **words), color, ("color", shape.program)


def _is_it(inventory: Inventory, shape: Term, own: tuple[int, ...], color: str, draw) -> Asked:
    wanted = draw() < 0.5
    asked = color
    seen = [o.color for o in inventory.scene.objects if o.color not in (None, color)]
    while not wanted and (asked == color or barred(asked, shape.name, inventory.scene.split)):
        asked = choose(seen, draw) if seen and draw() < 0.3 else choose(COLORS, draw)
    phrase = fill(choose(_IS_IT, draw), it=singular(shape, own, "the"), color=asked)
    return phrase, wanted, ("equal", ("color", shape.program), asked)


_WHAT_KIND = (
    "{what} is in the picture?", "{what} is in the picture?", "{what} do you see?",
    "{what} can you see here?", "{what} does the picture show?",
)  # fmt: skip


def category(inventory: Inventory, draw) -> Asked | None:
    """What animal is in the picture?"""
    things = inventory.scene.objects
    alone = [g for g in inventory.categories if len({things[i].noun for i in g[1]}) == 1]
    if not alone:
        return None
    term, own = choose(alone, draw)
    what = singular(term, own, choose(("what", "which", "what kind of"), draw))
    return fill(choose(_WHAT_KIND, draw), what=what), things[own[0]].noun, ("noun", term.program)
