"""Plans: what a caption claims and in which wording, and how that is spoken.

``speak`` gives the words of a plan and ``claim`` its program. A plan that is changed in one place
is spoken in the same wording as before: negatives.py lives on that.
"""

from dataclasses import dataclass

from vilt_core.world.grammar import (
    ALL,
    PLACE_WORDS,
    RELATION_WORDS,
    Phrase,
    Term,
    article,
    counted,
    fill,
    join,
    listed,
)
from vilt_core.world.programs import Program


@dataclass(frozen=True, slots=True)
class Part:
    """A noun phrase to be: so many of a term, at one of the nine places, or anywhere."""

    term: Term
    number: int
    objects: tuple[int, ...]
    place: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a caption claims, and in which words it will."""

    form: str
    parts: tuple[Part, ...]
    relation: str = ""  # of the first part to the second
    axis: str = ""  # along which the parts are in order
    background: str = ""
    texture: str = ""
    template: str = "{list}"
    wording: int = 0  # which of the ways to say a place, a relation, an order or the number one


def speak(plan: Plan) -> Phrase:
    """The words of a plan."""
    phrases = [counted(p.term, p.number, p.objects, one=_one(plan)) for p in plan.parts]
    if plan.form == "located":
        body = _speak_places(plan, phrases)
    elif plan.axis:
        body = fill(_ORDERS[plan.axis][plan.wording], list=listed(phrases))
    elif plan.relation:
        body = join(phrases, f" {RELATION_WORDS[plan.relation][plan.wording]} ")
    else:
        body = listed(phrases) if phrases else Phrase("")
    verb = "is" if plan.parts and plan.parts[0].number == 1 else "are"
    return fill(
        plan.template, **{"list": body, "is": verb, "color": plan.background, "paper": _paper(plan)}
    )


def _one(plan: Plan) -> str:
    return "one" if plan.form in ("simple", "counts") and plan.wording == 1 else "a"


_TEXTURES = {
    "": "{a} {color} background",
    "plain": "a plain {color} background",
    "gradient": "{a} {color} background that fades",
    "stripes": "{a} {color} background with stripes",
    "dots": "{a} {color} background with dots",
    "checks": "{a} {color} background with checks",
}


def _paper(plan: Plan) -> str:
    words = _TEXTURES[plan.texture]
    return fill(words, a=article(plan.background), color=plan.background).text


def _speak_places(plan: Plan, phrases: list[Phrase]) -> Phrase:
    spots: dict[str, list[int]] = {}
    for at, part in enumerate(plan.parts):
        spots.setdefault(part.place, []).append(at)
    clauses = []
    for spot, here in spots.items():
        body = listed([phrases[at] for at in here])
        words = PLACE_WORDS[spot]
        if plan.wording < 3:
            clauses.append(fill("{body} {place}", body=body, place=words[plan.wording]))
        elif plan.wording == 3:
            verb = "is" if plan.parts[here[0]].number == 1 else "are"
            clauses.append(fill("{place} {verb} {body}", body=body, place=words[0], verb=verb))
        else:
            clauses.append(fill("{place}: {body}", body=body, place=words[2]))
    return join(clauses, "; ") if plan.wording == 4 else listed(clauses)


_ORDERS = {
    "x": (
        "from left to right: {list}",
        "{list} from left to right",
        "in order from the left: {list}",
    ),
    "y": (
        "from top to bottom: {list}",
        "{list} from top to bottom",
        "in order from the top: {list}",
    ),
}


def claim(plan: Plan) -> Program:
    """The program that is true of a scene where the plan's words are."""
    claims: list[Program] = []
    if plan.form == "ordered":
        labels = [p.term.label for p in plan.parts for _ in range(p.number)]
        claims.append(("equal", ("sequence", plan.axis, ALL), ("labels", *labels)))
    elif plan.relation:
        subject, landmark = plan.parts
        group = ("related", plan.relation, subject.term.program, landmark.term.program)
        claims.append(("equal", ("count", landmark.term.program), landmark.number))
        claims.append(("equal", ("count", group), subject.number))
    else:
        for part in plan.parts:
            group = part.term.program
            if part.place:
                group = ("filter", "place", part.place, group)
            claims.append(("equal", ("count", group), part.number))
    if plan.background:
        claims.append(("equal", ("background",), plan.background))
    if plan.texture:
        claims.append(("equal", ("texture",), plan.texture))
    return claims[0] if len(claims) == 1 else ("and", *claims)
