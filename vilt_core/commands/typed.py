"""What was typed, which model it names, and where results go."""

import json
import sys
from pathlib import Path


def typed_command() -> str:
    """The command, as a reader types it to get the same."""
    return " ".join(["python -m vilt_core", *sys.argv[1:]])


def source_of(name: str) -> str:
    """The folder of a shipped model, or whatever else was named."""
    from vilt_core.predictor import MODELS

    shipped = MODELS / name
    return str(shipped) if shipped.is_dir() else name


def write_json(found: dict, path: Path | None) -> None:
    """To the screen, and to a file where one was named."""
    print(json.dumps(found, indent=1))
    if path is not None:
        to_file(found, path)


def to_file(found: dict, path: Path) -> None:
    """JSON that a person can read, too."""
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
