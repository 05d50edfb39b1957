"""Folders of several files that belong together: written whole or not at all, read with care."""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

SHIPPED = Path(__file__).resolve().parents[2] / "assets" / "models"


def write_together(writers: dict[Path, Callable[[Path], object]]) -> None:
    """Write each file beside its old version; only when all are there, swap them in.

    Raises:
        OSError: The disk is full or may not be written. The old files are there then.
    """
    parts = {path: path.with_name(f"{path.name}.part") for path in writers}
    try:
        for path, write in writers.items():
            write(parts[path])
            with parts[path].open("r+b") as file:
                os.fsync(file.fileno())
        for path, part in parts.items():
            part.replace(path)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)


def check_place(path: str | os.PathLike[str]) -> None:
    """Know before any work that what comes of it can be kept.

    Raises:
        ValueError: A folder that is not there, or a folder where the file is to be.
    """
    path = Path(path)
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(f"expected a file in a folder that is there, got {path}")


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Whether a folder is there; none is under a name too long for one."""
    with suppress(OSError):
        return Path(path).is_dir()
    return False


def is_file(path: str | os.PathLike[str]) -> bool:
    """Whether a file is there; none is under a name too long for one."""
    with suppress(OSError):
        return Path(path).is_file()
    return False


def read_object(path: Path) -> dict:
    """A JSON file that holds one object.

    Raises:
        ValueError: It cannot be read, is no JSON, or holds something else.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not readable JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path} must hold a JSON object, got a {type(found).__name__}")
    return found


def json_text(content: dict) -> str:
    """An object as we write it to files."""
    return json.dumps(content, indent=1) + "\n"
