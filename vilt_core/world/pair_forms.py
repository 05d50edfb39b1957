"""The forms that a statement about two pictures can take, each with its words and its program.

A form gets the label it is to have, and finds something of which it then is true or false. It
declines where these two pictures could not make it both: the form itself never tells the label.
"""

from collections.abc import Callable
from typing import NamedTuple

from vilt_core.world.grammar import (
    STICKER,
    TOTALS,
    Phrase,
    Term,
    counted,
    plural,
    singular,
)
from vilt_core.world.inventory import Inventory
from vilt_core.world.programs import Program
from vilt_core.world.scenes import Scene, choose


class Couple:
    """What two scenes hold: terms, and how many of each there are on either side."""

    def __init__(self, left: Scene, right: Scene):
        self.sides = (Inventory(left), Inventory(right))
        self.kinds = list(dict.fromkeys(term for side in self.sides for term, _ in side.kinds))
        self.categories = list(
            dict.fromkeys(term for side in self.sides for term, _ in side.categories)
        )

    def own(self, term: Term, side: int) -> tuple[int, ...]:
        """The objects of one scene that a term names."""
        here = self.sides[side]
        if term is STICKER:
            return tuple(range(len(here.scene.objects)))
        groups = here.kinds if term.key == "noun" else here.categories
        return next((own for known, own in groups if known is term), ())

    def counts(self, term: Term) -> tuple[int, int]:
        """How many on the left, how many on the right."""
        return len(self.own(term, 0)), len(self.own(term, 1))

    def absent(self, draw) -> Term:
        """A kind that neither scene has."""
        while True:
            term = self.sides[0].absent(draw)
            if term not in self.kinds:
                return term


_Slot = Callable[[Couple, int], Phrase | str]


class Said(NamedTuple):
    """A statement to be: a template, what speaks its slots for either side, and its claim."""

    template: str
    slots: dict[str, _Slot]
    program: Program


def _word(word: str) -> _Slot:
    return lambda _both, _side: word


def _named(say: Callable[..., Phrase], term: Term, *extra: str) -> _Slot:
    return lambda both, side: say(term, both.own(term, side), *extra)


def _exists(term: Term, side: int) -> Program:
    return (SIDES[side], ("exists", term.program))


def _count(term: Term, side: int) -> Program:
    return (SIDES[side], ("count", term.program))


SIDES = ("left", "right")
_SIDED = {
    "more": (
        "the {side} image has more {many} than the {other} one",
        "there are more {many} in the {side} image than in the {other} one",
        "the {side} picture shows more {many} than the {other} picture",
    ),
    "fewer": (
        "the {side} image has fewer {many} than the {other} one",
        "there are fewer {many} in the {side} image than in the {other} one",
        "the {side} picture shows fewer {many} than the {other} picture",
    ),
    "one": (
        "the {side} image shows {one}", "there is {one} in the {side} image",
        "the {side} picture contains {one}",
    ),
    "number": (
        "there {is} exactly {number} in the {side} image", "the {side} image has exactly {number}",
        "the {side} picture shows exactly {number}",
    ),
}  # fmt: skip
_UNEQUAL_SHARE = 0.75  # of the untrue "more" and "fewer": it is the other way round


def _compared(both: Couple, label: bool, draw) -> Said | None:
    """More or fewer of something on one side than on the other."""
    pool = [STICKER] if draw() < 0.2 else both.categories if draw() < 0.2 else both.kinds
    unequal = [term for term in pool if len(set(both.counts(term))) == 2]
    equal = [term for term in pool if term not in unequal]
    if not unequal:
        return None
    word, side = choose(("more", "fewer"), draw), int(draw() * 2)
    if not label and equal and draw() > _UNEQUAL_SHARE:
        term = choose(equal, draw)
    else:
        term = choose(unequal, draw)
        larger = both.counts(term).index(max(both.counts(term)))
        side = larger if (word == "more") == label else 1 - larger
    slots = {
        "side": _word(SIDES[side]),
        "other": _word(SIDES[1 - side]),
        "many": _named(plural, term),
    }
    a, b = (side, 1 - side) if word == "more" else (1 - side, side)
    program = ("more", _count(term, a), _count(term, b))
    return Said(choose(_SIDED[word], draw), slots, program)


_SAME_NUMBER = (
    "both images have the same number of {many}",
    "there are as many {many} in the left image as in the right one",
    "the two images show equally many {many}",
)


def _same_number(both: Couple, label: bool, draw) -> Said | None:
    equal = [term for term in both.kinds if len(set(both.counts(term))) == 1]
    unequal = [term for term in both.kinds if term not in equal]
    if not equal or not unequal:
        return None
    term = choose(equal if label else unequal, draw)
    program = ("equal", _count(term, 0), _count(term, 1))
    return Said(choose(_SAME_NUMBER, draw), {"many": _named(plural, term)}, program)


_SHOWN = {
    "both": (
        "both images show {one}", "there is {one} in both images", "both pictures contain {one}",
        "{one} can be seen in both images", "each image has {one}",
    ),
    "exactly one": (
        "exactly one image has {one}", "only one of the images shows {one}",
        "{one} appears in exactly one of the two images", "just one of the pictures contains {one}",
    ),
    "neither": (
        "neither image shows {one}", "neither of the images has {one}",
        "there is no {none} in either image", "no {none} can be seen in the two images",
    ),
    "at least one": (
        "at least one image shows {one}", "there is {one} in at least one of the images",
        "at least one of the pictures contains {one}",
    ),
}  # fmt: skip


def _shown(form: str):
    """The maker of a form about whether one thing is here and there."""

    def make(both: Couple, label: bool, draw) -> Said | None:
        found: dict[str, list[Term]] = {"both": [], "exactly one": [], "neither": []}
        for term in both.kinds:
            found["both" if all(both.counts(term)) else "exactly one"].append(term)
        found["neither"] = [both.absent(draw)]
        true = [form] if form != "at least one" else ["both", "exactly one"]
        fitting = [name for name in found if (name in true) == label and found[name]]
        possible = any(found[name] for name in true)
        if not possible:
            return None
        term = choose(found[choose(fitting, draw)], draw)
        left, right = _exists(term, 0), _exists(term, 1)
        program = {
            "both": ("and", left, right),
            "exactly one": ("not", ("equal", left, right)),
            "neither": ("not", ("or", left, right)),
            "at least one": ("or", left, right),
        }[form]
        slots = {"one": _named(singular, term), "none": _named(singular, term, "")}
        return Said(choose(_SHOWN[form], draw), slots, program)

    return make


_TOTAL = (
    "there {is} {number} in total", "the two images have {number} in total",
    "together the images show {number}", "there {is} exactly {number} in the two images",
)  # fmt: skip


def _total(both: Couple, label: bool, draw) -> Said | None:
    """So many in both pictures together."""
    if draw() < 0.2:
        term, total = STICKER, sum(both.counts(STICKER))
        number = (
            total if label else total + choose((-1, 1) if total < len(TOTALS) - 1 else (-1,), draw)
        )
    else:
        found = _numbered({t: sum(both.counts(t)) for t in both.kinds}, label, draw)
        if found is None:
            return None
        term, number = found
    program = ("equal", ("sum", _count(term, 0), _count(term, 1)), number)
    return Said(choose(_TOTAL, draw), _with_number(term, number), program)


def _number(both: Couple, label: bool, draw) -> Said | None:
    """Exactly so many on one side."""
    side = int(draw() * 2)
    found = _numbered({term: len(own) for term, own in both.sides[side].kinds}, label, draw)
    if found is None:
        return None
    term, number = found
    slots = {"side": _word(SIDES[side]), **_with_number(term, number)}
    return Said(choose(_SIDED["number"], draw), slots, ("equal", _count(term, side), number))


def _numbered(counts: dict[Term, int], label: bool, draw) -> tuple[Term, int] | None:
    """A term with its count, or with another's: either way all numbers turn up as often."""
    pairs = [(t, u) for t in counts for u in counts if counts[t] != counts[u]]
    if not pairs:
        return None
    term, other = choose(pairs, draw)
    return (other if label else term), counts[other]


def _with_number(term: Term, number: int) -> dict[str, _Slot]:
    def say(both: Couple, side: int) -> Phrase:
        return counted(term, number, both.own(term, side), one="one")

    return {"is": _word("is" if number == 1 else "are"), "number": say}


def _on_side(both: Couple, label: bool, draw) -> Said:
    """Something on one side."""
    side = int(draw() * 2)
    term = _there(both, side, draw) if label else _not_there(both, side, draw)
    slots = {"side": _word(SIDES[side]), "one": _named(singular, term)}
    return Said(choose(_SIDED["one"], draw), slots, _exists(term, side))


_EACH = (
    "the left image has {a} and the right image has {b}",
    "there is {a} in the left image and {b} in the right one",
    "the left picture shows {a} while the right one shows {b}",
)


def _on_each_side(both: Couple, label: bool, draw) -> Said:
    """Something on the left, and something on the right."""
    terms = [_there(both, 0, draw), _there(both, 1, draw)]
    if not label:
        side = int(draw() * 2)
        terms[side] = _not_there(both, side, draw)
    program = ("and", _exists(terms[0], 0), _exists(terms[1], 1))
    slots = {"a": _named(singular, terms[0]), "b": _named(singular, terms[1])}
    return Said(choose(_EACH, draw), slots, program)


def _there(both: Couple, side: int, draw) -> Term:
    return choose(both.sides[side].kinds, draw)[0]


def _not_there(both: Couple, side: int, draw) -> Term:
    """Mostly what only the other side has."""
    only = [term for term in both.kinds if not both.own(term, side)]
    return choose(only, draw) if only and draw() < 0.8 else both.absent(draw)


_BACKGROUNDS = {
    True: (
        "both images have the same background color", "the two backgrounds have the same color",
    ),
    False: (
        "the two images have different background colors",
        "the images do not have the same background color",
    ),
}  # fmt: skip


def _background(both: Couple, label: bool, draw) -> Said:
    left, right = (side.scene.background for side in both.sides)
    same = (left == right) == label
    program = ("equal", ("left", ("background",)), ("right", ("background",)))
    return Said(choose(_BACKGROUNDS[same], draw), {}, program if same else ("not", program))


MAKERS: dict[str, Callable[[Couple, bool, Callable[[], float]], Said | None]] = {
    "compared": _compared,
    "same number": _same_number,
    "both": _shown("both"),
    "exactly one": _shown("exactly one"),
    "neither": _shown("neither"),
    "at least one": _shown("at least one"),
    "total": _total,
    "number": _number,
    "one side": _on_side,
    "each side": _on_each_side,
    "background": _background,
}
