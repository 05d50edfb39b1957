"""Run every check of the project: this is the test command, ``python3 scripts/check.py``.

Makes .venv where it is not run inside an environment, installs the project with its dev extras,
finds a Chromium for the browser tests, and runs every check. It needs nothing but Python 3.11 or
newer, and it fails where a check cannot run. Tests that need what is not here (a GPU, published
checkpoints, outputs of reference implementations) are skipped; its last lines say how many and why.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - whoever has an older one gets a sentence
    sys.exit(f"Python 3.11 or newer is needed, {sys.executable} is {sys.version.split()[0]}")

import hashlib
import os
import re
import shutil
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROME_ELSEWHERE = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"%PROGRAMFILES%\Google\Chrome\Application\chrome.exe",
    r"%PROGRAMFILES(X86)%\Google\Chrome\Application\chrome.exe",
    r"%LOCALAPPDATA%\Google\Chrome\Application\chrome.exe",
)
ASK_PLAYWRIGHT = (
    "from playwright.sync_api import sync_playwright\n"
    "with sync_playwright() as p: print(p.chromium.executable_path)"
)
# It has a command of its own, which lies elsewhere on every system, and no python -m.
LINT_IMPORTS = "from importlinter.cli import lint_imports_command; lint_imports_command()"
UV = "uv>=0.9,<1"
# Two files of tests: a browser waits for its page. In the order of their names: the last are short,
# and neither of the two waits long for the other.
AT_ONCE = ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")
ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # for each of them, on two cores
# Of pytest -rs: how many, where, and why.
SKIPPED = re.compile(r"^SKIPPED \[(\d+)\] (?:.*?\.py(?::\d+)?: )?(.+)$", re.MULTILINE)
COLOR = re.compile(r"\x1b\[[\d;]*m")
TAIL = 1 << 18  # bytes of an output that are looked at in the end
NO_BROWSER = """
NO CHROMIUM OR CHROME WAS FOUND: the browser tests cannot run, so this check fails.
Do one of these, then run it again:
  Debian:            sudo apt-get install chromium
  macOS, Windows:    install Google Chrome
  anywhere:          {python} -m playwright install --with-deps chromium
  have one already:  set CHROMIUM_PATH to its executable
"""


@dataclass(frozen=True, kw_only=True)
class Result:
    """How one stage went."""

    stage: str
    passed: bool
    seconds: float
    closing: str  # the last line that its command printed
    skipped: str = ""  # how many tests were skipped and why, where any were


def announce(text: str) -> None:
    """A line that stands out between the output of the tools."""
    print(f"\n=== {text}", flush=True)


def run(stage: str, command: list[str], env: dict[str, str]) -> Result:
    """Run one command from the repository's root and show its output while it comes."""
    announce(f"{stage}: {' '.join(Path(c).name if c == command[0] else c for c in command)}")
    begun = time.monotonic()
    tail = b""
    with subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        while chunk := os.read(process.stdout.fileno(), 1 << 16):
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
            tail = (tail + chunk)[-TAIL:]
    told = tail.decode("utf-8", "replace")
    lines = [line for line in told.splitlines() if line.strip()]
    return Result(
        stage=stage,
        passed=process.returncode == 0,
        seconds=time.monotonic() - begun,
        closing=lines[-1].strip() if lines else "",
        skipped=skipped(told),
    )


def skipped(told: str) -> str:
    """What pytest says of skipped tests, in a line; nothing where none was."""
    reasons: Counter[str] = Counter()
    for count, why in SKIPPED.findall(COLOR.sub("", told).replace("\r\n", "\n")):
        reasons[why] += int(count)
    named = "; ".join(f"{why} ({count})" for why, count in reasons.most_common())
    return f"skipped {reasons.total()} tests: {named}" if reasons else ""


# The environment


def venv_python(folder: Path) -> Path:
    """The interpreter of a virtual environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def environment() -> Path:
    """The environment to check in: the one that runs this, or else .venv."""
    if sys.prefix != sys.base_prefix:
        return Path(sys.prefix)
    folder = ROOT / ".venv"
    if not venv_python(folder).exists():
        announce("environment: making .venv")
        made = subprocess.run([sys.executable, "-m", "venv", str(folder)], check=False)
        if made.returncode != 0 and may_use_apt():
            # Debian keeps a part of venv in a package of its own.
            apt_install("python3-venv")
            made = subprocess.run(
                [sys.executable, "-m", "venv", "--clear", str(folder)], check=False
            )
        if made.returncode != 0:
            shutil.rmtree(folder, ignore_errors=True)
            sys.exit("Python could not make .venv. On Debian: sudo apt-get install python3-venv")
    return folder


def wanted() -> str:
    """A digest of what decides which packages are installed."""
    digest = hashlib.sha256(sys.version.encode())
    for name in ("pyproject.toml", "requirements.txt"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def installers(folder: Path) -> list[list[str]]:
    """Commands that install, the next one for where the one before it fails.

    uv takes half a minute for the two and more of pip, but it reads none of pip's settings.
    """
    python = str(venv_python(folder))
    # Most of what comes along is never imported: Python compiles the rest when it is.
    pip = [python, "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check"]
    what = ["--editable", ".[dev]"]
    found = [[*pip, *what]]
    there = Path(python).exists()
    if there and subprocess.run([*pip, UV], check=False).returncode == 0:
        uv = [python, "-m", "uv", "pip", "install", "--quiet", "--no-cache", "--python", python]
        found.insert(0, [*uv, *what])
    return found


def install(folder: Path, env: dict[str, str]) -> None:
    """Install the project and its dev extras, unless the environment has them as they stand."""
    stamp = folder / "vilt-lab.installed"
    if stamp.is_file() and stamp.read_text() == wanted():
        return
    for command in installers(folder):
        if run("install (quiet, and minutes long the first time)", command, env).passed:
            break
    else:
        sys.exit("pip could not install the project: see its message above")
    stamp.write_text(wanted())


# The browser


def find_browser(folder: Path) -> str | None:
    """CHROMIUM_PATH, or a browser on the path, in its usual place, or Playwright's own."""
    if named := os.environ.get("CHROMIUM_PATH"):
        return shutil.which(named)
    places = [os.path.expandvars(place) for place in CHROME_ELSEWHERE]
    for place in (*BROWSERS, *places):
        found = shutil.which(place)
        if found and starts(found):
            return found
    return shutil.which(playwright_browser(folder))


def starts(path: str) -> bool:
    """Whether a browser is one: Ubuntu's chromium-browser may be a note that asks for a snap."""
    if os.name == "nt":  # there --version opens a window
        return True
    asked = subprocess.run([path, "--version"], capture_output=True, check=False)
    return asked.returncode == 0


def playwright_browser(folder: Path) -> str:
    """Where Playwright keeps its browser once it has fetched one."""
    command = [str(venv_python(folder)), "-c", ASK_PLAYWRIGHT]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "none"


def may_use_apt() -> bool:
    """Whether this is Debian or a child of it, and we are root."""
    return os.name == "posix" and os.geteuid() == 0 and shutil.which("apt-get") is not None


def apt_install(package: str) -> None:
    """Install a Debian package; whether it worked shows in what is there afterwards."""
    announce(f"apt-get: installing {package}")
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], env=env, check=False)
    subprocess.run(
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package],
        env=env,
        check=False,
    )


def browser(folder: Path) -> Result:
    """Make sure that there is a browser that starts."""
    begun = time.monotonic()
    path = find_browser(folder)
    if path is None and "CHROMIUM_PATH" not in os.environ and may_use_apt():
        apt_install("chromium")
        path = find_browser(folder)
    announce(f"browser: {path or 'none'}")
    if path is None:
        print(NO_BROWSER.format(python=venv_python(folder)), flush=True)
    return Result(
        stage="browser",
        passed=path is not None,
        seconds=time.monotonic() - begun,
        closing=path or "no Chromium or Chrome found",
    )


# The checks


def table(results: list[Result]) -> str:
    """One row a stage."""
    wide = max(len(r.stage) for r in results)
    rows = [
        f"{r.stage:<{wide}}  {'passed' if r.passed else 'FAILED'}  {r.seconds:7.1f} s"
        for r in results
    ]
    return "\n".join((f"{'stage':<{wide}}  result  {'time':>9}", *rows))


def main() -> int:
    """Run every stage, even after one that failed; 0 if all passed."""
    env = os.environ | {"PYTHONUNBUFFERED": "1"}
    folder = environment()
    python = str(venv_python(folder))
    install(folder, env)
    found = browser(folder)
    if found.passed:
        env["CHROMIUM_PATH"] = found.closing
    color = ["--color=yes"] if sys.stdout.isatty() else []
    results = [
        found,
        run("ruff check", [python, "-m", "ruff", "check"], env),
        run("ruff format", [python, "-m", "ruff", "format", "--check"], env),
        run("pyright", [python, "-m", "pyright", "--threads", "2", "--pythonpath", python], env),
        run("lint-imports", [python, "-c", LINT_IMPORTS], env),
        run("pytest", [python, "-m", "pytest", "-rs", *AT_ONCE, *color], env | ONE_THREAD),
    ]
    announce("summary")
    print(table(results))
    print(f"\npytest: {results[-1].closing}")
    if results[-1].skipped:
        print(results[-1].skipped)
    failed = [r.stage for r in results if not r.passed]
    print(f"FAILED: {', '.join(failed)}" if failed else "All checks passed.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
