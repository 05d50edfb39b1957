"""What a scene holds, and what it lacks: the material of every caption, question and statement."""

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import TypeVar

from vilt_core.world.grammar import (
    Phrase,
    Term,
    category_terms,
    colored_term,
    noun_terms,
    paint_terms,
    shape_terms,
)
from vilt_core.world.programs import Program
from vilt_core.world.scenes import HELD_OUT_SHAPES, Scene, choose, is_held_out
from vilt_core.world.sprites import COLORS, SHAPES

_T = TypeVar("_T")
Group = tuple[Term, tuple[int, ...]]  # a term and the objects that it names
Asked = tuple[Phrase, bool | int | str, Program]  # a question, its answer, and what finds it

_SHAPE_SHARE = 0.25  # of the kinds of sticker in a scene, as scenes.py draws them
_KIN_SHARE = 0.35  # of the absent things named: of a category that the scene has
_TWIST_SHARE = (
    0.7  # of the absent shapes named: a shape of the scene in another colour, or the reverse
)
_HELD_OUT_SHARE = 0.5  # of the absent shapes named in the compositional split


class Inventory:
    """The stickers of one scene by kind, by noun and by category.

    Attributes:
        scene: the scene.
        kinds: every kind of sticker and its objects, coloured shapes with their colour.
        shapes: the shapes without regard to colour.
        categories: the categories.
        paints: the shapes by their colour alone.
    """

    __slots__ = ("categories", "kinds", "nouns", "paints", "scene", "shapes")

    def __init__(self, scene: Scene):
        self.scene = scene
        kinds: dict[int, list[int]] = {}
        shapes: dict[str, list[int]] = {}
        categories: dict[str, list[int]] = {}
        paints: dict[str, list[int]] = {}
        for place, thing in enumerate(scene.objects):
            sprite = thing.sprite
            kinds.setdefault(sprite.index, []).append(place)
            categories.setdefault(sprite.category, []).append(place)
            if sprite.color is not None:
                shapes.setdefault(sprite.name, []).append(place)
                paints.setdefault(sprite.color, []).append(place)
        terms, shape_names, category_names = noun_terms(), shape_terms(), category_terms()
        self.kinds: list[Group] = [(terms[i], tuple(own)) for i, own in kinds.items()]
        self.shapes: list[Group] = [(shape_names[i], tuple(own)) for i, own in shapes.items()]
        self.categories: list[Group] = [
            (category_names[i], tuple(own)) for i, own in categories.items()
        ]
        painted = paint_terms()
        self.paints: list[Group] = [(painted[i], tuple(own)) for i, own in paints.items()]
        self.nouns = {term.name for term, _ in self.kinds}

    def absent(self, draw, *, like: Term | None = None, twisted: bool = True) -> Term:
        """A kind that the scene lacks, drawn as the scenes draw theirs, often a near miss.

        Args:
            draw: the source of chance.
            like: a kind that it is to replace: a coloured shape or a thing again.
            twisted: whether to favour shapes that share a colour or a noun with one of the scene.
                Beside that one, such a shape would tell of its absence.
        """
        wants_shape = draw() < _SHAPE_SHARE if like is None else like.color is not None
        while True:
            term = self._shape(draw, twisted) if wants_shape else self._thing(draw, like)
            if all(term is not kind for kind, _ in self.kinds):
                return term

    def absent_category(self, draw) -> Term:
        """A category that the scene lacks, as often as such a one would turn up in a scene."""
        while True:
            name = "shape" if draw() < _SHAPE_SHARE else choose(_things(), draw).category
            if all(name != term.name for term, _ in self.categories):
                return category_terms()[name]

    def absent_paint(self, draw) -> Term:
        """A colour that no shape of the scene has, as often as scenes have it."""
        here = {term.color for term, _ in self.paints}
        while True:
            color, name = choose(COLORS, draw), choose(SHAPES, draw)
            if color not in here and not barred(color, name, self.scene.split):
                return paint_terms()[color]

    def _thing(self, draw, like: Term | None) -> Term:
        kin = [term for term, _ in self.kinds if term.color is None]
        if like is not None:
            kin = [like]
        if kin and draw() < _KIN_SHARE:
            return choose(_kin()[choose(kin, draw).category], draw)
        return choose(_things(), draw)

    def _shape(self, draw, twisted: bool) -> Term:
        """Never one that only the compositional split may show, unless this is that split."""
        composition = self.scene.split == "composition"
        while True:
            if composition and draw() < _HELD_OUT_SHARE:
                return colored_term(*choose(HELD_OUT_SHAPES, draw))
            color, name = choose(COLORS, draw), choose(SHAPES, draw)
            near = [term for term, _ in self.kinds if term.color is not None]
            if near and twisted and draw() < _TWIST_SHARE:
                term = choose(near, draw)
                if draw() < 0.6:
                    name = term.name
                else:
                    color = term.color
            if composition or (color, name) not in HELD_OUT_SHAPES:
                return colored_term(color, name)


@lru_cache(maxsize=1)
def _things() -> tuple[Term, ...]:
    return tuple(term for term in noun_terms() if term.color is None)


@lru_cache(maxsize=1)
def _kin() -> dict[str, tuple[Term, ...]]:
    kin: dict[str, list[Term]] = {}
    for term in _things():
        kin.setdefault(term.category, []).append(term)
    return {name: tuple(members) for name, members in kin.items()}


@cache
def kept_apart(noun: str, relation: str) -> bool:
    """``is_held_out`` for the four relations that have held-out nouns."""
    return relation != "near" and is_held_out(noun, relation)


def sayable(noun: str, relation: str, split: str) -> bool:
    """Whether a text of this split may say that a noun is in a relation."""
    return split == "composition" or not kept_apart(noun, relation)


def barred(color: str | None, noun: str, split: str) -> bool:
    """Whether a shape in this colour is kept for the compositional split."""
    return split != "composition" and (color, noun) in HELD_OUT_SHAPES


def weighted(items: Sequence[_T], weights: Sequence[float], draw) -> _T:
    """One of ``items``, as often as its weight says."""
    level = draw() * sum(weights)
    for item, weight in zip(items, weights, strict=True):
        level -= weight
        if level < 0:
            return item
    return items[-1]
