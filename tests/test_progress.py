import io
import itertools
import sys

import tqdm.std

from vilt_core.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


def drawn(stream, monkeypatch) -> int:
    """How often a bar is drawn whose work takes three minutes, a second a step."""
    monkeypatch.setattr(sys, "stderr", stream)
    seconds = itertools.count()
    monkeypatch.setattr(tqdm.std, "time", lambda: next(seconds))
    with progress_bar(total=180) as bar:
        for _ in range(180):
            bar.update()
    return stream.getvalue().count("\r")


def test_a_terminal_sees_every_second_and_a_log_a_line_now_and_then(monkeypatch):
    assert drawn(io.StringIO(), monkeypatch) <= 10
    assert drawn(Terminal(), monkeypatch) >= 80
