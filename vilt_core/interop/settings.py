"""A config read from a file, each of its settings looked at."""

from dataclasses import is_dataclass
from pathlib import Path
from types import NoneType
from typing import Any, cast, get_args, get_type_hints

LARGEST = 10**18  # number in a config that is looked at at all
_MAY_BE_ZERO = {"answers", "patch_classes", "dropout"}


def read_config(kind: type, settings: dict, path: Path) -> Any:
    """A config of a kind: a dataclass of numbers, flags, lists of them, and other configs.

    Raises:
        ValueError: One sentence that names the setting that is strange, missing or out of range.
    """
    known = get_type_hints(kind)
    if strange := sorted(set(settings) - set(known)):
        raise ValueError(f"{path} has unknown settings: {strange}")
    if "vocab_size" in known and "vocab_size" not in settings:
        raise ValueError(f"{path} lacks the setting 'vocab_size'")
    checked = {name: _checked(value, known[name], name, path) for name, value in settings.items()}
    try:
        return kind(**checked)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _checked(value: object, kind: Any, name: str, path: Path) -> Any:
    choices = get_args(kind)
    if NoneType in choices:
        if value is None:
            return None
        (kind,) = (choice for choice in choices if choice is not NoneType)
        choices = get_args(kind)
    if is_dataclass(kind):
        if not isinstance(value, dict):
            raise ValueError(f"{path}: {name} must be settings of its own, got {value!r}")
        return read_config(cast(type, kind), value, path)
    if choices:  # a tuple of any length
        return _list(value, choices[0], name, path)
    if kind is bool or kind is str:
        if type(value) is not kind:
            raise ValueError(f"{path}: {name} must be a {kind.__name__}, got {value!r}")
        return value
    if (
        not isinstance(value, int | float)
        or type(value) not in (int, kind)
        or not 0 <= value <= LARGEST
        or (value == 0 and name not in _MAY_BE_ZERO)
    ):
        raise ValueError(f"{path}: {name} must be a positive {kind.__name__}, got {value!r}")
    return kind(value)


def _list(value: object, kind: type, name: str, path: Path) -> tuple:
    if kind is not str and isinstance(value, list):
        return tuple(_checked(one, kind, name, path) for one in value)
    if not isinstance(value, list) or not all(isinstance(one, kind) for one in value):
        what = "strings" if kind is str else "numbers"
        raise ValueError(f"{path}: {name} must be a list of {what}, got {value!r}")
    return tuple(value)
