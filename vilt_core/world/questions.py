"""Questions about a scene, balanced so that the words alone do not give the answer away.

Each kind is asked by one function of ask_things.py, ask_places.py or ask_logic.py; here kinds are
chosen so that over many scenes all turn up as often.
"""

from dataclasses import dataclass
from functools import lru_cache

from vilt_core.world.ask_logic import comparison, logic
from vilt_core.world.ask_places import relation, spatial
from vilt_core.world.ask_things import attribute, category, count, existence
from vilt_core.world.grammar import Mention
from vilt_core.world.inventory import Inventory, weighted
from vilt_core.world.programs import Program, answer_word, execute
from vilt_core.world.scenes import BACKGROUNDS, Scene
from vilt_core.world.sprites import COLORS, nouns

_ASKERS = {
    "existence": existence,
    "count": count,
    "attribute": attribute,
    "category": category,
    "relation": relation,
    "spatial": spatial,
    "comparison": comparison,
    "logic": logic,
}
KINDS = tuple(_ASKERS)

# How soon each kind is tried: many scenes do not allow the eager ones.
_EAGERNESS = {
    "existence": 1.0,
    "count": 1.0,
    "attribute": 4.0,
    "category": 1.3,
    "relation": 2.0,
    "spatial": 1.6,
    "comparison": 1.0,
    "logic": 1.0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question with its answer.

    Attributes:
        text: the question, in lower case, with its question mark.
        answer: one of ``answers()``.
        kind: one of KINDS.
        mentions: every noun phrase and the objects it speaks of.
        program: gives the answer when executed on the scene.
    """

    text: str
    answer: str
    kind: str
    mentions: tuple[Mention, ...]
    program: Program


@lru_cache(maxsize=1)
def answers() -> tuple[str, ...]:
    """Every answer that any question can have, in a fixed order."""
    numbers = (str(number) for number in range(7))
    return tuple(dict.fromkeys(("yes", "no", *numbers, *COLORS, *BACKGROUNDS, *nouns())))


def question(scene: Scene, draw, *, kind: str | None = None) -> Question | None:
    """One question about a scene.

    Args:
        scene: what it is about.
        draw: a callable that gives floats in [0, 1): the only source of chance.
        kind: one of KINDS; drawn if not given.

    Returns:
        The question; None where this kind cannot be asked of this scene.

    Raises:
        ValueError: an unknown kind.
    """
    if kind is not None and kind not in KINDS:
        raise ValueError(f"kind must be one of {KINDS}, got {kind!r}")
    if kind is None:
        return questions(scene, draw, count=1)[0]
    return _ask(Inventory(scene), draw, kind)


def questions(scene: Scene, draw, *, count: int) -> list[Question]:
    """Several questions about a scene, of different kinds as far as they go, in random order.

    Kinds that few scenes allow are tried first, so that over many scenes all kinds are as frequent.

    Raises:
        ValueError: a negative count.
    """
    if count < 0:
        raise ValueError(f"count must not be negative, got {count}")
    inventory = Inventory(scene)
    asked: list[Question] = []
    while len(asked) < count:
        left = list(KINDS)
        while left and len(asked) < count:
            kind = weighted(left, [_EAGERNESS[name] for name in left], draw)
            left.remove(kind)
            found = _ask(inventory, draw, kind)
            if found is not None:
                asked.append(found)
    return asked


def asked_about(scene: Scene, asked: Question) -> tuple[int, ...]:
    """The objects that a question speaks of or that its answer names: none of a bare background."""
    spoken = {at for mention in asked.mentions for at in mention.objects}
    named = {at for at, thing in enumerate(scene.objects) if thing.noun == asked.answer}
    return tuple(sorted(spoken | named))


def named_by_answer(scene: Scene, asked: Question) -> tuple[int, ...]:
    """The objects for which the answer stands, such as the fox of "what is above the camel?".

    None where the answer is no noun: a number, a colour, yes or no.
    """
    match asked.program:
        case ("noun", group):
            return execute(group, scene)
        case _:
            return ()


def _ask(inventory: Inventory, draw, kind: str) -> Question | None:
    found = _ASKERS[kind](inventory, draw)
    if found is None:
        return None
    phrase, answer, program = found
    return Question(
        text=phrase.text,
        answer=answer_word(answer),
        kind=kind,
        mentions=phrase.mentions(),
        program=program,
    )
