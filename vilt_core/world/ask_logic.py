"""Questions about two kinds of sticker at once: comparison of numbers, and "and", "or", "but no".

"Yes" or "no" is drawn first; the two are then drawn so that nothing in the words hints at it.
"""

from itertools import combinations

from vilt_core.world.grammar import fill, plural, singular
from vilt_core.world.inventory import Asked, Group, Inventory
from vilt_core.world.scenes import choose

_COMPARED = {
    "more": (
        "are there more {a} than {b}?", "are there more {a} than {b} in the picture?",
        "do you see more {a} than {b}?", "is the number of {a} greater than the number of {b}?",
    ),
    "fewer": (
        "are there fewer {a} than {b}?", "are there fewer {a} than {b} in the picture?",
        "do you see fewer {a} than {b}?", "is the number of {a} smaller than the number of {b}?",
    ),
    "same": (
        "are there as many {a} as {b}?", "are there as many {a} as {b} in the picture?",
        "do you see as many {a} as {b}?", "is the number of {a} the same as the number of {b}?",
    ),
}  # fmt: skip


_EQUAL_SHARE = 0.3  # of the untrue "more" and "fewer": there are as many


def comparison(inventory: Inventory, draw) -> Asked:
    """Are there more cats than dogs, fewer, as many?"""
    wanted = draw() < 0.5
    equal, unequal = _pairs(inventory.categories)
    if not unequal or draw() > 0.1:
        equal, unequal = _pairs([*inventory.kinds, (inventory.absent(draw, twisted=False), ())])
    word = choose(("more", "fewer", "same") if equal else ("more", "fewer"), draw)
    if word == "same":
        a, b = choose(equal if wanted else unequal, draw)
    elif not wanted and equal and draw() < _EQUAL_SHARE:
        a, b = choose(equal, draw)
    else:
        a, b = choose(unequal, draw)
        # The larger group comes first in a true "more" and in an untrue "fewer".
        if (len(a[1]) > len(b[1])) != ((word == "more") == wanted):
            a, b = b, a
    phrase = fill(choose(_COMPARED[word], draw), a=plural(*a), b=plural(*b))
    first, second = ("count", a[0].program), ("count", b[0].program)
    if word == "same":
        return phrase, wanted, ("equal", first, second)
    return phrase, wanted, ("more", first, second) if word == "more" else ("more", second, first)


def _pairs(groups: list[Group]) -> tuple[list[tuple[Group, Group]], list[tuple[Group, Group]]]:
    """The pairs of groups that are as many, and those that are not."""
    pairs = list(combinations(groups, 2))
    return (
        [pair for pair in pairs if len(pair[0][1]) == len(pair[1][1])],
        [pair for pair in pairs if len(pair[0][1]) != len(pair[1][1])],
    )


_BOTH = {
    "and": (
        "is there {a} and {b}?", "is there {a} and {b} in the picture?", "can you see {a} and {b}?",
        "does the picture show both {a} and {b}?", "do you see both {a} and {b}?",
    ),
    "or": (
        "is there {a} or {b}?", "is there {a} or {b} in the picture?", "can you see {a} or {b}?",
        "does the picture show {a} or {b}?", "do you see {a} or {b}?",
    ),
    "but": (
        "is there {a} but no {c}?", "is there {a} but no {c} in the picture?",
        "do you see {a} but no {c}?", "does the picture show {a} but no {c}?",
    ),
}  # fmt: skip
# Which of the two are there, by the answer. Scenes of a single kind never have both.
_PRESENT = {
    ("and", True): ((True, True),),
    ("and", False): ((True, False), (False, True), (True, False), (False, True), (False, False)),
    ("or", True): ((True, False), (False, True), (True, True)),
    ("or", False): ((False, False),),
    ("but", True): ((True, False),),
    ("but", False): ((True, True), (True, True), (False, False), (False, True)),
}


def logic(inventory: Inventory, draw) -> Asked:
    """Is there a cat and a dog, a cat or a dog, a cat but no dog?"""
    wanted = draw() < 0.5
    several = len(inventory.kinds) > 1
    word = choose(("and", "or", "but") if several else ("or", "but"), draw)
    present = choose([p for p in _PRESENT[word, wanted] if several or not all(p)], draw)
    a, b = _two(inventory, present, draw)
    phrase = fill(choose(_BOTH[word], draw), a=singular(*a), b=singular(*b), c=singular(*b, ""))
    first, second = ("exists", a[0].program), ("exists", b[0].program)
    if word == "but":
        return phrase, wanted, ("and", first, ("not", second))
    return phrase, wanted, (word, first, second)


def _two(inventory: Inventory, present: tuple[bool, bool], draw) -> tuple[Group, Group]:
    """Two different groups, each present or absent as asked."""
    while True:
        a, b = (
            choose(inventory.kinds, draw) if here else (inventory.absent(draw, twisted=False), ())
            for here in present
        )
        if a[0] is not b[0]:
            return a, b
