"""What every process that runs tests does once."""

import gc


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
