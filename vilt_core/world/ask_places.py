"""Questions about where stickers are: relation ("what is ...?") and spatial ("is it ...?").

Asked only where the margins of programs.py leave no doubt.
"""

from collections.abc import Iterator

from vilt_core.world.grammar import (
    ALL,
    Phrase,
    category_terms,
    fill,
    plural,
    relation_words,
    singular,
)
from vilt_core.world.inventory import Asked, Group, Inventory, kept_apart, sayable
from vilt_core.world.programs import OPPOSITE, RELATIONS, Program, related
from vilt_core.world.scenes import choose

_WHAT_IS = (
    "{what} is {relation} {landmark}?", "{what} is {relation} {landmark}?",
    "{what} do you see {relation} {landmark}?", "{what} can be seen {relation} {landmark}?",
)  # fmt: skip


def relation(inventory: Inventory, draw) -> Asked | None:
    """What is to the left of the cat, what animal is next to it?"""
    found = []
    for landmark in inventory.kinds:
        if len(landmark[1]) == 1:
            found.extend(_stand_out(inventory, landmark))
    if inventory.scene.split == "composition":
        found = [f for f in found if kept_apart(f[0], f[1])] or found
    if not found:
        return None
    noun, word, sort, own, landmark = choose(found, draw)
    term, mark = _definite(landmark, inventory, draw)
    what: Phrase | str = choose(("what", "what", "which sticker"), draw)
    group: Program = ALL
    if sort:
        what = singular(category_terms()[sort], own, choose(("what", "which"), draw))
        group = category_terms()[sort].program
    phrase = fill(
        choose(_WHAT_IS, draw),
        what=what,
        relation=relation_words(word, draw),
        landmark=singular(term, mark, "the"),
    )
    return phrase, noun, ("noun", ("related", word, group, term.program))


_Found = tuple[str, str, str, tuple[int, ...], Group]


def _stand_out(inventory: Inventory, landmark: Group) -> Iterator[_Found]:
    """What alone is in some relation to the landmark: of all stickers, or ("sort") of a category.

    Yields (noun, relation, sort, objects, landmark); sort is empty for all stickers.
    """
    things = inventory.scene.objects
    mark = landmark[1][0]
    for word in RELATIONS:
        yes: dict[str, list[int]] = {}
        unsure: set[str] = set()
        for i, thing in enumerate(things):
            truth = i != mark and related(thing, word, things[mark])
            if truth:
                yes.setdefault(thing.category, []).append(i)
            elif truth is None:
                unsure.add(thing.category)
        for sort, own in yes.items():
            nouns = {things[i].noun for i in own}
            noun = things[own[0]].noun
            if len(nouns) > 1 or sort in unsure or not sayable(noun, word, inventory.scene.split):
                continue
            yield noun, word, sort, tuple(own), landmark
            if len(yes) == 1 and not unsure:
                yield noun, word, "", tuple(own), landmark


def _definite(group: Group, inventory: Inventory, draw) -> Group:
    """A kind as "the" may name it: a shape without its colour where that is enough."""
    term, own = group
    if term.color is not None and draw() < 0.5:
        for shape, members in inventory.shapes:
            if members == own:
                return shape, own
    return term, own


_IS_WHERE = (
    "{is} {subject} {relation} {landmark}?", "{is} {subject} {relation} {landmark}?",
    "{is} {subject} {relation} {landmark} in the picture?",
    "do you see {subject} {relation} {landmark}?",
)  # fmt: skip
_IS_ANY = (
    "is there {a} {relation} {b}?", "is there {a} {relation} {b}?", "is {a} {relation} {b}?",
    "can you see {a} {relation} {b}?",
)  # fmt: skip
_NEAR_SHARE = 0.3  # of the spatial questions, in scenes that offer "next to" for both answers
_ANY_SHARE = 0.4  # of the spatial questions: of any cat and any dog


def spatial(inventory: Inventory, draw) -> Asked | None:
    """Is the cat to the left of the dog, is a cat to the left of a dog?"""
    wanted = draw() < 0.5
    # The compositional split is about nouns in relations, which "an animal" does not name.
    ways = [_the_kind, _any_of_a_sort]
    if draw() < _ANY_SHARE and inventory.scene.split != "composition":
        ways.reverse()
    return ways[0](inventory, wanted, draw) or ways[1](inventory, wanted, draw)


def _the_kind(inventory: Inventory, wanted: bool, draw) -> Asked | None:
    """About a whole kind, and a sticker that is alone of its kind."""
    plain = _plain_relations(inventory)
    near = {answer: [f for f in found if f[1] == "near"] for answer, found in plain.items()}
    if near[True] and near[False] and draw() < _NEAR_SHARE:
        found = near[wanted]
    else:
        found = [f for f in plain[wanted] if f[1] != "near"]
    if inventory.scene.split == "composition":
        found = [f for f in found if kept_apart(f[0][0].name, f[1])] or found
    if not found:
        return None
    subject, word, landmark = choose(found, draw)
    one = len(subject[1]) == 1
    term, own = _definite(subject, inventory, draw)
    base, mark = _definite(landmark, inventory, draw)
    phrase = fill(
        choose(_IS_WHERE, draw),
        subject=singular(term, own, "the") if one else plural(term, own, "the"),
        relation=relation_words(word, draw),
        landmark=singular(base, mark, "the"),
        **{"is": "is" if one else "are"},
    )
    group = ("related", word, term.program, base.program)
    return phrase, wanted, ("equal", ("count", group), len(own))


def _plain_relations(inventory: Inventory) -> dict[bool, list[tuple[Group, str, Group]]]:
    """Every (subject, relation, landmark) that is plainly so, and those that plainly are not."""
    things, split = inventory.scene.objects, inventory.scene.split
    plain: dict[bool, list[tuple[Group, str, Group]]] = {True: [], False: []}
    for landmark in inventory.kinds:
        if len(landmark[1]) != 1:
            continue
        mark = things[landmark[1][0]]
        for subject in inventory.kinds:
            if subject is landmark:
                continue
            noun = subject[0].name
            for word in RELATIONS:
                truths = {related(things[i], word, mark) for i in subject[1]}
                if truths == {True}:
                    for said in (word, OPPOSITE.get(word)):
                        if said and sayable(noun, said, split):
                            plain[said == word].append((subject, said, landmark))
                elif truths == {False} and word == "near":
                    plain[False].append((subject, word, landmark))
    return plain


def _any_of_a_sort(inventory: Inventory, wanted: bool, draw) -> Asked | None:
    """About any cat and any dog, any red shape and any animal.

    Only of two groups for which some directions are plainly true and others plainly not, so that
    their names say nothing of the answer.
    """
    sorts = (inventory.kinds, inventory.shapes, inventory.paints, inventory.categories)
    sorts = [groups for groups in sorts if groups]
    for _ in range(_TRIES):
        (a, own), (b, marks) = (choose(choose(sorts, draw), draw) for _ in range(2))
        answers = {word: _any_related(inventory, own, word, marks) for word in OPPOSITE}
        said = [w for w in OPPOSITE if a.key != "noun" or sayable(a.name, w, inventory.scene.split)]
        words = [word for word in said if answers[word] is wanted]
        if words and any(answers[word] is (not wanted) for word in said):
            word = choose(words, draw)
            phrase = fill(
                choose(_IS_ANY, draw),
                a=singular(a, own),
                relation=relation_words(word, draw),
                b=singular(b, marks),
            )
            return phrase, wanted, ("exists", ("related", word, a.program, b.program))
    return None


_TRIES = 8  # of two groups, until a direction is true of them and another is not


def _any_related(
    inventory: Inventory, own: tuple[int, ...], word: str, marks: tuple[int, ...]
) -> bool | None:
    """Whether any of them is in the relation to any mark: None where that is too close to tell."""
    things = inventory.scene.objects
    truths = {related(things[i], word, things[j]) for i in own for j in marks if i != j}
    return True if True in truths else None if None in truths else False if truths else None
