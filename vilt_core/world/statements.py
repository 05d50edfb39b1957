"""Statements about two pictures, true or false, after NLVR2 (Suhr et al., ACL 2019).

The form of a statement is drawn before its truth, and every form is offered only where it could be
made true and false of these very pictures: neither form nor words tell which it is.
"""

import random
from dataclasses import dataclass, replace

from vilt_core.world.grammar import Mention, fill
from vilt_core.world.pair_forms import MAKERS, Couple
from vilt_core.world.programs import Program
from vilt_core.world.scenes import Scene, choose, scene

FORMS = tuple(MAKERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A sentence about a left and a right picture.

    Attributes:
        text: the sentence, in lower case and without a full stop.
        label: whether it is true.
        form: one of FORMS.
        program: what it claims; ``execute(program, left, right)`` is the label.
        left_mentions: every noun phrase and the objects of the left scene that it could name.
        right_mentions: the same of the right scene.
    """

    text: str
    label: bool
    form: str
    program: Program
    left_mentions: tuple[Mention, ...]
    right_mentions: tuple[Mention, ...]


def pair(seed: int, index: int, *, split: str = "train") -> tuple[Scene, Scene]:
    """Pair ``index`` of the endless series ``seed``: two scenes that have some kinds in common.

    Raises:
        ValueError: an unknown split.
    """
    left = scene(seed, 2 * index, split=split)
    right = scene(seed, 2 * index + 1, split=split)
    draw = random.Random(f"pair/{split}/{seed}/{index}").random
    lent = list({thing.sprite.index: thing.sprite for thing in left.objects}.values())
    sprites = {
        thing.sprite.index: choose(lent, draw) if draw() < _LENT_SHARE else thing.sprite
        for thing in right.objects
    }
    things = tuple(replace(thing, sprite=sprites[thing.sprite.index]) for thing in right.objects)
    background = left.background if draw() < _SAME_BACKGROUND else right.background
    return left, replace(right, objects=things, background=background)


_LENT_SHARE = 0.55  # of the right scene's kinds: taken from the left one
_SAME_BACKGROUND = 0.45  # with one in eight of the rest: half of all pairs


def statement(left: Scene, right: Scene, draw) -> Statement:
    """A statement about two scenes, as often true as false.

    Args:
        left: the left scene.
        right: the right scene.
        draw: a callable that gives floats in [0, 1): the only source of chance.
    """
    both = Couple(left, right)
    while True:
        form = choose(FORMS, draw)
        label = draw() < 0.5
        said = MAKERS[form](both, label, draw)
        if said is not None:
            break
    texts = [
        fill(said.template, **{slot: say(both, side) for slot, say in said.slots.items()})
        for side in (0, 1)
    ]
    return Statement(
        text=texts[0].text,
        label=label,
        form=form,
        program=said.program,
        left_mentions=texts[0].mentions(),
        right_mentions=texts[1].mentions(),
    )
