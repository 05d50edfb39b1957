"""Progress bars: alive on a terminal, a line now and then in a log."""

import sys
from typing import Any

from tqdm import tqdm

_ALIVE, _LOGGED = 0.1, 30.0  # seconds between two looks of a bar: for eyes, and for a file


def progress_bar(**settings: Any) -> tqdm:
    """A bar on standard error, as tqdm makes it; in a file it does not fill the disk."""
    return tqdm(mininterval=_ALIVE if sys.stderr.isatty() else _LOGGED, **settings)
