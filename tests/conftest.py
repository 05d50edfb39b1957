"""What every process that runs tests does once."""

import gc
import signal


def pytest_configure():
    """Hear Ctrl-C even in the background of a shell, which hides it from all that it starts there.

    Runs that tests interrupt inherit what is ignored, and a run rightly leaves that ignored.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish():
    """Leave what was imported out of all collections of garbage to come: it stays to the end.

    Accelerate collects whenever it prepares a model, which would walk through every module of
    torch, Gradio and the tests each time: half a second.
    """
    gc.collect()
    gc.freeze()


def pytest_sessionfinish():
    """Extensions complain of what they find frozen at the end."""
    gc.unfreeze()
