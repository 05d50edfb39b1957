"""Captions: true sentences about a scene.

Here is chosen what to say; plans.py knows how it is said and what it claims.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

from vilt_core.world.grammar import PLACE_WORDS, Mention, noun_terms
from vilt_core.world.inventory import Inventory, kept_apart, sayable, weighted
from vilt_core.world.plans import Part, Plan, claim, speak
from vilt_core.world.programs import Program, place, related
from vilt_core.world.scenes import Scene, SceneObject, choose


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """A true sentence about a scene.

    Attributes:
        text: the sentence, in lower case and without a full stop.
        form: one of FORMS.
        mentions: every noun phrase and the objects it speaks of.
        program: what the sentence claims.
    """

    text: str
    form: str
    mentions: tuple[Mention, ...]
    program: Program


def caption(scene: Scene, draw, *, form: str | None = None) -> Caption:
    """A true caption.

    Args:
        scene: what it is about.
        draw: a callable that gives floats in [0, 1): the only source of chance.
        form: one of FORMS; drawn if not given. A scene that does not allow it gets another one.

    Raises:
        ValueError: an unknown form.
    """
    return spoken(plan_caption(Inventory(scene), draw, form=form))


def spoken(plan: Plan) -> Caption:
    """The plan as a caption."""
    phrase = speak(plan)
    return Caption(
        text=phrase.text, form=plan.form, mentions=phrase.mentions(), program=claim(plan)
    )


_FORM_SHARES = (0.26, 0.16, 0.16, 0.30, 0.06, 0.06)  # in the order of FORMS
_BACKGROUND_SHARE = 0.15  # of the located, simple and relational ones: name the background too
_LONGEST = 36  # word pieces, guessed, that a listing may have: with their frame 40 must do


def plan_caption(inventory: Inventory, draw, *, form: str | None = None) -> Plan:
    """What to say, and how.

    Raises:
        ValueError: an unknown form.
    """
    if form is not None and form not in FORMS:
        raise ValueError(f"form must be one of {FORMS}, got {form!r}")
    form = form or weighted(FORMS, _FORM_SHARES, draw)
    # Any scene can be described place by place.
    return _PLANNERS[form](inventory, draw) or _located(inventory, draw)


_SIMPLE = (
    "{list}", "{list}", "there {is} {list}", "a picture of {list}", "an image of {list}",
    "a scene with {list}", "we see {list}", "the picture shows {list}", "here {is} {list}",
    "in this picture there {is} {list}", "i can see {list}", "stickers of {list}",
)  # fmt: skip


def _simple(inventory: Inventory, draw) -> Plan:
    """All kinds of sticker with their numbers, or only some of them."""
    kinds = _shuffled(inventory.kinds, draw)
    if len(kinds) > 1 and draw() < 0.5:
        kinds = kinds[: 1 + int(draw() * (len(kinds) - 1))]
    parts = tuple(Part(term, len(own), own) for term, own in kinds)
    plan = Plan("simple", parts, template=choose(_SIMPLE, draw), wording=int(draw() * 1.25))
    return _on_background(plan, inventory, draw)


_COUNTS = (
    "{list}", "there {is} {list}", "exactly {list}", "a picture with {list}", "{list} can be seen",
    "the picture has {list} in it", "you can count {list} here",
)  # fmt: skip


def _counts(inventory: Inventory, draw) -> Plan:
    """One kind, shape or category and its number; several of it where there are any."""
    groups = inventory.kinds + inventory.shapes + inventory.categories
    several = [group for group in groups if len(group[1]) > 1]
    term, own = choose(several or inventory.kinds, draw)
    return Plan("counts", (Part(term, len(own), own),), template=choose(_COUNTS, draw), wording=1)


_PAPERS = ("{list} on {paper}", "{list} in front of {paper}", "{paper} with {list}")
_BACKGROUNDS = ("the background is {color}", "a picture with {paper}", "there is {paper}")


def _background(inventory: Inventory, draw) -> Plan:
    """The background, mostly behind one kind of sticker."""
    term, own = choose(inventory.kinds, draw)
    template = choose(_BACKGROUNDS if draw() < 0.4 else _PAPERS, draw)
    parts = (Part(term, len(own), own),) if "{list}" in template else ()
    return _painted(Plan("background", parts, template=template), inventory, draw)


def _on_background(plan: Plan, inventory: Inventory, draw) -> Plan:
    """Sometimes name the background too."""
    spots = len({part.place for part in plan.parts if part.place})
    length = _length(plan.parts) + _PLACE_LENGTH[plan.wording] * spots
    if draw() >= _BACKGROUND_SHARE or length > _LONGEST - 10:
        return plan
    papers = _PAPERS[2:] if plan.form == "located" else _PAPERS[:2]
    template = plan.template.replace("{list}", choose(papers, draw))
    return _painted(replace(plan, template=template), inventory, draw)


def _painted(plan: Plan, inventory: Inventory, draw) -> Plan:
    texture = inventory.scene.texture if "{paper}" in plan.template and draw() < 0.5 else ""
    return replace(plan, background=inventory.scene.background, texture=texture)


def _located(inventory: Inventory, draw) -> Plan:
    """Every sticker of the scene and where it is, stickers of a kind and a place together."""
    things = inventory.scene.objects
    spots: dict[str, list[Part]] = {}
    for term, own in inventory.kinds:
        here: dict[str, list[int]] = {}
        for index in own:
            here.setdefault(place(things[index]), []).append(index)
        for spot, members in here.items():
            spots.setdefault(spot, []).append(Part(term, len(members), tuple(members), spot))
    order = list(spots)
    if draw() < 0.5:
        order = [spot for spot in PLACE_WORDS if spot in spots]
    parts = tuple(part for spot in order for part in spots[spot])
    wording = int(draw() * 5)
    length = _length(parts)
    if length + _PLACE_LENGTH[wording] * len(order) > _LONGEST:
        wording = 2
        if length + _PLACE_LENGTH[wording] * len(order) > _LONGEST:
            return _simple(inventory, draw)
    plan = Plan("located", parts, wording=wording)
    return _on_background(plan, inventory, draw) if wording < 2 else plan


_PLACE_LENGTH = (4, 5, 2, 5, 3)  # words and marks that each wording spends on a place


def _ordered(inventory: Inventory, draw) -> Plan | None:
    """Every sticker in the order of one axis, where no two are too close to tell."""
    things = inventory.scene.objects
    if len(things) < 2:
        return None
    axes = ("x", "y") if draw() < 0.5 else ("y", "x")
    for axis in axes:
        order = sorted(range(len(things)), key=lambda i: getattr(things[i], axis))
        at = [getattr(things[i], axis) for i in order]
        if all(b - a > _APART for a, b in pairwise(at)):
            break
    else:
        return None
    parts: list[Part] = []
    for index in order:
        term = noun_terms()[things[index].sprite.index]
        if parts and parts[-1].term is term:
            last = parts.pop()
            parts.append(Part(term, last.number + 1, (*last.objects, index)))
        else:
            parts.append(Part(term, 1, (index,)))
    if len(parts) < 2:
        return None
    return Plan("ordered", tuple(parts), axis=axis, wording=int(draw() * 3))


_APART = 0.06  # how far two centres must be apart for their order to be plain
_RELATIONAL = (
    "{list}", "{list}", "there {is} {list}", "a picture of {list}", "we see {list}",
    "the picture shows {list}", "i can see {list}",
)  # fmt: skip


def _relational(inventory: Inventory, draw) -> Plan | None:
    """A whole kind that stands in one relation to a sticker that is alone of its kind."""
    things, split = inventory.scene.objects, inventory.scene.split
    found = []
    alone = [(term, own[0]) for term, own in inventory.kinds if len(own) == 1]
    for landmark, mark in alone:
        for term, own in inventory.kinds:
            if term is landmark:
                continue
            for relation in _plain_relations(things[own[0]], things[mark]):
                if sayable(term.name, relation, split) and all(
                    related(things[i], relation, things[mark]) for i in own
                ):
                    found.append((term, own, relation, landmark, mark))
    if split == "composition":
        found = [f for f in found if kept_apart(f[0].name, f[2])] or found
    if not found:
        return None
    term, own, relation, landmark, mark = choose(found, draw)
    parts = (Part(term, len(own), own), Part(landmark, 1, (mark,)))
    wording = 0 if draw() < 0.5 else int(draw() * 3)
    plan = Plan("relational", parts, relation, template=choose(_RELATIONAL, draw), wording=wording)
    return _on_background(plan, inventory, draw)


def _plain_relations(subject: SceneObject, landmark: SceneObject) -> list[str]:
    """The relation that a person would name first, and "near" beside it."""
    dx, dy = subject.x - landmark.x, subject.y - landmark.y
    along = (
        ("left" if dx < 0 else "right") if abs(dx) > abs(dy) else ("above" if dy < 0 else "below")
    )
    return [name for name in (along, "near") if related(subject, name, landmark)]


def _shuffled(items: list, draw) -> list:
    return [item for _, _, item in sorted((draw(), at, item) for at, item in enumerate(items))]


def _length(parts: tuple[Part, ...]) -> int:
    """Word pieces, guessed: article, noun and comma; long nouns fall into two."""
    return sum(3 + part.term.singular.count(" ") + (len(part.term.singular) > 6) for part in parts)


_PLANNERS: dict[str, Callable[[Inventory, Callable[[], float]], Plan | None]] = {
    "located": _located,
    "ordered": _ordered,
    "simple": _simple,
    "relational": _relational,
    "counts": _counts,
    "background": _background,
}
FORMS = tuple(_PLANNERS)
