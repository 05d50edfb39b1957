"""What docs/add-*.md write out works: added to a copy of the repository, and run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["add-a-model", "add-an-objective", "add-a-data-format", "add-an-explanation"]
TEXTS = {page: (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8") for page in PAGES}
NEW = re.compile(r"^`([\w./]+)`, a new file:\n\n```python\n(.*?)```", re.MULTILINE | re.DOTALL)
CHANGED = re.compile(r"^`([\w./]+)`, changed:\n\n```diff\n(.*?)```", re.MULTILINE | re.DOTALL)


def changed(text: str, diff: str) -> str:
    """A text after a diff: every part of it, between lines of @@, fits in one place."""
    for part in diff.split("@@\n"):
        lines = part.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if line[0] in " -")
        after = "".join(line[1:] for line in lines if line[0] in " +")
        assert text.count(before) == 1, f"fits in {text.count(before)} places:\n{before}"
        text = text.replace(before, after)
    return text


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """The repository after all of these additions."""
    folder = tmp_path_factory.mktemp("additions")
    shutil.copytree(
        ROOT / "vilt_core", folder / "vilt_core", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "assets").symlink_to(ROOT / "assets")
    for text in TEXTS.values():
        for name, code in NEW.findall(text):
            assert not (ROOT / name).exists(), f"{name} is there already"
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(code, encoding="utf-8")
        for name, diff in CHANGED.findall(text):
            file = folder / name
            file.write_text(changed(file.read_text(encoding="utf-8"), diff), encoding="utf-8")
    return folder


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_code_and_its_tests(page):
    files = [name for name, _ in NEW.findall(TEXTS[page])]
    assert [name for name in files if name.startswith("vilt_core/")]
    assert [name for name in files if name.startswith("tests/")]
    assert CHANGED.findall(TEXTS[page])
    blocks = re.findall(r"^```(?:python|diff)$", TEXTS[page], re.MULTILINE)
    assert len(blocks) == len(NEW.findall(TEXTS[page])) + len(CHANGED.findall(TEXTS[page]))


@pytest.mark.slow
def test_their_tests_pass(copy):
    ran = run(copy, "pytest", "-q", "-p", "no:cacheprovider", "tests")
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    written = sum(
        code.count("\ndef test_") for text in TEXTS.values() for _, code in NEW.findall(text)
    )
    assert int(re.findall(r"(\d+) passed", ran.stdout)[0]) >= written


def test_the_command_knows_the_new_recipe(copy):
    asked = run(copy, "vilt_core", "train", "--recipe", "bag-mini", "--plan")  # of paper's alone
    assert "bag-mini draws its own data" in asked.stderr


def test_they_are_written_as_everything_is(copy):
    for command in (["ruff", "check"], ["ruff", "format", "--check"]):
        ran = run(copy, *command, "vilt_core", "tests")
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_change_fits_in_one_place_or_not_at_all():
    assert changed("a\nb\nc\n", " a\n-b\n+B\n") == "a\nB\nc\n"
    assert changed("a\nb\nc\n", " a\n+x\n@@\n-c\n") == "a\nx\nb\n"
    for elsewhere in (" z\n+x\n", " a\n+x\n"):
        with pytest.raises(AssertionError, match="places"):
            changed("a\nb\na\n", elsewhere)
