"""What ends a run from outside, told in one sentence: a full disk, or SIGTERM.

SIGTERM comes of slurm and ``timeout`` where the time is over, and of torchrun and accelerate launch
where another process was lost. Python's own handlers wait until the main thread is back from C, as
from a sum over processes that never comes: a thread that hears of signals at once speaks then.
"""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread, current_thread, main_thread

from vilt_core.training import TrainingStopped
from vilt_core.training.keeper import stopped
from vilt_core.training.loading import LOST_WORKER, is_lost_worker

GRACE = 5.0  # seconds in which a run that is told to end does so by itself
STANDARD_ERROR = 2
_NONE = 0  # no signal has this number: the run is over


class _ToldToEnd(BaseException):
    """SIGTERM, where the main thread was; no part of the run takes it for an error of its own."""


@contextmanager
def ends_in_a_sentence(state: Path) -> Iterator[None]:
    """Whatever ends the run within from outside names the last good state.

    In other threads than the main one nobody can listen to signals: SIGTERM is left as it was.

    Args:
        state: where the run keeps it: a file, or a folder of what is done.

    Raises:
        TrainingStopped: what was to be kept could not be written, a worker was lost, or the
            process got SIGTERM. A process that is stuck ends at once instead, with the same
            sentence and status 1.
    """
    try:
        if current_thread() is main_thread():
            with _listening(state):
                yield
        else:
            yield
    except _ToldToEnd:
        raise _told(state) from None
    except RuntimeError as error:
        if not is_lost_worker(error):
            raise
        raise stopped(LOST_WORKER, _good(state)) from error
    except OSError as error:
        why = f"what was to be kept could not be written: {error}"
        raise stopped(why, _good(state)) from error


@contextmanager
def _listening(state: Path) -> Iterator[None]:
    """SIGTERM raises in the main thread; where that is stuck, the process is ended all the same."""
    over = Event()
    heard, sent = socket.socketpair()
    sent.setblocking(False)
    watch = Thread(target=_end_if_stuck, args=(heard, over, state), daemon=True)
    handler = signal.signal(signal.SIGTERM, _raise)
    number = signal.set_wakeup_fd(sent.fileno(), warn_on_full_buffer=False)
    watch.start()
    try:
        yield
    finally:
        over.set()
        signal.set_wakeup_fd(number)
        signal.signal(signal.SIGTERM, handler or signal.SIG_DFL)
        sent.send(bytes([_NONE]))
        watch.join()
        heard.close()
        sent.close()


def _raise(_number: int, _frame: object) -> None:
    """Once: on the way out neither a second SIGTERM nor the end of a worker is to interfere.

    Workers may have been told to end as well, of which torch would raise an error of its own.
    """
    signal.signal(signal.SIGTERM, _pass)
    if hasattr(signal, "SIGCHLD"):
        signal.signal(signal.SIGCHLD, _pass)
    raise _ToldToEnd


def _pass(_number: int, _frame: object) -> None:
    """Hear a signal and do nothing: one that is on its way already is not lost noisily."""


def _end_if_stuck(heard: socket.socket, over: Event, state: Path) -> None:
    """Read the numbers of signals as they come; end the process if it does not by itself."""
    while (number := heard.recv(1)[0]) != _NONE:
        if number == signal.SIGTERM and not over.wait(GRACE):
            try:
                os.write(STANDARD_ERROR, f"\nerror: {_told(state)}\n".encode())
            finally:  # nobody may listen any more
                os._exit(1)


def _told(state: Path) -> TrainingStopped:
    return stopped("this training was told to end (SIGTERM)", _good(state))


def _good(state: Path) -> Path | None:
    """The state, which is swapped in whole: if it is there, it is good, as is a folder's piece."""
    pieces = (piece for name in ("run.pt", "results.json") for piece in state.rglob(name))
    return state if state.is_file() or any(pieces) else None
