"""The page in other languages: what stands for each English text.

Each JSON file beside this one is a language, named by its tag: docs/add-a-language.md says how one
is written. The server speaks English alone; ``static/languages.js`` translates in the browser.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent
NAME = "(the name of this language)"  # the key of what the switch in the header calls it
_HOLE = re.compile(r"\{(\w+)\}")
_TAG = re.compile(r"</?\d+/?>")


def codes() -> tuple[str, ...]:
    """The languages beside English, by their tags."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


@lru_cache(maxsize=8)
def texts(code: str) -> dict[str, str]:
    """What stands for each English text in a language.

    Raises:
        ValueError: no such language, or its file is no object of texts.
    """
    if code not in codes():
        raise ValueError(f"language must be one of {', '.join(codes())}, got {code!r:.60}")
    found = json.loads((FOLDER / f"{code}.json").read_text(encoding="utf-8"))
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise ValueError(f"{code}.json must map English texts to texts")
    return found


def names() -> dict[str, str]:
    """What each language calls itself, English first, by their tags."""
    return {"en": "English"} | {code: texts(code)[NAME] for code in codes()}


def problems(known: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with the texts of a language, a sentence each."""
    for source, target in known.items():
        if not target.strip():
            yield f"{source!r} has an empty translation"
        if source != " ".join(source.split()):
            yield f"{source!r} has spaces that the page does not show"
        if set(_HOLE.findall(source)) != set(_HOLE.findall(target)):
            yield f"{source!r} and its translation have different holes"
        if sorted(_TAG.findall(source)) != sorted(_TAG.findall(target)):
            yield f"{source!r} and its translation have different parts"
