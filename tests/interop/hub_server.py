"""A small Hugging Face Hub on loopback: the requests that huggingface_hub makes, and its faults.

Large files (LFS) are announced by their sha256 and redirected to another host, as the hub does with
its CDN; small ones by git's hash of a blob. ``stop`` ends it and closes every connection.
"""

import contextlib
import hashlib
import json
import re
import socket
import struct
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

LARGE = (".safetensors", ".bin", ".h5", ".onnx")
LIMIT = 20.0  # seconds that nothing here outlives


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What goes wrong with one answer."""

    status: int | None = None
    code: str | None = None  # X-Error-Code
    cut: int | None = None  # bytes of the body after which the connection ends
    reset: bool = False  # ends with a reset instead of an orderly close
    stall: bool = False  # nothing more comes, the connection stays
    body: bytes | None = None  # sent instead of the announced one
    whole: bool = False  # ignores the range that was asked for
    bare: bool = False  # says neither hash nor commit


@dataclass(kw_only=True)
class Request:
    method: str
    name: str  # of the file, or the path of another request
    range: str | None
    token: str | None
    host: str
    sent: int = 0  # bytes of the body


@dataclass(kw_only=True)
class Repository:
    """One commit of one repository, and the branches and tags that stand for it."""

    files: dict[str, bytes]
    revisions: tuple[str, ...] = ("main",)
    token: str | None = None  # without which nobody may read it
    gated: bool = False
    commit: str = ""

    def __post_init__(self):
        whole = b"".join(name.encode() + body for name, body in sorted(self.files.items()))
        self.commit = hashlib.sha1(whole).hexdigest()

    def etag(self, name: str) -> str:
        body = self.files[name]
        if name.endswith(LARGE):
            return hashlib.sha256(body).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()


@dataclass(kw_only=True)
class HubServer:
    repositories: dict[str, Repository]
    requests: list[Request] = field(default_factory=list)
    faults: dict[tuple[str, str], Iterable[Fault | None]] = field(default_factory=dict)

    def __post_init__(self):
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._server = _QuietServer(("127.0.0.1", 0), _handler(self))
        self.port = self._server.server_port
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self._limit = threading.Timer(LIMIT, self.stop)
        self._limit.daemon = True
        self._limit.start()

    def stop(self) -> None:
        """From here on the address refuses connections."""
        if self.stopping.is_set():
            return
        self.stopping.set()
        self._limit.cancel()
        self._server.shutdown()
        self._thread.join()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):  # the other end was faster
                    connection.shutdown(socket.SHUT_RDWR)
        self._server.server_close()

    def fail(self, name: str, *faults: Fault | None, method: str = "GET", ever: bool = False):
        """Let the next requests for a file go wrong, one after the other; ``ever``, all of them."""
        self.faults[method, name] = iter(chain(faults, repeat(faults[-1] if ever else None)))

    def got(self, name: str | None = None, method: str = "GET") -> list[Request]:
        """The requests of a file, or of every file."""
        return [r for r in self.requests if r.method == method and name in (None, r.name)]

    def next_fault(self, method: str, name: str) -> Fault:
        with self._lock:
            return next(self.faults.get((method, name), iter(())), None) or Fault()

    def opened(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)

    def closed(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that leaves early is none of ours."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def _handler(hub: HubServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = LIMIT
        disable_nagle_algorithm = True

        def setup(self):
            super().setup()
            hub.opened(self.connection)

        def finish(self):
            hub.closed(self.connection)
            super().finish()

        def log_message(self, format, *args):
            pass

        def do_HEAD(self):
            self.answer()

        def do_GET(self):
            self.answer()

        def answer(self):
            path = unquote(urlsplit(self.path).path)
            self.asked = Request(
                method=self.command,
                name=path,
                range=self.headers.get("Range"),
                token=self.headers.get("Authorization"),
                host=self.headers.get("Host", ""),
            )
            hub.requests.append(self.asked)
            if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/(revision|tree)/(.+)", path):
                self.api(*found.groups())
            elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/(refs/pr/\d+|[^/]+)/(.+)", path):
                self.asked.name = found[3]
                self.resolve(*found.groups())
            elif found := re.fullmatch(r"/cdn/([^/]+/[^/]+)/(.+)", path):
                self.asked.name = found[2]
                self.content(hub.repositories[found[1]].files[found[2]], {})
            else:
                self.reply(404, {})

        def repository(self, name: str, revision: str) -> Repository | None:
            """The repository, or None after saying what is wrong."""
            held = hub.repositories.get(name)
            sent = self.headers.get("Authorization")
            if held is None or (held.token and sent != f"Bearer {held.token}"):
                self.reply(401, {"X-Error-Code": "RepoNotFound"})
            elif held.gated:
                self.reply(403, {"X-Error-Code": "GatedRepo"})
            elif revision not in (*held.revisions, held.commit):
                self.reply(404, {"X-Error-Code": "RevisionNotFound"})
            else:
                return held
            return None

        def api(self, name: str, what: str, revision: str):
            held = self.repository(name, revision)
            if held is None:
                return
            names = sorted(held.files)
            if what == "revision":
                siblings = [{"rfilename": file} for file in names]
                said = {"id": name, "modelId": name, "sha": held.commit, "siblings": siblings}
            else:
                said = [self.entry(held, file) for file in names]
            self.content(json.dumps(said).encode(), {"Content-Type": "application/json"})

        def entry(self, held: Repository, name: str) -> dict:
            size = len(held.files[name])
            entry = {"type": "file", "path": name, "size": size, "oid": held.etag(name)}
            if name.endswith(LARGE):
                entry["lfs"] = {"oid": held.etag(name), "size": size, "pointerSize": 134}
            return entry

        def resolve(self, repo: str, revision: str, name: str):
            held = self.repository(repo, revision)
            if held is None:
                return
            commit = {"X-Repo-Commit": held.commit}
            if name not in held.files:
                self.reply(404, commit | {"X-Error-Code": "EntryNotFound"})
            elif not PurePosixPath(name).name.endswith(LARGE):
                self.content(held.files[name], commit | {"ETag": f'"{held.etag(name)}"'})
            elif self.command == "HEAD" and (fault := hub.next_fault("HEAD", name)) != Fault():
                self.misbehave(fault, held.files[name], commit)
            else:
                self.reply(
                    302,
                    commit
                    | {
                        "Location": f"http://localhost:{hub.port}/cdn/{repo}/{name}",
                        "X-Linked-Etag": f'"{held.etag(name)}"',
                        "X-Linked-Size": str(len(held.files[name])),
                        "ETag": '"of-the-pointer"',
                    },
                )

        def content(self, body: bytes, headers: dict[str, str]):
            self.misbehave(hub.next_fault(self.command, self.asked.name), body, headers)

        def misbehave(self, fault: Fault, body: bytes, headers: dict[str, str]):
            if fault.status is not None:
                self.reply(fault.status, {"X-Error-Code": fault.code} if fault.code else {})
                return
            if fault.stall and fault.cut is None:
                hub.stopping.wait(LIMIT)
                self.close_connection = True
                return
            if fault.bare:
                headers = {}
            self.send(fault, body if fault.body is None else fault.body, headers)

        def send(self, fault: Fault, body: bytes, headers: dict[str, str]):
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            start = int(asked[1]) if asked and not fault.whole else 0
            if asked and start >= len(body):
                self.reply(416, {"Content-Range": f"bytes */{len(body)}"})
                return
            self.send_response(206 if asked and not fault.whole else 200)
            if asked and not fault.whole:
                headers = headers | {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}
            for key, value in (headers | {"Content-Length": str(len(body) - start)}).items():
                self.send_header(key, value)
            self.end_headers()
            if self.command == "HEAD":
                return
            part = body[start:] if fault.cut is None else body[start : start + fault.cut]
            self.asked.sent = len(part)
            self.wfile.write(part)
            if fault.stall:
                hub.stopping.wait(LIMIT)
            if fault.cut is not None:
                self.end(reset=fault.reset)

        def end(self, *, reset: bool):
            self.close_connection = True
            if reset:
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                hub.closed(self.connection)
                socket.close(self.connection.detach())

        def reply(self, status: int, headers: dict[str, str]):
            self.send_response(status)
            for key, value in (headers | {"Content-Length": "0"}).items():
                self.send_header(key, value)
            self.end_headers()

    return Handler
