"""Questions and sentences in anybody's own words, read back into programs.

grammar.py and its askers say what a program means in many wordings; here is the way back, for the
same wordings and some that lie near. What cannot be read gives None: no truth is ever guessed.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from vilt_core.world.grammar import (
    PLACE_WORDS,
    RELATION_WORDS,
    STICKER,
    TOTALS,
    Term,
    category_terms,
    noun_terms,
    paint_terms,
    shape_terms,
)
from vilt_core.world.plans import Part, Plan, claim
from vilt_core.world.programs import Program, answer_word, execute
from vilt_core.world.scenes import BACKGROUNDS, Scene
from vilt_core.world.sprites import COLORS


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a question asks.

    Attributes:
        program: gives the answer.
        presumes: what must be true of a scene for the question to make sense: "the cat" speaks of
            exactly one.
    """

    program: Program
    presumes: tuple[Program, ...] = ()


def true_answer(text: str, scene: Scene) -> str | None:
    """The answer to a question about a scene, as the answer vocabulary says it.

    None where the question is not one of the world's, where it presumes what the scene lacks, where
    it has no single answer, and where stickers are too close to tell.
    """
    reading = read_question(text)
    return None if reading is None else answered(reading, scene)


def answered(reading: Reading, scene: Scene) -> str | None:
    """The same of a question that was read before."""
    if not all(execute(one, scene) for one in reading.presumes):
        return None
    return decided(reading.program, scene)


def truth(text: str, scene: Scene) -> bool | None:
    """Whether a sentence is true of a scene; None as for ``true_answer``."""
    program = read_sentence(text)
    found = None if program is None else decided(program, scene)
    return None if found is None else found == "yes"


def decided(program: Program, scene: Scene) -> str | None:
    """What a program gives, if no relation that is too close to tell could change it."""
    try:
        found = {answer_word(execute(program, scene, doubt=doubt)) for doubt in (False, True)}
    except ValueError:  # of several nouns or colours, or of none
        return None
    return found.pop() if len(found) == 1 else None


# Noun phrases.


@dataclass(frozen=True, slots=True)
class _Named:
    """A noun phrase: its determiner ("the", "two", "a" or nothing) and what it names."""

    determiner: str
    words: str
    term: Term

    @property
    def definite(self) -> bool:
        return self.determiner == "the"

    @property
    def number(self) -> int | None:
        """How many a sentence claims with it."""
        if self.determiner in ("a", "an"):
            return 1
        return TOTALS.index(self.determiner) if self.determiner in TOTALS else None

    @property
    def presumes(self) -> tuple[Program, ...]:
        """There is one at all, and "the cat" is the only one."""
        return (self.exists, *(_single(self) if self.words != self.term.plural else ()))

    @property
    def exists(self) -> Program:
        return ("exists", self.term.program)

    @property
    def count(self) -> Program:
        return ("count", self.term.program)


_DETERMINER = re.compile(rf"(?:(the|an?|any|some|both|{'|'.join(TOTALS)}) )?(.+)")


def _noun_phrase(words: str) -> _Named | None:
    match = _DETERMINER.fullmatch(words.strip())
    if match is None:
        return None
    term = _terms().get(match[2])
    return None if term is None else _Named(match[1] or "", match[2], term)


@cache
def _terms() -> dict[str, Term]:
    """Every term by its singular and by its plural."""
    groups = (
        noun_terms(),
        shape_terms().values(),
        paint_terms().values(),
        category_terms().values(),
        (STICKER,),
    )
    return {
        words: term for group in groups for term in group for words in (term.singular, term.plural)
    }


@cache
def _relations() -> dict[str, str]:
    """The relation of every way to say one."""
    return {words: name for name, ways in RELATION_WORDS.items() for words in ways}


def _either(words: object) -> str:
    """A pattern for one of several words, the longest first."""
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))  # type: ignore[call-overload]


_RELATION = _either([words for ways in RELATION_WORDS.values() for words in ways])
_COLOR = _either(COLORS)
_PAPER_COLOR = _either(BACKGROUNDS)

_LONGEST = 400  # letters of what the world itself says, and more than enough


# Questions.

_SEEN = (
    "is there|are there|do you see|can you see|does the (?:picture|image|scene) (?:show|contain)"
)
_ABOUT = r"(?: in (?:the|this) (?:picture|image|scene)| here)?"
_ARE = "(?:are there|do you see|are in the picture|can you count|can you see|does the picture show)"
_IN_VIEW = (
    "(?:is|do you see|can you see|does the picture show|is there|can be seen|is in the picture)"
)


def read_question(text: str) -> Reading | None:
    """What a question asks, or None."""
    words = _plain(text)
    if len(words) > _LONGEST:
        return None
    for pattern, reader in _QUESTIONS:
        match = pattern.fullmatch(words)
        found = None if match is None else reader(match)
        if found is not None:
            return found
    return None


def _plain(text: str) -> str:
    """Lower case, American, single spaces, no mark at the end."""
    words = " ".join(text.lower().replace("colour", "color").replace("centre", "center").split())
    return words.rstrip(" ?.!")


def _paper(_: re.Match[str]) -> Reading:
    return Reading(program=("background",))


def _paper_is(match: re.Match[str]) -> Reading:
    return Reading(program=("equal", ("background",), match["color"]))


_COMPARISONS = {
    "more": "more", "greater": "more", "larger": "more", "higher": "more",
    "fewer": "fewer", "smaller": "fewer", "less": "fewer", "lower": "fewer",
    "as many": "same", "the same": "same",
}  # fmt: skip


def _compared(match: re.Match[str]) -> Reading | None:
    a, b = _noun_phrase(match["a"]), _noun_phrase(match["b"])
    if a is None or b is None:
        return None
    word = _COMPARISONS[match["word"]]
    if word == "same":
        return Reading(program=("equal", a.count, b.count))
    return Reading(
        program=("more", a.count, b.count) if word == "more" else ("more", b.count, a.count)
    )


def _counted(match: re.Match[str]) -> Reading | None:
    a = _noun_phrase(match["a"])
    return None if a is None else Reading(program=a.count)


def _color_of(match: re.Match[str]) -> Reading | None:
    a = _noun_phrase(match["a"])
    return None if a is None else Reading(program=("color", a.term.program), presumes=a.presumes)


def _color_is(match: re.Match[str]) -> Reading | None:
    a = _noun_phrase(match["a"])
    if a is None:
        return None
    return Reading(
        program=("equal", ("color", a.term.program), match["color"]), presumes=a.presumes
    )


def _shape_of(match: re.Match[str]) -> Reading:
    return Reading(program=("noun", ("filter", "color", match["color"], ("all",))))


def _what_is_related(match: re.Match[str]) -> Reading | None:
    landmark = _noun_phrase(match["b"])
    sort = STICKER if match["sort"] is None else category_terms().get(match["sort"])
    if landmark is None or sort is None:
        return None
    group = ("related", _relations()[match["relation"]], sort.program, landmark.term.program)
    return Reading(program=("noun", group), presumes=_single(landmark))


def _what_of_a_sort(match: re.Match[str]) -> Reading | None:
    sort = category_terms().get(match["sort"])
    return None if sort is None else Reading(program=("noun", sort.program))


def _is_related(match: re.Match[str]) -> Reading | None:
    a, b = _noun_phrase(match["a"]), _noun_phrase(match["b"])
    if a is None or b is None:
        return None
    group = ("related", _relations()[match["relation"]], a.term.program, b.term.program)
    if not a.definite:
        return Reading(program=("exists", group), presumes=_single(b))
    return Reading(
        program=("equal", ("count", group), a.count), presumes=(*a.presumes, *_single(b))
    )


def _single(named: _Named) -> tuple[Program, ...]:
    """What "the cat" presumes, and "a cat" does not."""
    return (("equal", named.count, 1),) if named.definite else ()


def _both(match: re.Match[str]) -> Reading | None:
    a, b = _noun_phrase(match["a"]), _noun_phrase(match["b"])
    if a is None or b is None:
        return None
    if match["word"] == "but no":
        return Reading(program=("and", a.exists, ("not", b.exists)))
    return Reading(program=(match["word"], a.exists, b.exists))


def _exists(match: re.Match[str]) -> Reading | None:
    a = _noun_phrase(match["a"])
    if a is None:
        return None
    number = a.number if a.determiner not in ("a", "an") else None
    return Reading(program=a.exists if number is None else ("equal", a.count, number))


_Reader = Callable[[re.Match[str]], Reading | None]
_QUESTIONS: tuple[tuple[re.Pattern[str], _Reader], ...] = tuple(
    (re.compile(pattern), reader)
    for pattern, reader in (
        ("(?:what|which) color (?:is|does) the background(?: have)?", _paper),
        ("what is the color of the background", _paper),
        (f"is the background (?P<color>{_PAPER_COLOR})", _paper_is),
        (
            f"(?:are there|do you see) (?P<word>more|fewer) (?P<a>.+) than (?P<b>.+?){_ABOUT}",
            _compared,
        ),
        (f"(?:are there|do you see) (?P<word>as many) (?P<a>.+) as (?P<b>.+?){_ABOUT}", _compared),
        (
            f"is the number of (?P<a>.+) (?P<word>{_either(_COMPARISONS)}) "
            "(?:than|as) the number of (?P<b>.+)",
            _compared,
        ),
        (f"how many (?P<a>.+?) {_ARE}{_ABOUT}", _counted),
        ("what is the number of (?P<a>.+)", _counted),
        ("(?:what|which) color (?:is|are|does|do) (?P<a>.+?)(?: have)?", _color_of),
        ("what is the color of (?P<a>.+)", _color_of),
        (f"is the color of (?P<a>.+) (?P<color>{_COLOR})", _color_is),
        (f"(?:is|are) (?P<a>.+) (?P<color>{_COLOR})", _color_is),
        (f"(?:which|what) shape is (?P<color>{_COLOR})", _shape_of),
        (f"which of the shapes is (?P<color>{_COLOR})", _shape_of),
        (
            "(?:what|which sticker|(?:what|which) (?P<sort>.+)) "
            "(?:is|do you see|can you see|can be seen) "
            f"(?P<relation>{_RELATION}) (?P<b>.+?){_ABOUT}",
            _what_is_related,
        ),
        (f"(?:what kind of|what|which) (?P<sort>.+?) {_IN_VIEW}{_ABOUT}", _what_of_a_sort),
        (
            f"(?:{_SEEN}|is|are) (?P<a>.+?) (?P<relation>{_RELATION}) (?P<b>.+?){_ABOUT}",
            _is_related,
        ),
        (
            f"(?:{_SEEN})(?: both)? (?P<a>.+) (?P<word>and|or|but no) (?P<b>.+?){_ABOUT}",
            _both,
        ),
        (f"(?:{_SEEN}) (?P<a>.+?){_ABOUT}", _exists),
    )
)

# Sentences.

_TEXTURE = {
    "stripes": " with stripes",
    "dots": " with dots",
    "checks": " with checks",
    "gradient": " that fades",
}
_PAPER = (
    rf"an? (?P<plain>plain )?(?P<paper>{_PAPER_COLOR}) background"
    rf"(?P<texture>{_either(_TEXTURE.values())})?"
)
_FRAME = re.compile(
    r"(?:(?:in this picture )?(?:there|here) (?:is|are)|an? (?:picture|image|photo) (?:of|with)"
    r"|a scene with|we see|i can see|i see|stickers of|exactly|the picture (?:shows|has)"
    r"|you can count) (?P<body>.+?)(?: in it| here)?"
)
_SEEN_LAST = re.compile(r"(?P<body>.+) can be seen")
_PAPERS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?P<body>.+) (?:on|in front of) {_PAPER}",
        rf"{_PAPER} with (?P<body>.+)",
        rf"(?P<body>){_PAPER}",
        rf"(?P<body>)the background is (?P<plain>plain )?(?P<paper>{_PAPER_COLOR})"
        r"(?P<texture>(?!))?",
    )
)
_ORDERS = tuple(
    (axis, re.compile(pattern))
    for axis, words, side in (
        ("x", "from left to right", "left"),
        ("y", "from top to bottom", "top"),
    )
    for pattern in (
        rf"{words}: (?P<body>.+)",
        rf"(?P<body>.+) {words}",
        rf"in order from the {side}: (?P<body>.+)",
    )
)
_IS_RELATED = re.compile(rf"(?P<a>.+?)(?: is| are)? (?P<relation>{_RELATION}) (?P<b>.+)")
_LONG_PLACES = {
    words: name for name, ways in PLACE_WORDS.items() for words in ways[:2]
}  # "at the top left"
_SHORT_PLACES = {ways[2]: name for name, ways in PLACE_WORDS.items()}  # "top left"
_PLACES = _LONG_PLACES | _SHORT_PLACES
_PLACE_LAST = re.compile(rf"(?P<list>.+?) (?P<place>{_either(_PLACES)})(?:, | and |$)")
_PLACE_FIRST = re.compile(
    rf"(?P<place>{_either(_LONG_PLACES)}) (?:is|are) (?P<list>.+?)"
    rf"(?:(?:, | and )(?=(?:{_either(_LONG_PLACES)}) (?:is|are) )|$)"
)
_PLACE_COLON = re.compile(rf"(?P<place>{_either(_SHORT_PLACES)}): (?P<list>[^;:]+)(?:; |$)")


def read_sentence(text: str) -> Program | None:
    """What a sentence claims, or None. As in the world's captions, "two cats" are exactly two."""
    words = _plain(text)
    if len(words) > _LONGEST:
        return None
    for attempt in (words, *_inside(_FRAME, words), *_inside(_SEEN_LAST, words)):
        for plan in (_related(attempt), _on_paper(attempt), _body(attempt)):
            if plan is not None:
                return claim(plan)
    return None


def _inside(frame: re.Pattern[str], words: str) -> list[str]:
    match = frame.fullmatch(words)
    return [] if match is None else [match["body"], *_inside(frame, match["body"])]


def _on_paper(words: str) -> Plan | None:
    """A sentence that names the background, alone or beside stickers."""
    for pattern in _PAPERS:
        match = pattern.fullmatch(words)
        if match is None:
            continue
        texture = next((t for t, said in _TEXTURE.items() if said == match["texture"]), "")
        plain = "plain" if match["plain"] else ""
        if texture and plain:
            return None
        body = _body(match["body"]) if match["body"] else Plan("background", ())
        if body is None:
            continue
        return Plan(
            body.form,
            body.parts,
            body.relation,
            body.axis,
            background=match["paper"],
            texture=texture or plain,
        )
    return None


def _body(words: str) -> Plan | None:
    for attempt in (words, *_inside(_FRAME, words)):
        for reader in (_related, _ordered, _placed, _listed_plan):
            plan = reader(attempt)
            if plan is not None:
                return plan
    return None


def _related(words: str) -> Plan | None:
    match = _IS_RELATED.fullmatch(words)
    if match is None:
        return None
    parts = [_part(match[side], definite=True) for side in ("a", "b")]
    if None in parts:
        return None
    return Plan("relational", tuple(p for p in parts if p), _relations()[match["relation"]])


def _ordered(words: str) -> Plan | None:
    for axis, pattern in _ORDERS:
        match = pattern.fullmatch(words)
        parts = None if match is None else _listed(match["body"])
        if parts is not None:
            return Plan("ordered", parts, axis=axis)
    return None


def _placed(words: str) -> Plan | None:
    for pattern in (_PLACE_FIRST, _PLACE_COLON, _PLACE_LAST):
        at, parts = 0, []
        while match := pattern.match(words, at):
            found = _listed(re.sub(" (is|are)$", "", match["list"]), definite=True)
            if found is None:
                break
            spot = _PLACES[match["place"]]
            parts += [Part(p.term, p.number, (), spot) for p in found]
            at = match.end()
        if parts and at == len(words):
            return Plan("located", tuple(parts))
    return None


def _listed_plan(words: str) -> Plan | None:
    parts = _listed(words)
    return None if parts is None else Plan("simple", parts)


def _listed(words: str, *, definite: bool = False) -> tuple[Part, ...] | None:
    parts = [_part(one, definite=definite) for one in re.split(", | and ", words)]
    return None if None in parts else tuple(part for part in parts if part is not None)


def _part(words: str, *, definite: bool = False) -> Part | None:
    """A noun phrase with its number; "the cat" is one where a sentence may speak so."""
    named = _noun_phrase(words)
    if named is None:
        return None
    number = named.number
    if number is None and definite and named.definite and named.words == named.term.singular:
        number = 1
    return None if number is None else Part(named.term, number, ())
