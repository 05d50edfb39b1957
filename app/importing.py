"""The library is imported by one thread, before any other asks for a part of it.

torch takes seconds, so the page does not wait for it; what is asked in these seconds does. Where
two threads import at once, one a package and the other a module in it, one of them may get a
half-made module or a "deadlock detected": Python locks a module before its package, and a package
that offers its modules' names imports them while it is locked itself
(https://github.com/python/cpython/issues/83065).
"""

import pkgutil
import threading
from importlib import import_module

_TURN = threading.Lock()
_HERE = threading.Event()


def is_here() -> bool:
    """Whether all of it is imported."""
    return _HERE.is_set()


def library() -> None:
    """Have every package of ``vilt_core`` imported; waits where another thread is at it."""
    import vilt_core

    with _TURN:
        for package in pkgutil.iter_modules(vilt_core.__path__, "vilt_core."):
            if package.ispkg:
                import_module(package.name)
        _HERE.set()
