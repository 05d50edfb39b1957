"""The page and its scripts, packed for the way: compressed, and fetched once by a browser.

Gradio compresses each of its hundred scripts anew for everybody who opens the page, says of none
that it may be kept, and sends the page itself, a megabyte of text, as it is.
"""

import re
from collections.abc import Awaitable, Callable
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
class Parcel:
    """An answer, ready to be sent."""

    start: Message
    body: bytes

    async def sent(self, send: Send) -> None:
        """Send it, as often as it is asked for: whoever takes it may change the headers."""
        await send({**self.start, "headers": list(self.start["headers"])})
        await send({"type": "http.response.body", "body": self.body})


class Packed:
    """Middleware that compresses pages, and scripts once for all; those a browser may keep."""

    def __init__(self, app: ASGIApp):
        self._app = app
        self._kept: dict[str, Parcel] = {}
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
            await parcel.sent(send)
            return

        def wanted(start: Message) -> bool:
            if start["status"] != 200 or not (_is_script if named else is_page)(start):
                return False
            headers = MutableHeaders(scope=start)
            if named:
                headers["cache-control"] = _KEEP
            headers.add_vary_header("accept-encoding")
            return packs and "content-encoding" not in headers

        whole = Whole(send, wanted=wanted, change=_packed)
        await self._app(scope, receive, whole.take)
        if named and whole.parcel and path not in self._kept:  # another may have been faster
            size = self._size + len(whole.parcel.body)
            if size <= _MOST:
                self._size, self._kept[path] = size, whole.parcel


class Whole:
    """Collects an answer that is wanted whole, changes it and sends it on; all others at once.

    Args:
        send: To whoever asked.
        wanted: Told of the answer's start, whose headers it may change.
        change: Makes another start and body of those that came.
    """

    def __init__(
        self,
        send: Send,
        *,
        wanted: Callable[[Message], bool],
        change: Callable[[Message, bytes], Awaitable[Parcel]],
    ):
        self._send, self._wanted, self._change = send, wanted, change
        self._start: Message | None = None
        self._parts: list[bytes] = []
        self.parcel: Parcel | None = None  # what was sent, if it was wanted

    async def take(self, message: Message) -> None:
        """One message of the app's answer."""
        if message["type"] == "http.response.start" and self._wanted(message):
            self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._parts.append(message.get("body", b""))
            if not message.get("more_body"):
                self.parcel = await self._change(self._start, b"".join(self._parts))
                await self.parcel.sent(self._send)


def is_page(start: Message) -> bool:
    """Whether an answer that begins so is a page."""
    return _kind(start).startswith("text/html")


def _is_script(start: Message) -> bool:
    return _kind(start).startswith(("text/javascript", "application/javascript", "text/css"))


def _kind(start: Message) -> str:
    return Headers(raw=start.get("headers", [])).get("content-type", "")


async def _packed(start: Message, body: bytes) -> Parcel:
    packed = await to_thread.run_sync(lambda: brotli.compress(body, quality=_QUALITY))
    headers = MutableHeaders(raw=list(start["headers"]))
    headers["content-encoding"] = "br"
    headers["content-length"] = str(len(packed))
    for of_the_file in ("etag", "last-modified", "accept-ranges"):  # and not of what is sent
        del headers[of_the_file]
    return Parcel({**start, "headers": headers.raw}, packed)
