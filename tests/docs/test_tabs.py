"""Laws of docs/tabs.md: every tab has its picture, drawn by the script, small and described."""

import ast
import re
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "tabs.md").read_text(encoding="utf-8")


def constant(name: str):
    """A constant of the script, which itself wants a browser's library."""
    tree = ast.parse((ROOT / "scripts" / "screenshots.py").read_text(encoding="utf-8"))
    [found] = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and node.targets[0].id == name
    ]
    return ast.literal_eval(found)


def test_every_tab_of_the_app_is_shown_and_described():
    table = (
        (ROOT / "README.md").read_text(encoding="utf-8").split("| tab | what happens there |")[1]
    )
    tabs = re.findall(r"^\| \*(\w+)\* \|", table.split("\n\n")[0], re.MULTILINE)
    assert set(map(str.lower, tabs)) == set(constant("TABS"))
    shown = re.findall(r"^\*(\w+)\*: .+\n!\[(\w+): .{20,}\]\(screenshot-(\w+)\.png\)", PAGE, re.M)
    assert {name for name, *_ in shown} == set(tabs)
    assert all(name == alt and name.lower() == file for name, alt, file in shown)


def test_the_pictures_are_those_of_the_script():
    for tab in constant("TABS"):
        path = ROOT / "docs" / f"screenshot-{tab}.png"
        assert path.stat().st_size <= constant("LARGEST")
        with Image.open(path) as picture:
            assert picture.width == 1280
            assert picture.height <= constant("HIGHEST")
