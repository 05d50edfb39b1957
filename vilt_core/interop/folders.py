"""Folders of several files that belong together: written whole or not at all, read with care."""

import filecmp
import json
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

UNFINISHED = "unfinished.json"  # lies in a folder while files of it are swapped: which ones
SHIPPED = Path(__file__).resolve().parents[2] / "assets" / "models"


def write_together(writers: dict[Path, Callable[[Path], object]]) -> None:
    """Write each file beside its old version; only when all are there, swap them in.

    A file that is as it was is left. Where several differ, a note lies beside them from the first
    rename to the last (``UNFINISHED``): a process that is killed in between leaves files that are
    not of one writing, which ``check_whole`` refuses until all of them are written anew.

    Raises:
        OSError: The disk is full or may not be written. The old files are there then, all of them,
            or the note says that they are not.
    """
    parts = {path: path.with_name(f"{path.name}.part") for path in writers}
    try:
        for path, write in writers.items():
            write(parts[path])
            with parts[path].open("r+b") as file:
                os.fsync(file.fileno())
        changed = [path for path, part in parts.items() if not _same(path, part)]
        if len(changed) > 1:
            _announce(changed)
        for path in changed:
            parts[path].replace(path)
        _strike_out(writers)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """A text, whole or not at all, in place of the file that is there.

    Raises:
        OSError: The disk is full or may not be written; the old file is there then.
    """
    write_together({path: lambda part: part.write_text(text, encoding="utf-8")})


def check_whole(folder: Path) -> None:
    """Refuse a folder whose files may be of two writings.

    Raises:
        ValueError: One that is being written, or whose writer was killed before it was done.
    """
    if (folder / UNFINISHED).is_file():
        raise ValueError(
            f"{folder} is being written, or its writing was cut short, so that its files may be of "
            "two models: wait, or write it again"
        )


def _same(path: Path, part: Path) -> bool:
    return path.is_file() and filecmp.cmp(path, part, shallow=False)


def _announce(changed: Sequence[Path]) -> None:
    """Leave a note, whole or not at all, of which files are about to change."""
    for folder in {path.parent for path in changed}:
        note = folder / UNFINISHED
        part = note.with_name(f"{note.name}.part")
        try:
            part.write_text(json.dumps([path.name for path in changed if path.parent == folder]))
            part.replace(note)
        finally:
            part.unlink(missing_ok=True)


def _strike_out(written: Iterable[Path]) -> None:
    """Take away the notes of files all of which are written by now."""
    names: dict[Path, set[str]] = {}
    for path in written:
        names.setdefault(path.parent / UNFINISHED, set()).add(path.name)
    for note, known in names.items():
        if note.is_file() and set(json.loads(note.read_text())) <= known:
            note.unlink()


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
