"""Hard negatives: sentences false of a scene for one changed noun, number, colour or relation.

The plan of a true caption is changed in one place and spoken in the same wording. It is kept only
where its program is false of the scene: no negative is true by accident.
"""

from dataclasses import dataclass, replace

from vilt_core.world.captions import Caption, plan_caption, spoken
from vilt_core.world.grammar import NUMBERS, Term, colored_term, shape_terms
from vilt_core.world.inventory import Inventory, barred, sayable, weighted
from vilt_core.world.plans import Plan, claim, speak
from vilt_core.world.programs import OPPOSITE, PLACES, Program, execute
from vilt_core.world.scenes import BACKGROUNDS, Scene, choose
from vilt_core.world.sprites import COLORS, SHAPES

CHANGES = ("noun", "number", "color", "relation")
_SHARES = (
    0.12,
    0.36,
    0.26,
    0.26,
)  # of the attempts: every caption has a noun, not all have the rest


@dataclass(frozen=True, slots=True, kw_only=True)
class HardNegative:
    """A caption, and a sentence that is false of the same scene for one changed word.

    Attributes:
        positive: the true caption.
        text: the false sentence.
        changed: one of CHANGES.
        program: what the false sentence claims.
    """

    positive: Caption
    text: str
    changed: str
    program: Program


def hard_negative(
    scene: Scene, draw, *, form: str | None = None, changed: str | None = None
) -> HardNegative:
    """A true caption and a near miss of it.

    Args:
        scene: what they are about.
        draw: a callable that gives floats in [0, 1): the only source of chance.
        form: one of ``captions.FORMS``; drawn if not given.
        changed: one of CHANGES; drawn if not given. Captions without such a word get another.

    Raises:
        ValueError: an unknown form or change.
    """
    if changed is not None and changed not in CHANGES:
        raise ValueError(f"changed must be one of {CHANGES}, got {changed!r}")
    inventory = Inventory(scene)
    plan = plan_caption(inventory, draw, form=form)
    attempt = 0
    while True:
        attempt += 1
        change = changed if changed and attempt <= 6 else weighted(CHANGES, _SHARES, draw)
        other = _CHANGERS[change](plan, inventory, draw)
        # Every plan has a noun or a background to change, so that the loop ends.
        if other is not None and _tidy(other) and not execute(claim(other), scene):
            break
    return HardNegative(
        positive=spoken(plan), text=speak(other).text, changed=change, program=claim(other)
    )


def near_misses(scene: Scene, draw, *, form: str | None = None) -> tuple[HardNegative, ...]:
    """One true caption, with a near miss for each of CHANGES that its words and the scene allow.

    Args:
        scene: what they are about.
        draw: a callable that gives floats in [0, 1): the only source of chance.
        form: one of ``captions.FORMS``; drawn if not given.

    Returns:
        In the order of CHANGES, all with the same ``positive``; never none of them.

    Raises:
        ValueError: an unknown form.
    """
    inventory = Inventory(scene)
    while True:
        plan = plan_caption(inventory, draw, form=form)
        found = []
        for change in CHANGES:
            tries = (_CHANGERS[change](plan, inventory, draw) for _ in range(_TRIES))
            false = (p for p in tries if p and _tidy(p) and not execute(claim(p), scene))
            if (other := next(false, None)) is not None:
                found.append((change, other))
        if found:
            break
    positive = spoken(plan)
    return tuple(
        HardNegative(
            positive=positive, text=speak(other).text, changed=change, program=claim(other)
        )
        for change, other in found
    )


_TRIES = 100  # at one kind of change, before its words are taken to allow none


def _with(plan: Plan, at: int, **changes) -> Plan:
    parts = list(plan.parts)
    parts[at] = replace(parts[at], **changes)
    return replace(plan, parts=tuple(parts))


def _tidy(plan: Plan) -> bool:
    """Whether nothing is listed twice in one place ("a cat and a cat")."""
    return bool(plan.axis) or len({(p.term.singular, p.place) for p in plan.parts}) == len(
        plan.parts
    )


def _change_noun(plan: Plan, inventory: Inventory, draw) -> Plan | None:
    if not plan.parts:
        return None
    at = int(draw() * len(plan.parts))
    new = _another(plan.parts[at].term, inventory, draw)
    split = inventory.scene.split
    if new is None or (plan.relation and at == 0 and not sayable(new.name, plan.relation, split)):
        return None
    return _with(plan, at, term=new)


def _another(old: Term, inventory: Inventory, draw) -> Term | None:
    """A term of the same sort with another noun."""
    if old.key == "category":
        return inventory.absent_category(draw)
    if old.category != "shape":
        return inventory.absent(draw, like=old)
    name = choose(SHAPES, draw)
    if name == old.name or barred(old.color, name, inventory.scene.split):
        return None
    return shape_terms()[name] if old.color is None else colored_term(old.color, name)


def _change_number(plan: Plan, inventory: Inventory, draw) -> Plan | None:  # noqa: ARG001
    """Down as often as up, so that the number alone tells little."""
    several = [at for at, part in enumerate(plan.parts) if part.number > 1]
    if not several and (not plan.parts or draw() < _ONE_SPARED):
        return None
    at = choose(several, draw) if several else int(draw() * len(plan.parts))
    number = plan.parts[at].number
    choices = [n for n in (number - 1, number + 1, 1) if 0 < n < len(NUMBERS) and n != number]
    return _with(plan, at, number=choose(choices, draw))


_ONE_SPARED = 0.95  # of the captions in which everything is single: no number is changed


def _change_color(plan: Plan, inventory: Inventory, draw) -> Plan | None:
    colored = [at for at, part in enumerate(plan.parts) if part.term.color is not None]
    if plan.background and (not colored or draw() < 0.3):
        others = [name for name in BACKGROUNDS if name != plan.background]
        return replace(plan, background=choose(others, draw))
    if not colored:
        return None
    at = choose(colored, draw)
    old = plan.parts[at].term
    seen = [term.color for term, _ in inventory.kinds if term.color not in (None, old.color)]
    color = choose(seen, draw) if seen and draw() < 0.5 else choose(COLORS, draw)
    if color is None or color == old.color or barred(color, old.name, inventory.scene.split):
        return None
    return _with(plan, at, term=colored_term(color, old.name))


def _change_relation(plan: Plan, inventory: Inventory, draw) -> Plan | None:
    """The opposite relation, the two sides exchanged, or two stickers in each other's place."""
    split = inventory.scene.split
    if plan.form in ("ordered", "located"):
        return _exchanged(plan, draw) if plan.axis or draw() < 0.7 else _moved(plan, draw)
    if plan.relation not in OPPOSITE:
        return None
    first, second = plan.parts
    if first.number == 1 and draw() < 0.5:
        allowed = sayable(second.term.name, plan.relation, split)
        return replace(plan, parts=(second, first)) if allowed else None
    opposite = OPPOSITE[plan.relation]
    return replace(plan, relation=opposite) if sayable(first.term.name, opposite, split) else None


def _exchanged(plan: Plan, draw) -> Plan | None:
    if len(plan.parts) < 2:
        return None
    a, b = int(draw() * len(plan.parts)), int(draw() * len(plan.parts))
    one, two = plan.parts[a], plan.parts[b]
    if one.term is two.term or (one.place == two.place and not plan.axis):
        return None
    plan = _with(plan, a, term=two.term, number=two.number)
    return _with(plan, b, term=one.term, number=one.number)


def _moved(plan: Plan, draw) -> Plan | None:
    """One part at a place two thirds of the picture away: nobody could still think it right."""
    at = int(draw() * len(plan.parts))
    row, column = next(
        (r, c) for r in range(3) for c in range(3) if PLACES[r][c] == plan.parts[at].place
    )
    far = [
        PLACES[r][c] for r in range(3) for c in range(3) if max(abs(r - row), abs(c - column)) == 2
    ]
    return _with(plan, at, place=choose(far, draw)) if far else None


_CHANGERS = {
    "noun": _change_noun,
    "number": _change_number,
    "color": _change_color,
    "relation": _change_relation,
}
