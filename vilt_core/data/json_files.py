"""Published JSON read with little memory; every complaint is one sentence that names the file."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_PORTION = 1 << 20  # characters read at a time of a file that is streamed
_BITS = 64  # of whole numbers, sign and all: they are kept in arrays of such
_BETWEEN = re.compile(r"[\s,]*")
_WORDS = {str: "words", int: "a whole number", list: "a list [...]", dict: "an object {...}"}


def load_json(path: Path, *, simplify: Callable[[dict], Any] | None = None) -> Any:
    """The content of a JSON file.

    Args:
        path: of the file.
        simplify: what to keep of each object instead of the whole, innermost first. Published
            annotations hold millions of small objects of which one field matters.

    Raises:
        ValueError: no such file, or not readable as JSON, for instance cut short.
    """
    existing = _existing(path)
    try:
        with existing.open(encoding="utf-8") as file:
            return json.load(file, object_hook=simplify)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not readable JSON: {error}") from error


def stream_array(path: Path) -> Iterator[Any]:
    """The objects or lists in a JSON file that is one long array, one after the other.

    Raises:
        ValueError: no such file, no array of objects or lists, one that is cut short, or something
            after it.
    """
    try:
        with _existing(path).open(encoding="utf-8-sig") as file:
            yield from _elements(lambda: file.read(_PORTION), name=str(path))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not readable JSON: {error}") from error


def field(record: Any, name: str, kind: type, *, where: str) -> Any:
    """A field of a record that must be of a certain kind.

    Raises:
        ValueError: it is absent or of another kind, or a number of more than 64 bits.
    """
    value = record.get(name) if isinstance(record, dict) else None
    if not isinstance(value, kind) or (isinstance(value, int) and value.bit_length() >= _BITS):
        raise ValueError(f"{where}: expected {_WORDS[kind]} under {name!r}, got {shown(record)}")
    return value


def shown(value: Any) -> str:
    """A value as a complaint quotes it: at most 60 characters."""
    return repr(value) if len(repr(value)) <= 60 else repr(value)[:57] + "..."


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise ValueError(f"expected a JSON file at {path}, found none")
    return path


def _elements(read: Callable[[], str], *, name: str) -> Iterator[Any]:
    decoder = json.JSONDecoder()
    text = read().lstrip()
    if not text.startswith("["):
        raise ValueError(f"{name}: expected an array [...], got {shown(text[:20])}")
    at = 1
    while True:
        at = _end_of_match(text, at)
        if text.startswith("]", at):
            _check_end(text[at + 1 :], read, name=name)
            return
        if at < len(text) and text[at] not in "[{":
            raise ValueError(f"{name}: expected objects or lists, got {shown(text[at : at + 20])}")
        try:
            element, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            more = read()
            if not more:
                raise ValueError(f"{name} is cut short or damaged: {error.msg}") from error
            text, at = text[at:] + more, 0
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{name} is not readable JSON: {error}") from error
        else:
            yield element


def _check_end(text: str, read: Callable[[], str], *, name: str) -> None:
    """Refuse whatever follows an array: several arrays, a line each, for instance."""
    while not text.strip():
        text = read()
        if not text:
            return
    raise ValueError(f"{name}: expected one array alone, got {shown(text.strip()[:20])} too")


def _end_of_match(text: str, at: int) -> int:
    found = _BETWEEN.match(text, at)
    return at if found is None else found.end()
