"""What the server does for nobody: hand on what is elsewhere, or take more than may be uploaded.

A picture may be named by its address (assistants do so). Gradio fetches it from the public network
alone, whole and into memory, however large it is.
"""

import asyncio
import ipaddress
import logging
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import safehttpx
from gradio import processing_utils
from gradio.route_utils import GradioMultiPartParser
from starlette.datastructures import MutableHeaders
from starlette.formparsers import MultiPartException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST = 30 * 2**20  # bytes of a file, uploaded or fetched
SECONDS = 20  # for a file from elsewhere, all redirects together
MOST_SAID = 2 * LARGEST  # bytes of a request that is no upload: it may hold a file as text
AT_ONCE = 8  # files from elsewhere, of one call
_LONGEST_FIELD = 2**16  # bytes of what is no file in an upload
_ROOM = 2**30  # bytes that stay free on the disk
FULL = "This server has no room left for files: try again later, or take a picture of ours."
_TOO_LARGE = f"The file at that address is larger than {LARGEST // 2**20} MB: give a smaller one."
_LOG = logging.getLogger(__name__)
_FILE = re.compile("/file[=/]")
_UPLOAD = re.compile("(/gradio_api)?/upload/?")  # Gradio counts the files that come here
# Gradio's ways to files of the server, which also take an address of somewhere else; one letter
# before the colon is a drive of Windows.
_ERRAND = re.compile(r"/(?:file|proxy)[=/]/*[a-z][a-z0-9+.-]+:", re.IGNORECASE)


class NoErrands:
    """Refuses them, before Gradio looks at them."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let the app answer it."""
        if scope["type"] == "http" and _ERRAND.search(scope["path"]):
            said = {"detail": "This server fetches nothing for others."}
            await JSONResponse(said, status_code=403)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class NoFloods:
    """Refuses requests that are too large to be read into memory; uploads are counted elsewhere."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app answer a request, no more of which is read than may be said."""
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if scope["type"] != "http" or _UPLOAD.fullmatch(path):
            await self._app(scope, receive, send)
            return
        told = dict(scope["headers"]).get(b"content-length", b"0")
        if not told.isdigit() or int(told) > MOST_SAID:
            said = {"detail": f"A request holds at most {MOST_SAID // 2**20} MB."}
            await JSONResponse(said, status_code=413)(scope, receive, send)
            return
        size = 0

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            return message if size <= MOST_SAID else {"type": "http.disconnect"}

        await self._app(scope, counted, send)


class NoGuesses:
    """Has browsers take a file for what it is said to be, whatever it looks like."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, and say so of a file."""

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["x-content-type-options"] = "nosniff"
            await send(message)

        asked = scope["type"] == "http" and _FILE.search(scope["path"]) is not None
        await self._app(scope, receive, told if asked else send)


class FetchError(ValueError):
    """One sentence on why what lies at an address was not fetched."""


def addresses(sent: object) -> int:
    """How many files of what a caller sent are addresses, which Gradio would fetch."""
    if isinstance(sent, dict):
        path = sent.get("path")
        own = isinstance(path, str) and path.lower().startswith(("http:", "https:"))
        return own + sum(map(addresses, sent.values()))
    return sum(map(addresses, sent)) if isinstance(sent, list | tuple) else 0


class _Counted(httpx.AsyncByteStream):
    """What comes, up to the limit."""

    def __init__(self, stream: httpx.AsyncByteStream, transport: httpx.AsyncBaseTransport):
        self._stream, self._transport = stream, transport

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > LARGEST:
                raise FetchError(_TOO_LARGE)
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
        await self._transport.aclose()


class Limited(httpx.AsyncBaseTransport):
    """Fetches from the public network, as Gradio does, but no more than may be uploaded."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Fetch.

        Raises:
            FetchError: more lies there.
            ValueError: the address is not public.
        """
        # What the server's compression saves would escape the count.
        request.headers["accept-encoding"] = "identity"
        transport = await _public(request.url.host)
        response = await transport.handle_async_request(request)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        if int(response.headers.get("content-length", 0)) > LARGEST:
            await response.stream.aclose()
            await transport.aclose()
            raise FetchError(_TOO_LARGE)
        response.headers.pop("content-encoding", None)
        response.stream = _Counted(response.stream, transport)
        return response


async def _public(host: str) -> httpx.AsyncBaseTransport:
    if safehttpx.matches_domain_whitelist(host, processing_utils.PUBLIC_HOSTNAME_WHITELIST):
        return httpx.AsyncHTTPTransport()
    address = await safehttpx.async_validate_url(host)
    if not _is_public(address):
        raise ValueError(f"{host} is no public address")
    return safehttpx.AsyncSecureTransport(address)


def _is_public(address: str) -> bool:
    return ipaddress.ip_address(address).is_global


_gradios = processing_utils.async_ssrf_protected_download


async def fetched(url: str, cache_dir: str) -> str:
    """Gradio's way to fetch a file, within a time and while there is room.

    Args:
        url: where it lies.
        cache_dir: where Gradio keeps files.

    Returns:
        Where it is kept.

    Raises:
        FetchError: it was not fetched.
    """
    Path(cache_dir).mkdir(parents=True, exist_ok=True)
    if not _has_room(cache_dir):
        raise FetchError("This server has no room left for files from elsewhere.")
    try:
        async with asyncio.timeout(SECONDS):
            return await _gradios(url, cache_dir)
    except FetchError:
        raise
    except TimeoutError as error:
        raise FetchError(
            f"The address gave no file within {SECONDS} seconds: upload the file instead."
        ) from error
    except Exception as error:
        _LOG.info("nothing was fetched from %s: %s", url, error)
        raise FetchError(
            "This server gets no file from that address: upload the file instead."
        ) from error


def _has_room(folder: str | Path) -> bool:
    return shutil.disk_usage(folder).free >= _ROOM


_part = GradioMultiPartParser.on_part_data
_file = GradioMultiPartParser.on_headers_finished


def _while_room(self: GradioMultiPartParser) -> None:
    """The head of a part of an upload, after which Gradio opens a file for what comes."""
    if not _has_room(self.upload_dir or tempfile.gettempdir()):
        raise MultiPartException(FULL)
    _file(self)


def _some(self: GradioMultiPartParser, data: bytes, start: int, end: int) -> None:
    """What came of a part of an upload; Gradio counts those that are files alone."""
    part = self._current_part
    if part.file is None and len(part.data) + end - start > _LONGEST_FIELD:
        raise MultiPartException(f"A field holds at most {_LONGEST_FIELD} bytes.")
    _part(self, data, start, end)


def limit() -> None:
    """Let Gradio fetch in this way alone, and take only files in an upload, while there is room."""
    processing_utils.async_transport = Limited()
    processing_utils.async_ssrf_protected_download = fetched
    GradioMultiPartParser.on_part_data = _some
    GradioMultiPartParser.on_headers_finished = _while_room
