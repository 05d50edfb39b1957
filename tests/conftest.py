"""Who runs which tests, where several processes share them."""

from pathlib import Path

import pytest

BROWSER = Path(__file__).parent / "browser"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file's tests stay together; those with a browser are one after another, and begin first.

    Each drives a server and a browser, which are as busy as all other tests on their processors:
    two at once hold each other up, and what comes last of them is waited for.
    """
    items.sort(key=lambda item: BROWSER not in item.path.parents)
    for item in items:
        together = BROWSER if BROWSER in item.path.parents else item.path
        item.add_marker(pytest.mark.xdist_group(str(together)))
