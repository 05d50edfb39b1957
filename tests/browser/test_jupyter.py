"""A notebook in a real JupyterLab: run from top to bottom, turned and hovered."""

import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import expect

ROOT = Path(__file__).parents[2]
NOTEBOOK = "05-optimal-transport.ipynb"
PATIENCE = 120_000  # milliseconds: a kernel starts, imports torch and runs every cell

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def lab(port, tmp_path_factory):
    """A JupyterLab over a copy of the course, and its token: nothing of the tree is written to."""
    home = tmp_path_factory.mktemp("jupyter")
    shutil.copytree(ROOT / "notebooks", home / "notebooks")
    quiet = home / "config" / "labconfig" / "page_config.json"  # no question about news
    quiet.parent.mkdir(parents=True)
    quiet.write_text(
        '{"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": true}}'
    )
    token = secrets.token_hex(16)
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [f"--port={port}", "--ip=127.0.0.1", f"--IdentityProvider.token={token}"]
    command += [f"--ServerApp.root_dir={home / 'notebooks'}", "--log-level=ERROR"]
    server = subprocess.Popen(command, cwd=home, env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            assert server.poll() is None, "JupyterLab ended before it served a page"
            try:
                urllib.request.urlopen(f"{address}/api?token={token}", timeout=2).close()
                break
            except (urllib.error.URLError, TimeoutError, ConnectionError):
                time.sleep(0.5)
        else:
            pytest.fail("JupyterLab served no page within a minute")
        yield address, token
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture
def page(browser, lab):
    """The notebook, opened, its kernel idle; whatever it asks of the outside fails the test."""
    address, token = lab
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE)
    opened, outside = context.new_page(), []
    local = (address, address.replace("http", "ws"), "data:", "blob:")
    opened.on("request", lambda r: r.url.startswith(local) or outside.append(r.url))
    opened.goto(f"{address}/lab/tree/{NOTEBOOK}?token={token}&reset")
    expect(opened.locator(".jp-Notebook .jp-Cell").first).to_be_visible(timeout=PATIENCE)
    expect(opened.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=PATIENCE)
    yield opened
    context.close()
    assert outside == []


def test_a_saved_figure_can_be_hovered_before_any_cell_has_run(page):
    """Plotly's renderer shows the still picture until a pointer comes near, without a network."""
    figure = page.locator(".jp-RenderedPlotly").first
    expect(figure.locator("img.plot-img")).to_be_attached()
    plot = page.locator(".js-plotly-plot").first
    for _ in range(30):  # the page moves under the pointer while JupyterLab still lays it out
        figure.scroll_into_view_if_needed()
        box = figure.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 2)
        page.wait_for_timeout(500)
        if plot.count() and plot.is_visible():
            break
        page.mouse.move(5, 5)
    expect(plot.locator(".xtitle")).to_have_text("patch (row, column)")


def test_every_cell_runs_and_a_slider_changes_its_figure(page):
    expect(page.locator(".widget-slider")).to_have_count(0)  # a saved page has pictures alone
    page.get_by_text("Run", exact=True).first.click()
    page.get_by_text("Run All Cells", exact=True).click()
    slider = page.locator(".widget-slider", has_text="iteration")
    expect(slider).to_have_count(1, timeout=PATIENCE)
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=PATIENCE)
    expect(page.locator("[data-mime-type='application/vnd.jupyter.error']")).to_have_count(0)
    unrun = page.locator(".jp-CodeCell .jp-InputPrompt").filter(has_text="[ ]:")
    expect(unrun).to_have_count(0)

    figure = page.get_by_alt_text("The plan as a matrix that grows sparser")
    before = figure.get_attribute("src")
    assert before.startswith("data:image/png;base64,")
    slider.scroll_into_view_if_needed()
    slider.locator(".noUi-handle").focus()
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    expect(slider.locator(".widget-readout")).to_have_text("13")
    expect(figure).not_to_have_attribute("src", before)
