"""Who runs which tests, where several processes share them (``--dist loadfile``)."""

import pytest
from xdist.scheduler import LoadScopeScheduling

BROWSER = "tests/browser"


class BrowserInOne(LoadScopeScheduling):
    """A file's tests stay together, and all that drive a browser are one after another.

    Each of these has a server and a browser, which are as busy as all other tests on their
    processors: two at once hold each other up.
    """

    def _split_scope(self, nodeid: str) -> str:
        return BROWSER if nodeid.startswith(f"{BROWSER}/") else nodeid.split("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log) -> BrowserInOne | None:
    """The one above, where files were to stay together."""
    return BrowserInOne(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with a browser begin first: what comes last of them is waited for."""
    items.sort(key=lambda item: not item.nodeid.startswith(f"{BROWSER}/"))
