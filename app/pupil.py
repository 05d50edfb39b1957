"""The process in which a small ViLT learns, of a lower priority than whoever asks a question.

It is ``python -m vilt_core emerge --guided``: it tells every step and every snapshot, and ends when
it is told to, or when whoever listens is gone.
"""

import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from app.components.polite import as_sentence
from vilt_core.training.choices import Choices

ROOT = Path(__file__).parents[1]
COMMAND = (sys.executable, "-m", "vilt_core", "emerge")


class Pupil:
    """The process, what it has told, and how it ended."""

    def __init__(self, process: subprocess.Popen[str], folder: Path):
        self.process = process
        self.silent = False
        self._folder = folder
        self._told: queue.Queue[str | None] = queue.Queue()
        self._errors: list[str] = []
        self._stopped = False
        listening, self._hearing = (
            threading.Thread(target=read, name="training", daemon=True)
            for read in (self._listen, self._hear_errors)
        )
        listening.start()
        self._hearing.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._told.put(line)
        self._told.put(None)

    def _hear_errors(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._errors = [*self._errors[-20:], line.rstrip()]

    def lines(self, seconds: float) -> Iterator[str]:
        """What it has told within so many seconds."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                line = self._told.get(timeout=left)
            except queue.Empty:
                return
            if line is None:
                self.silent = True
                return
            yield line

    def tell_to_stop(self) -> None:
        """Let it keep what it has."""
        self._stopped = True
        with suppress(OSError, ValueError):
            assert self.process.stdin is not None
            self.process.stdin.write("stop\n")
            self.process.stdin.flush()

    def trouble(self) -> str:
        """Why it ended before its time, in one sentence; nothing where it did as it was told."""
        try:
            code = self.process.wait(5)
        except subprocess.TimeoutExpired:
            return "" if self._stopped else "The training does not answer any more."
        if code == 0:
            return ""
        if code < 0:
            return "The training was ended from outside (killed, or out of memory)."
        self._hearing.join(5)  # its last words may still be on their way
        last = next((line for line in reversed(self._errors) if line.strip()), "no reason given")
        reason = last.removeprefix("error: ").replace(str(self._folder), "its folder")
        return as_sentence(f"The training ended: {reason}")


@contextmanager
def at_work(folder: Path, choices: Choices) -> Iterator[Pupil]:
    """The process at work; it is gone at the end, whatever happened.

    Raises:
        OSError: it cannot be started.
    """
    process = subprocess.Popen(
        [*COMMAND, *arguments(folder, choices)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    try:
        yield Pupil(process, folder)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            with suppress(OSError, ValueError):
                assert pipe is not None
                pipe.close()


def arguments(folder: Path, choices: Choices) -> list[str]:
    """What the command is told."""
    told = ["--guided", "--to", str(folder)]
    for name, value in asdict(choices).items():
        option = name.replace("_", "-")
        if isinstance(value, bool):
            told.append(f"--{option}" if value else f"--no-{option}")
        else:
            told += [f"--{option}", str(value)]
    return told
