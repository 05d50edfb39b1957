"""The app started by its own command, and a browser that complains of everything."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

ROOT = Path(__file__).parents[2]
expect.set_options(timeout=30_000)  # a busy machine is no defect of the page
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DESK = {"width": 1280, "height": 800}
ALL_BUT_FILES = "local_storage,indexeddb,cache_storage,service_workers"
# What is said of answers that were under way when a page was left or loaded again.
LEFT_BEHIND = ("AbortError", "errored out", "ERR_CONTENT_LENGTH_MISMATCH")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def served(**environment):
    port = free_port()
    environment = (
        os.environ
        | {"GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1"}
        | environment
    )
    server = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment)
    url = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(360):  # the first start on a busy machine takes a minute
            assert server.poll() is None, "python app.py ended before it served a page"
            try:
                urllib.request.urlopen(url, timeout=2).close()
                break
            except (urllib.error.URLError, TimeoutError):
                time.sleep(0.5)
        else:
            pytest.fail("python app.py served no page within three minutes")
        yield url
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture(scope="session")
def serve():
    return served


@pytest.fixture(scope="session")
def port():
    """A port of this machine that nobody uses."""
    return free_port()


@pytest.fixture(scope="session")
def closed_port():
    """An address on this machine where nobody listens."""
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture(scope="session")
def address():
    """The one server of a process: to start another costs more than most tests."""
    with served() as url:
        yield url


@pytest.fixture(scope="module")
def browser():
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.fail(
            "the browser tests need Chromium and found none: install it (on Debian and Ubuntu "
            "'apt-get install chromium') and run them again"
        )
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def turn_to():
    """Put a tab on show; a phone keeps the last ones in a menu."""

    def turned(page: Page, name: str) -> None:
        tab = page.get_by_role("tab", name=name, exact=True)
        if not tab.is_visible():
            page.locator(".overflow-menu > button").click()
            tab = page.locator(".overflow-dropdown").get_by_text(name, exact=True)
        tab.click()

    return turned


@pytest.fixture
def once():
    """Let a function take the first request to an address; all others go on.

    The route stays: of one that is taken away, a request on its way just then is never sent.
    """

    def taken(page: Page, address, function) -> None:
        met = False

        def heard(route) -> None:
            nonlocal met
            if met:
                route.continue_()
            else:
                met = True
                function(route)

        page.route(address, heard)

    return taken


@pytest.fixture
def turn(visit):
    """Open the page at a tab, by the name that it bears."""

    def open_at(name: str, *size, **settings) -> Page:
        return visit(*size, tab=name.lower(), **settings)

    return open_at


@pytest.fixture(scope="module")
def visitors(browser):
    """Visitors of the page by their screens and settings: what one has fetched need not come twice.

    They are lent to one test after another, and remember nothing else of the last.
    """
    resting: dict[str, list] = {}

    @contextmanager
    def lent(**settings):
        kind = resting.setdefault(repr(sorted(settings.items())), [])
        context = kind.pop() if kind else browser.new_context(**settings)
        context.set_default_timeout(30_000)
        yield context
        for page in context.pages:
            page.close()
        context.clear_cookies()
        blank = context.new_page()
        what = {"origin": "*", "storageTypes": ALL_BUT_FILES}
        context.new_cdp_session(blank).send("Storage.clearDataForOrigin", what)
        blank.close()
        kind.append(context)

    return lent


@pytest.fixture
def visit(visitors, address):
    """Open the page at a tab, or by what stands behind the question mark of an address.

    Whatever it complains of, or asks of the outside, fails the test.
    """
    complaints, staying = [], ExitStack()

    def heard(message) -> None:
        if message.type == "error" and not any(told in message.text for told in LEFT_BEHIND):
            complaints.append(f"console: {message.text}")

    def open_page(size=DESK, *, tab="ask", query=None, **settings) -> Page:
        page = staying.enter_context(visitors(viewport=size, **settings)).new_page()
        page.on("pageerror", lambda error: complaints.append(f"script: {error}"))
        page.on("console", heard)
        page.on(
            "request",
            lambda r: (
                r.url.startswith((address, "data:", "blob:"))
                or complaints.append(f"outside: {r.url}")
            ),
        )
        page.goto(f"{address}?tab={tab}" if query is None else f"{address}?{query}")
        if tab == "ask" and query is None:
            expect(page.locator("#reply .vl-bars li")).to_have_count(5, timeout=60_000)
        return page

    with staying:
        yield open_page
    assert complaints == []
