"""Rehearse a Hugging Face Space here: what would happen to the lab on free hardware.

python scripts/space.py [--python PATH] [--port N] [--json FILE]

As root on Linux. Into a folder that is deleted afterwards go: an environment as a Space installs
it (minutes; ``--python`` names one that is there), and a copy of the repository that nobody may
write. A user without a name, without rights and with nothing but a home then starts ``python
app.py``, on two processors and with 16 GB of addresses, where no network is but the machine itself.
A question is asked by gradio_client, and a sentence aligned. What is told: how long it took, how
much memory, what was written where, and what was tried to be written elsewhere. It fails where
anything did.
"""

import argparse
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
INSIDE = "VILT_LAB_INSIDE_A_SPACE"
USER = 1000
MEMORY = 16 * 2**30  # bytes
PROCESSORS = 2
PATIENCE = 300.0  # seconds
QUESTION, SENTENCE = "what is above the camel?", "a fox above a camel"  # of docs/scene.png
# Python's complaint of an event loop that Gradio leaves behind when it starts.
_FORGOTTEN_LOOP = re.compile(
    r"^Exception ignored in: <function BaseEventLoop\.__del__.*?^ValueError[^\n]*",
    re.DOTALL | re.MULTILINE,
)
ASK = """
import json, sys
from gradio_client import Client, handle_file
lab = Client(sys.argv[1], verbose=False)
found = lab.predict(handle_file(sys.argv[2]), sys.argv[3], api_name="/answer")
print(json.dumps(found["answers"][0]["text"]), flush=True)
lab.predict(handle_file(sys.argv[2]), sys.argv[4], api_name="/align")
"""
# Python tells of every file that is opened to be written, and of every folder that is made.
WATCH = """
import os, sys
_LOG = os.open(os.environ["WATCHED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def _watch(event, given):
    if event == "open":
        path, mode, flags = given
        if not isinstance(path, (str, bytes)):
            return
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) if flags else 0
        if not writes and not set(mode or "") & set("wax+"):
            return
        folder = -1
    elif event in ("os.mkdir", "os.remove"):
        path, folder = given[0], given[-1]
    elif event in ("os.rename", "os.symlink", "os.link"):
        path, folder = given[1], given[-1]
    else:
        return
    try:
        at = os.getcwd() if folder == -1 else os.readlink(f"/proc/self/fd/{folder}")
        os.write(_LOG, (os.path.abspath(os.path.join(at, os.fsdecode(path))) + "\\n").encode())
    except (OSError, TypeError, ValueError):
        pass
sys.addaudithook(_watch)
"""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a rehearsal tells.

    Attributes:
        page: seconds to the first page.
        answer: seconds until both answers were there, from the same beginning.
        said: the answer.
        memory: MiB that were held at most.
        kept: files that are in the home and among the temporary ones afterwards.
        bytes: of those.
        tried: paths elsewhere that somebody wanted to write.
        log: what the server printed.
    """

    page: float
    answer: float
    said: str
    memory: float
    kept: tuple[str, ...]
    bytes: int
    tried: tuple[str, ...]
    log: str


def front_matter(readme: str) -> dict[str, str | list[str]]:
    """The settings of a Space at the top of its README: words, and lists of words.

    Raises:
        ValueError: there are none.
    """
    parts = readme.split("---\n")
    if parts[0] or len(parts) < 3:
        raise ValueError("README.md must begin with the settings of the Space between two ---")
    found: dict[str, str | list[str]] = {}
    name = ""
    for line in parts[1].splitlines():
        if line.startswith("  - "):
            items = found[name] or []
            found[name] = [*items, line.removeprefix("  - ").strip()]
        else:
            name, _, value = line.partition(":")
            found[name] = value.strip().strip('"')
    return found


def packages(front: Mapping[str, str | list[str]]) -> list[str]:
    """What a Space of Gradio installs beside the requirements of its own."""
    version = front["sdk_version"]
    return [f"gradio[oauth,mcp]=={version}", "uvicorn>=0.14.0", "websockets>=10.4", "spaces"]


def everybodys_python() -> Path:
    """A Python that also a user without rights may run.

    Raises:
        RuntimeError: there is none.
    """
    names = [sys.executable, *(shutil.which(f"python3.{minor}") for minor in range(14, 10, -1))]
    for path in (Path(name).resolve() for name in names if name):
        if all(folder.stat().st_mode & 0o001 for folder in path.parents):
            return path
    raise RuntimeError(f"no Python that others may run: {sys.executable} lies in a folder of root")


def install(folder: Path) -> Path:
    """A fresh environment as a Space makes it; its Python."""
    base = everybodys_python()
    subprocess.run([str(base), "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    front = front_matter((ROOT / "README.md").read_text(encoding="utf-8"))
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    wanted = ["--no-cache-dir", "-r", str(ROOT / "requirements.txt"), *packages(front)]
    subprocess.run([*pip, *wanted], check=True)
    return python


def copy_repository(to: Path) -> None:
    """The files that git knows, which nobody but root may write."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, to / name)
    for path in (to, *to.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)


def environment(home: Path, watched: Path, hook: Path, port: int) -> dict[str, str]:
    """The variables of a Space, and of ours what watches: none of the person who rehearses."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "TMPDIR": str(home.parent / "tmp"),
        "PYTHONPATH": str(hook),
        "PYTHONUNBUFFERED": "1",
        "WATCHED": str(watched),
        "SYSTEM": "spaces",
        "SPACE_ID": "somebody/vilt-lab",
        "SPACE_HOST": "somebody-vilt-lab.hf.space",
        "SPACE_AUTHOR_NAME": "somebody",
        "SPACE_REPO_NAME": "vilt-lab",
        "GRADIO_SERVER_NAME": "0.0.0.0",
        "GRADIO_SERVER_PORT": str(port),
    }


def confine() -> None:
    """Two processors and 16 GB, for the process that calls this."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:PROCESSORS])
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    os.umask(0o022)


@contextmanager
def served(
    python: Path, code: Path, env: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen]:
    """``python app.py`` by the user without rights."""
    with log.open("wb") as printed:
        server = subprocess.Popen(
            [str(python), "app.py"],
            cwd=code, env=dict(env), user=USER, group=USER, extra_groups=[],
            stdout=printed, stderr=subprocess.STDOUT, preexec_fn=confine,
        )  # fmt: skip
        try:
            yield server
        finally:
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def wait_for_page(url: str, server: subprocess.Popen, log: Path) -> None:
    """Until the whole page is served.

    Raises:
        RuntimeError: the server ended, or there is no page after ``PATIENCE``.
    """
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if server.poll() is not None:
            raise RuntimeError(f"app.py ended with {server.returncode}:\n{log.read_text()}")
        try:
            for path in ("", "config"):
                with urllib.request.urlopen(url + path, timeout=30) as reply:
                    reply.read()
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise RuntimeError(f"no page after {PATIENCE:.0f} s:\n{log.read_text()}")


def elsewhere(tried: str, *allowed: Path) -> tuple[str, ...]:
    """Paths, a line each, that lie in none of the folders.

    /dev is no folder of files, and Python goes on where it may not keep its bytecode.
    """
    folders = (*allowed, Path("/dev"), Path("/proc"))
    paths = sorted({path for path in tried.splitlines() if path and "__pycache__" not in path})
    return tuple(p for p in paths if not any(Path(p).is_relative_to(f) for f in folders))


def memory(server: int) -> float:
    """MiB that a process held at most."""
    status = Path(f"/proc/{server}/status").read_text()
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, flags=re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024


def rehearse(folder: Path, python: Path, *, port: int) -> Found:
    """Everything but the environment."""
    code, home, hook = folder / "code", folder / "home", folder / "hook"
    watched, log, spare = folder / "tmp" / "watched", folder / "log", folder / "tmp"
    for path in (code, home, hook, spare):
        path.mkdir()
    copy_repository(code)
    (hook / "sitecustomize.py").write_text(WATCH, encoding="utf-8")
    for path in (home, spare):
        os.chown(path, USER, USER)
    folder.chmod(0o755)
    env = environment(home, watched, hook, port)
    url, begun = f"http://127.0.0.1:{port}/", time.monotonic()
    with served(python, code, env, log) as server:
        wait_for_page(url, server, log)
        page = time.monotonic() - begun
        picture = str(code / "docs" / "scene.png")
        asked = subprocess.run(
            [str(python), "-c", ASK, url, picture, QUESTION, SENTENCE],
            capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        answer = time.monotonic() - begun
        if asked.returncode != 0:
            raise RuntimeError(f"nothing was answered:\n{asked.stderr}\n{log.read_text()}")
        held, said = memory(server.pid), log.read_text()
    kept = [path for place in (home, spare) for path in place.rglob("*") if path.is_file()]
    return Found(
        page=page,
        answer=answer,
        said=json.loads(asked.stdout),
        memory=held,
        kept=tuple(str(path.relative_to(folder)) for path in kept if path != watched),
        bytes=sum(path.stat().st_size for path in kept if path != watched),
        tried=elsewhere(watched.read_text(), home, spare, python.parents[1]),
        log=said,
    )


def tell(found: Found) -> bool:
    """Print what happened; whether all is well."""
    print(f"first page    {found.page:6.1f} s")
    print(f"first answer  {found.answer:6.1f} s: {found.said}")
    print(f"memory        {found.memory:6.0f} MiB at most")
    print(f"written       {len(found.kept)} files, {found.bytes / 2**20:.1f} MiB, in the home")
    for name in found.kept:
        print(f"    {name}")
    for path in found.tried:
        print(f"tried to write {path}")
    log = _FORGOTTEN_LOOP.sub("", found.log)
    troubles = [line for line in log.splitlines() if "Traceback" in line or "Error" in line]
    for line in troubles:
        print(f"the server said: {line}")
    return not found.tried and not troubles and found.said == "fox"


def without_network(given: list[str]) -> int:
    """This command again, where no network is but the machine itself."""
    alone = 'ip link set lo up && exec "$0" "$@"'
    command = ["unshare", "--net", "sh", "-c", alone, sys.executable, __file__, *given]
    return subprocess.run(command, env=os.environ | {INSIDE: "1"}, check=False).returncode


def main() -> int:
    """0 if all is well."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--python", type=Path, help="of an environment that is there already")
    parser.add_argument("--port", type=int, default=7860)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if sys.platform != "linux" or os.geteuid() != 0:
        sys.exit("a Space can be rehearsed by root on Linux only: it needs users and networks")
    if INSIDE in os.environ:
        with tempfile.TemporaryDirectory(prefix="space-", dir="/tmp") as folder:
            found = rehearse(Path(folder), given.python, port=given.port)
        if given.json is not None:
            given.json.write_text(json.dumps(asdict(found), indent=1) + "\n", encoding="utf-8")
        return 0 if tell(found) else 1
    with tempfile.TemporaryDirectory(prefix="space-", dir="/tmp") as folder:
        python = given.python or install(Path(folder) / "venv")
        Path(folder).chmod(0o755)
        known = ["--port", str(given.port), "--python", str(python.absolute())]
        return without_network([*known, *(["--json", str(given.json)] if given.json else [])])


if __name__ == "__main__":
    sys.exit(main())
