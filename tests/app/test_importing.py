import ast
import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import vilt_core
from app import importing
from app.components import polite

HERE = Path(vilt_core.__file__).parent


def offers_its_modules(package):
    """Whether its ``__init__`` imports modules of its own: what two threads may trip over."""
    name = f"vilt_core.{package.parent.name}"
    return any(
        isinstance(node, ast.ImportFrom) and (node.module or "").startswith(name)
        for node in ast.parse(package.read_text()).body
    )


def test_whatever_two_threads_could_trip_over_is_imported_by_one():
    tripping = {
        f"vilt_core.{package.parent.name}"
        for package in HERE.glob("*/__init__.py")
        if offers_its_modules(package)
    }
    deeper = [package for package in HERE.glob("*/*/**/__init__.py") if offers_its_modules(package)]
    assert "vilt_core.evaluation" in tripping
    assert not deeper
    code = (
        "import sys; from app import importing; importing.library(); "
        "print(importing.is_here(), *sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"True", *tripping} <= {*ran.stdout.split()}


def test_an_event_waits_for_the_library(monkeypatch):
    happened = []
    monkeypatch.setattr(importing, "is_here", lambda: False)
    monkeypatch.setattr(importing, "library", lambda: happened.append("imported"))

    async def answered():
        with polite.Door() as door:
            door.load(lambda: happened.append("answered"))
        await door.process_api(0, [], request=None)

    with ThreadPoolExecutor(
        1
    ) as elsewhere:  # this thread may have a loop, which run would leave open
        elsewhere.submit(asyncio.run, answered()).result()
    assert happened == ["imported", "answered"]
