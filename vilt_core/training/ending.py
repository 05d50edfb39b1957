"""What ends a run from outside, told in one sentence: a full disk, SIGTERM, or Ctrl-C (SIGINT).

SIGTERM comes of slurm and ``timeout`` where the time is over, and of torchrun and accelerate launch
where another process was lost. A run ends where it is, unless it lets itself be told between its
steps (``Ending.after_steps``): then the one under way is finished, and its state saved.

Python's own handlers wait until the main thread is back from C, as from a sum over processes that
never comes: a thread that hears of signals at once speaks of SIGTERM then.
"""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread, current_thread, main_thread
from typing import TypeVar

from vilt_core.training import TrainingStopped
from vilt_core.training.engine import is_main
from vilt_core.training.keeper import stopped
from vilt_core.training.loading import LOST_WORKER, is_lost_worker

GRACE = 5.0  # seconds in which a run that ends where it is does so by itself, after SIGTERM
PATIENCE = 20.0  # ... in which one finishes its step: launchers and slurm kill after thirty
# Seconds within which Ctrl-C is heard twice and meant once: a terminal tells every process of it,
# and a launcher tells those that it started once more.
ONCE = 1.0
STANDARD_ERROR = 2
_NONE = 0  # no signal has this number: the run is over
_FINISHING = "\nfinishing this step to save its state; Ctrl-C again ends at once\n"

Step = TypeVar("Step")


class _ToldToEnd(BaseException):
    """A signal, where the main thread was; no part of the run takes it for an error of its own."""


class Ending:
    """Whether a run was told to end, and whether it hears of that where it is or after a step."""

    def __init__(self, state: Path):
        self.state = state
        self.waits = False  # for the end of a step
        self.patience = GRACE  # seconds after SIGTERM in which the run has to end by itself
        self._signal = _NONE  # the first that told the run to end
        self._heard_at = 0.0

    @property
    def is_told(self) -> bool:
        """Whether the run was told to end."""
        return self._signal != _NONE

    def stop(self, _steps: int) -> bool:
        """The same, as ``train`` asks after every step."""
        return self.is_told

    def after_steps(self, steps: Iterator[Step]) -> Iterator[Step]:
        """The steps of a run that asks ``stop`` after each: a signal waits for the end of one.

        The first step is not waited for: nothing is lost with it.
        """
        try:
            for step in steps:
                self.waits, self.patience = True, PATIENCE
                yield step
        finally:
            self.waits, self.patience = False, GRACE

    @contextmanager
    def broken_off(self) -> Iterator[None]:
        """Work between two steps that a signal breaks off, to go on with the last of the steps."""
        waited = self.waits
        try:
            self.waits = False
            yield
        except _ToldToEnd:
            if not waited:
                raise
        finally:
            self.waits = waited

    def hear(self, number: int, _frame: object) -> None:
        """Be told by a signal; a second Ctrl-C waits for nothing.

        On the way out neither a second SIGTERM nor the end of a worker is to interfere: workers
        may have been told to end as well, of which torch would raise an error of its own.
        """
        if self.is_told:
            if number == signal.SIGINT and time.monotonic() - self._heard_at > ONCE:
                raise _ToldToEnd
            return
        self._signal, self._heard_at = number, time.monotonic()
        if number == signal.SIGTERM and hasattr(signal, "SIGCHLD"):
            signal.signal(signal.SIGCHLD, _pass)
        if not self.waits:
            raise _ToldToEnd
        if number == signal.SIGINT and is_main():
            with suppress(OSError):  # nobody may listen any more
                os.write(STANDARD_ERROR, _FINISHING.encode())

    def verdict(self) -> TrainingStopped | KeyboardInterrupt:
        """What the run that was told to end leaves behind, in a sentence."""
        return interrupted(self.state) if self._signal == signal.SIGINT else _told(self.state)


@contextmanager
def ends_in_a_sentence(state: Path) -> Iterator[Ending]:
    """Whatever ends the run within from outside names the last good state.

    In other threads than the main one nobody can listen to signals: they are left as they were. So
    is SIGINT where it means anything else than Python's KeyboardInterrupt.

    Args:
        state: where the run keeps it: a file, or a folder of what is done.

    Raises:
        TrainingStopped: what was to be kept could not be written, a worker was lost, or the
            process got SIGTERM. A process that is stuck ends at once instead, with the same
            sentence and status 1.
        KeyboardInterrupt: Ctrl-C, with a sentence as well.
    """
    ending = Ending(state)
    try:
        if current_thread() is main_thread():
            with _listening(ending):
                yield ending
        else:
            yield ending
    except _ToldToEnd:
        pass  # the verdict is below
    except KeyboardInterrupt:
        raise interrupted(state) from None
    except RuntimeError as error:
        lost = is_lost_worker(error)
        # A worker that was told to end with the rest is no news.
        if not (ending.is_told and (lost or LOST_WORKER in str(error))):
            if lost:
                raise stopped(LOST_WORKER, _good(state)) from error
            raise
    except BrokenPipeError:  # who read what is told has gone: nothing is wrong with the disk
        raise
    except OSError as error:
        why = f"what was to be kept could not be written: {error}"
        raise stopped(why, _good(state)) from error
    if ending.is_told:
        raise ending.verdict()


def interrupted(state: Path) -> KeyboardInterrupt:
    """Ctrl-C, and whether the run goes on from anything."""
    if (good := _good(state)) is None:
        return KeyboardInterrupt("stopped; no state was saved yet")
    return KeyboardInterrupt(
        f"stopped; the last good state is {good}: the same command goes on from it"
    )


@contextmanager
def _listening(ending: Ending) -> Iterator[None]:
    """Signals tell the main thread; where that is stuck, SIGTERM ends the process all the same."""
    over = Event()
    heard, sent = socket.socketpair()
    sent.setblocking(False)
    watch = Thread(target=_end_if_stuck, args=(heard, over, ending), daemon=True)
    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, ending.hear)}
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        before[signal.SIGINT] = signal.signal(signal.SIGINT, ending.hear)
    number = signal.set_wakeup_fd(sent.fileno(), warn_on_full_buffer=False)
    watch.start()
    try:
        yield
    finally:
        over.set()
        signal.set_wakeup_fd(number)
        for one, handler in before.items():
            signal.signal(one, handler or signal.SIG_DFL)
        sent.send(bytes([_NONE]))
        watch.join()
        heard.close()
        sent.close()


def _pass(_number: int, _frame: object) -> None:
    """Hear a signal and do nothing: one that is on its way already is not lost noisily."""


def _end_if_stuck(heard: socket.socket, over: Event, ending: Ending) -> None:
    """Read the numbers of signals as they come; end the process if it does not by itself."""
    while (number := heard.recv(1)[0]) != _NONE:
        if number == signal.SIGTERM and not over.wait(ending.patience):
            try:
                os.write(STANDARD_ERROR, f"\nerror: {_told(ending.state)}\n".encode())
            finally:  # nobody may listen any more
                os._exit(1)


def _told(state: Path) -> TrainingStopped:
    return stopped("this training was told to end (SIGTERM)", _good(state))


def _good(state: Path) -> Path | None:
    """The state, which is swapped in whole: if it is there, it is good, as is a folder's piece."""
    pieces = (piece for name in ("run.pt", "results.json") for piece in state.rglob(name))
    return state if state.is_file() or any(pieces) else None
