"""What an address carries: a tab, and the picture, the words and the settings to open it with.

``?tab=align&picture=test.0.36&sentence=a+fox`` is read by ``read`` and written by ``write``. Only
what names itself in a few letters is carried; a picture of the visitor's own is not.
"""

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from app import (
    alignments,
    comparison,
    foils,
    galleries,
    learned,
    peculiar,
    preparing,
    training,
)
from app.pairs import Ours, SceneOfPair
from app.photographs import PHOTOGRAPHS, Photograph
from app.services import Key, SceneKey

LONGEST = 1500  # letters behind the question mark
OWN = (
    "a picture of your own cannot be linked: it is on no other machine than yours and this one. "
    "Choose one of ours, or send it along"
)
_HIGHEST = 10_000_000  # index of a scene
_SIDES = ("left", "right")
WRITTEN = ("first", "second")  # what is written at a stop of the tour
_LAST = 9999  # of what a slider or a list of the tour can stand on

Fields = Mapping[str, Any]
NOTHING: Fields = MappingProxyType({})  # what an address without a link carries
Reader = Callable[[str], Any]


# Pictures of ours have names.


def name_of(key: Key | Ours) -> str:
    """The name of a picture of ours: ``test.0.36``, ``test.0.4.left`` or ``cat``."""
    if isinstance(key, Photograph):
        return key.path.stem
    name = f"{key.split}.{key.seed}.{key.index}"
    return f"{name}.{_SIDES[key.right]}" if isinstance(key, SceneOfPair) else name


def picture(name: str) -> Key:
    """The picture of a name.

    Raises:
        ValueError: there is none.
    """
    found = _photograph(name) or _scene(name.split("."))
    if found is None:
        raise ValueError(f"expected a picture such as test.0.36 or cat, got {name!r:.40}")
    return found


def half(name: str) -> Ours:
    """The picture of a name, of a pair.

    Raises:
        ValueError: there is none.
    """
    *place, side = name.split(".")
    known = _scene(place) if side in _SIDES else None
    if known is not None:
        return SceneOfPair(
            index=known.index, seed=known.seed, split=known.split, right=side == "right"
        )
    found = _photograph(name)
    if found is None:
        raise ValueError(f"expected a picture such as test.0.4.left or cat, got {name!r:.40}")
    return found


def _photograph(name: str) -> Photograph | None:
    return next((one for one in PHOTOGRAPHS if one.path.stem == name), None)


def _scene(parts: list[str]) -> SceneKey | None:
    from vilt_core.world.scenes import SPLITS

    match parts:
        case [split, seed, index] if split in SPLITS and _is_whole(seed) and _is_whole(index):
            return SceneKey(index=int(index), seed=int(seed), split=split)
    return None


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 9 and int(text) < _HIGHEST


# What a field may hold.


def words(text: str) -> str:
    """Any text: the tab judges it."""
    return text


def number(least: float, most: float) -> Reader:
    """A number between two others."""

    def read_number(text: str) -> float:
        try:
            found = float(text)
        except ValueError:
            found = least - 1
        if not least <= found <= most:
            raise ValueError(f"expected a number from {least:g} to {most:g}, got {text!r:.40}")
        return found

    return read_number


def whole(least: int, most: int) -> Reader:
    """A whole number between two others."""

    def read_whole(text: str) -> int:
        found = int(text) if _is_whole(text) else least - 1
        if not least <= found <= most:
            raise ValueError(f"expected a whole number from {least} to {most}, got {text!r:.40}")
        return found

    return read_whole


def one_of(*names: str) -> Reader:
    """One of a few words."""

    def read_name(text: str) -> str:
        if text not in names:
            raise ValueError(f"expected one of {', '.join(names)}, got {text!r:.40}")
        return text

    return read_name


def number_of(*numbers: float) -> Reader:
    """One of a few numbers."""

    def read_choice(text: str) -> float:
        found = next((one for one in numbers if f"{one:g}" == text), None)
        if found is None:
            known = ", ".join(f"{one:g}" for one in numbers)
            raise ValueError(f"expected one of {known}, got {text!r:.40}")
        return found

    return read_choice


def some_of(*names: str) -> Reader:
    """Some of a few words, between points: ``mlm.itm``."""

    def read_names(text: str) -> tuple[str, ...]:
        return tuple(one_of(*names)(one) for one in text.split("."))

    return read_names


def places(text: str) -> tuple[int, ...]:
    """Whole numbers between points: ``3.4``.

    Raises:
        ValueError: something else.
    """
    parts = text.split(".")
    if not all(_is_whole(part) for part in parts):
        raise ValueError(f"expected numbers such as 3.4, got {text!r:.40}")
    return tuple(int(part) for part in parts)


def seed(text: str) -> int:
    """What a training starts its chance with.

    Raises:
        ValueError: no such number.
    """
    if not (text.isascii() and text.isdecimal() and len(text) < 11 and int(text) < 2**31):
        raise ValueError(f"expected a whole number from 0 to {2**31 - 1}, got {text!r:.40}")
    return int(text)


def gallery(text: str) -> str:
    """The name of a gallery of pictures."""
    return one_of(*(name for name in galleries.names() if name != galleries.UPLOADS))(text)


def rival(text: str) -> str:
    """The name of a model that can be watched at work."""
    return one_of(*(name for _, name in comparison.choices()))(text)


def prepared_for(text: str) -> str:
    """The name of a model whose preparation of a picture can be looked at."""
    return one_of(*preparing.names())(text)


# What each tab's address may carry, beside ``tab`` and ``model``. Compose reads its own.
CARRIED: Mapping[str, Mapping[str, Reader]] = {
    "tour": {
        "picture": picture,
        "sentence": words,
        "stop": whole(1, 8),
        "at": whole(0, _LAST),
        "choice": whole(0, _LAST),
        **dict.fromkeys(WRITTEN, words),
    },
    "ask": {"picture": picture, "question": words},
    "align": {
        "picture": picture,
        "sentence": words,
        "beta": number(0.05, 2),
        "iterations": whole(1, alignments.MAX_ITERATIONS),
        "word": whole(1, 64),
    },
    "explain": {"picture": picture, "question": words, "answer": words},
    "compose": {},
    "foils": {
        "picture": picture,
        "change": one_of("word", "sticker"),
        "sentence": words,
        "foil": words,
        "sticker": words,
        "thing": words,
        "turn": whole(0, foils.TURNS - 1),
    },
    "masks": {
        "picture": picture,
        "sentence": words,
        "hidden": places,
        "unit": one_of("word", "piece"),
        "lesson": words,
    },
    "pairs": {"left": half, "right": half, "statement": words},
    "pixels": {
        "picture": picture,
        "file": one_of(*(one.name for one in (*peculiar.PECULIAR, *peculiar.BROKEN))),
        "for": prepared_for,
        "number": whole(1, 2048),
        "kept": whole(1, _LAST),
        "draw": whole(0, _LAST),
    },
    "find": {
        "among": gallery,
        "sentence": words,
        "picture": picture,
        "shortlist": whole(1, galleries.LONGEST),
    },
    "train": {
        "steps": whole(*training.STEPS),
        "objectives": some_of(*training.OBJECTIVES),
        "unit": one_of("word", "piece"),
        "kinds": number_of(*training.KINDS),
        "rate": number_of(*training.RATES),
        "batch": whole(*training.BATCHES),
        "weight": number(*training.WEIGHTS),
        "seed": seed,
    },
    "compare": {
        "measure": one_of(*comparison.MEASURES),
        "columns": one_of(*learned.VIEWS),
        "picture": picture,
        "sentence": words,
        "question": words,
        "one": rival,
        "other": rival,
    },
}


def read(query: Mapping[str, str], tabs: Collection[str]) -> tuple[str, Fields] | None:
    """The tab of an address and what is carried for it, ``tab`` too; None where no tab is named.

    Args:
        query: what stands behind the question mark. Names that nobody knows are passed over.
        tabs: those that there are.

    Raises:
        ValueError: one sentence on what is wrong with it.
    """
    tab = query.get("tab", "compose" if "scene" in query else "")
    if not tab:
        return None
    if tab not in tabs:
        raise ValueError(f"this link leads to a tab that is not here: {tab!r:.40}")
    known = {"tab", "model", "scene", *CARRIED.get(tab, {})}  # hosts add names of their own
    check_length({name: text for name, text in query.items() if name in known})
    fields: dict[str, Any] = {"tab": tab}
    if query.get("model"):
        fields["model"] = query["model"]
    for name, reader in CARRIED.get(tab, {}).items():
        if text := query.get(name):
            try:
                fields[name] = reader(text)
            except ValueError as error:
                raise ValueError(f"this link cannot be followed, its {name!r}: {error}") from error
    return tab, fields


def write(tab: str, fields: Fields) -> str:
    """What stands behind the question mark; fields of None, or of an empty text, are left out.

    Raises:
        ValueError: it gets too long to be read again.
    """
    told = {name: _written(value) for name, value in fields.items()}
    query = {"tab": tab} | {name: text for name, text in told.items() if text}
    length = _letters(query)
    if length > LONGEST:
        raise ValueError(
            f"these words are too long for a link: at most {LONGEST:,} letters, got {length:,}"
        )
    return urlencode(query)


def check_length(fields: Mapping[str, str]) -> None:
    """Refuse a link that carries too much.

    Raises:
        ValueError: there are too many letters in it.
    """
    length = _letters(fields)
    if length > LONGEST:
        raise ValueError(f"this link is too long: at most {LONGEST:,} letters, got {length:,}")


def _letters(fields: Mapping[str, str]) -> int:
    return sum(len(name) + len(text) for name, text in fields.items())


def _written(value: Any) -> str:
    if isinstance(value, SceneKey | SceneOfPair | Photograph):
        return name_of(value)
    if isinstance(value, tuple):
        return ".".join(str(one) for one in value)
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else str(value).strip()


def shown(key: Key | Ours | None, image: str | None) -> Key | Ours | None:
    """The picture on show, where it can be linked.

    Raises:
        ValueError: it is the visitor's own.
    """
    if key is None and image is not None:
        raise ValueError(OWN)
    return key
