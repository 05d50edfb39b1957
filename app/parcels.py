"""The page and its scripts, packed for the way: compressed, and fetched once by a browser.

Gradio compresses each of its hundred scripts anew for everybody who opens the page, says of none
that it may be kept, and sends the page itself, a megabyte of text, as it is.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import brotli  # Gradio's own
from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# The name of such a file has a digest of what is in it: another version has another name.
_NAMED = re.compile(r"/assets/[\w.-]+-[\w-]{8}\.(?:js|css)$")
_KEEP = "public, max-age=31536000, immutable"
_QUALITY = 5  # of 11: a page takes a fiftieth of a second, and is a twelfth of its size
_MOST = 2**25  # bytes of packed scripts that are kept


@dataclass(frozen=True, slots=True)
class _Parcel:
    start: Message
    body: bytes


class Packed:
    """Middleware that compresses pages, and scripts once for all; those a browser may keep."""

    def __init__(self, app: ASGIApp):
        self._app = app
        self._kept: dict[str, _Parcel] = {}
        self._size = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let the app answer it."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        path, asked = scope["path"], Headers(scope=scope)
        named = _NAMED.search(path) is not None and "range" not in asked
        packs = "br" in asked.get("accept-encoding", "")
        if named and packs and (parcel := self._kept.get(path)):
            await _sent(parcel, send)
            return
        wanted = _is_script if named else _is_page
        whole = _Whole(send, wanted=wanted, keep=_KEEP if named else None, packs=packs)
        await self._app(scope, receive, whole.take)
        if named and whole.parcel and path not in self._kept:  # another may have been faster
            size = self._size + len(whole.parcel.body)
            if size <= _MOST:
                self._size, self._kept[path] = size, whole.parcel


class _Whole:
    """Collects an answer that is to be compressed, and sends it on; all others at once."""

    def __init__(
        self, send: Send, *, wanted: Callable[[Headers], bool], keep: str | None, packs: bool
    ):
        self._send, self._wanted, self._keep, self._packs = send, wanted, keep, packs
        self._start: Message | None = None
        self._parts: list[bytes] = []
        self.parcel: _Parcel | None = None  # what was sent, if it was compressed

    async def take(self, message: Message) -> None:
        """One message of the app's answer."""
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if message["status"] != 200 or not self._wanted(headers):
                await self._send(message)
                return
            if self._keep:
                headers["cache-control"] = self._keep
            headers.add_vary_header("accept-encoding")
            if self._packs and "content-encoding" not in headers:
                self._start = message
            else:
                await self._send(message)
        elif self._start is None:
            await self._send(message)
        else:
            self._parts.append(message.get("body", b""))
            if not message.get("more_body"):
                self.parcel = await _packed(self._start, b"".join(self._parts))
                await _sent(self.parcel, self._send)


async def _packed(start: Message, body: bytes) -> _Parcel:
    packed = await to_thread.run_sync(lambda: brotli.compress(body, quality=_QUALITY))
    headers = MutableHeaders(raw=list(start["headers"]))
    headers["content-encoding"] = "br"
    headers["content-length"] = str(len(packed))
    for of_the_file in ("etag", "last-modified", "accept-ranges"):  # and not of what is sent
        del headers[of_the_file]
    return _Parcel({**start, "headers": headers.raw}, packed)


async def _sent(parcel: _Parcel, send: Send) -> None:
    # Whoever takes it may change the headers.
    await send({**parcel.start, "headers": list(parcel.start["headers"])})
    await send({"type": "http.response.body", "body": parcel.body})


def _is_script(headers: Headers) -> bool:
    kind = headers.get("content-type", "")
    return kind.startswith(("text/javascript", "application/javascript", "text/css"))


def _is_page(headers: Headers) -> bool:
    return headers.get("content-type", "").startswith("text/html")
