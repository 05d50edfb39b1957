"""Laws of the test command: what failed shows, and nothing is skipped in silence."""

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def check() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check", ROOT / "scripts" / "check.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["check"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_stage_shows_its_output_and_keeps_its_last_line(check, capfdbinary):
    result = check.run("good", python("print('one'); print('two'); print()"), dict(os.environ))
    assert result.passed
    assert result.closing == "two"
    assert b"one" in capfdbinary.readouterr().out


def test_a_stage_that_fails_is_named(check, capfdbinary):
    result = check.run("bad", python("raise SystemExit(3)"), dict(os.environ))
    assert not result.passed
    assert "FAILED" in check.table([result])


HALF_SKIPPED = """
import pytest


@pytest.mark.parametrize("number", range(3))
def test_skipped(number):
    pytest.skip("no GPU: here")


@pytest.mark.skipif(True, reason="no reference")
def test_marked():
    pass


def test_run():
    pass
"""


@pytest.mark.parametrize("color", ["yes", "no"])
def test_skipped_tests_are_counted_by_what_they_lack(check, tmp_path, capfdbinary, color):
    file = tmp_path / "test_half.py"
    file.write_text(HALF_SKIPPED)
    command = [sys.executable, "-m", "pytest", "-rs", f"--color={color}", str(file)]
    result = check.run("pytest", command, dict(os.environ))
    assert result.passed
    assert result.skipped == "skipped 4 tests: no GPU: here (3); no reference (1)"
    assert check.run("all", python("print('5 passed')"), dict(os.environ)).skipped == ""


def test_what_was_skipped_is_said_in_the_end(stages, capsys):
    assert stages(skipped="skipped 2 tests: needs CUDA (2)") == (0, STAGES)
    said = "pytest: 5 passed\nskipped 2 tests: needs CUDA (2)\nAll checks passed.\n"
    assert capsys.readouterr().out.endswith(said)


@pytest.fixture
def stages(check, monkeypatch):
    """``main`` with every stage replaced by one that only tells whether it was to pass."""

    def run_main(*failing: str, browser: bool = True, skipped: str = "") -> tuple[int, list[str]]:
        ran = []

        def run(stage, command, env):
            ran.append(stage)
            return check.Result(
                stage=stage,
                passed=stage not in failing,
                seconds=0.0,
                closing="5 passed",
                skipped=skipped,
            )

        path = "/usr/bin/browser" if browser else None
        monkeypatch.setattr(check, "run", run)
        monkeypatch.setattr(check, "install", lambda folder, env: None)
        monkeypatch.setattr(check, "find_browser", lambda folder: path)
        monkeypatch.setattr(check, "may_use_apt", lambda: False)
        return check.main(), ran

    return run_main


STAGES = ["ruff check", "ruff format", "pyright", "lint-imports", "pytest"]


def test_all_passed_is_zero(stages, capsys):
    assert stages() == (0, STAGES)
    assert "pytest: 5 passed\nAll checks passed." in capsys.readouterr().out


@pytest.mark.parametrize("failing", STAGES)
def test_one_failure_fails_and_the_rest_still_runs(stages, capsys, failing):
    assert stages(failing) == (1, STAGES)
    assert capsys.readouterr().out.endswith(f"FAILED: {failing}\n")


def test_a_missing_browser_is_loud_and_fails(stages, capsys):
    assert stages(browser=False) == (1, STAGES)
    told = capsys.readouterr().out
    assert "NO CHROMIUM OR CHROME WAS FOUND" in told
    assert told.endswith("FAILED: browser\n")


@pytest.fixture
def project(check, monkeypatch, tmp_path):
    """A folder with lists of packages, for the repository."""
    for name in ("pyproject.toml", "requirements.txt"):
        (tmp_path / name).write_text("one")
    monkeypatch.setattr(check, "ROOT", tmp_path)
    return tmp_path


def test_packages_are_installed_again_when_their_list_changes(check, project, monkeypatch):
    installed = []

    def run(stage, command, env):
        installed.append(command)
        return check.Result(stage=stage, passed=True, seconds=0.0, closing="")

    monkeypatch.setattr(check, "run", run)
    check.install(project, {})
    check.install(project, {})
    assert len(installed) == 1
    assert installed[0][-1] == ".[dev]"
    (project / "requirements.txt").write_text("two")
    check.install(project, {})
    assert len(installed) == 2


def test_a_failed_installation_stops_and_is_tried_again(check, project, monkeypatch):
    monkeypatch.setattr(
        check,
        "run",
        lambda stage, *_: check.Result(stage=stage, passed=False, seconds=0.0, closing=""),
    )
    for _ in range(2):
        with pytest.raises(SystemExit, match="could not install"):
            check.install(project, {})


def test_pip_installs_where_uv_cannot(check, project, monkeypatch):
    tried = []

    def run(stage, command, env):
        tried.append(command)
        passed = "uv" not in command
        return check.Result(stage=stage, passed=passed, seconds=0.0, closing="")

    python = check.venv_python(project)
    python.parent.mkdir()
    python.write_text("#!/bin/sh\necho $@ >> $(dirname $0)/asked\n")
    python.chmod(0o755)
    monkeypatch.setattr(check, "run", run)
    check.install(project, {})
    assert (python.parent / "asked").read_text().endswith(f"{check.UV}\n")
    assert [command[2] for command in tried] == ["uv", "pip"]
    assert [command[-1] for command in tried] == [".[dev]", ".[dev]"]


def test_chromium_path_decides(check, monkeypatch, tmp_path):
    own = tmp_path / "own-browser"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    monkeypatch.setenv("CHROMIUM_PATH", str(own))
    assert check.find_browser(tmp_path) == str(own)
    monkeypatch.setenv("CHROMIUM_PATH", str(tmp_path / "nowhere"))
    assert check.find_browser(tmp_path) is None


@pytest.mark.skipif(os.name == "nt", reason="the stand-in browsers are shell scripts")
def test_a_browser_that_does_not_start_is_passed_over(check, monkeypatch, tmp_path):
    for name, code in (("chromium-browser", 1), ("google-chrome", 0)):
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {code}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.delenv("CHROMIUM_PATH", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(check, "CHROME_ELSEWHERE", ())
    assert check.find_browser(tmp_path) == str(tmp_path / "google-chrome")


def test_continuous_integration_calls_this_command_alone():
    path = ROOT / ".ci" / "run"
    lines = [line for line in path.read_text().splitlines() if line and line[0] != "#"]
    assert lines == ["set -eu", 'cd "$(dirname "$0")/.."', "exec python3 scripts/check.py"]
    assert os.name == "nt" or os.access(path, os.X_OK)
