"""What the server does for nobody: hand on what is elsewhere, or fetch more than may be uploaded.

A picture may be named by its address (assistants do so). Gradio fetches it from the public network
alone, whole and into memory, however large it is.
"""

import re
from collections.abc import AsyncIterator

import httpx
import safehttpx
from gradio import processing_utils
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LARGEST = 30 * 2**20  # bytes of a file, uploaded or fetched
# Gradio's ways to files of the server, which also take an address of somewhere else.
_ERRAND = re.compile(r"/(?:file|proxy)=/?[a-z][a-z0-9+.-]*:", re.IGNORECASE)


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


class TooLargeError(ValueError):
    """More lies at an address than is fetched."""

    def __init__(self) -> None:
        super().__init__(
            f"The file at that address is larger than {LARGEST // 2**20} MB: give a smaller one."
        )


class _Counted(httpx.AsyncByteStream):
    """What comes, up to the limit."""

    def __init__(self, stream: httpx.AsyncByteStream, transport: httpx.AsyncBaseTransport):
        self._stream, self._transport = stream, transport

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > LARGEST:
                raise TooLargeError
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
        await self._transport.aclose()


class Limited(httpx.AsyncBaseTransport):
    """Fetches from the public network, as Gradio does, but no more than may be uploaded."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Fetch.

        Raises:
            TooLargeError: more lies there.
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
            raise TooLargeError
        response.headers.pop("content-encoding", None)
        response.stream = _Counted(response.stream, transport)
        return response


async def _public(host: str) -> httpx.AsyncBaseTransport:
    if safehttpx.matches_domain_whitelist(host, processing_utils.PUBLIC_HOSTNAME_WHITELIST):
        return httpx.AsyncHTTPTransport()
    return safehttpx.AsyncSecureTransport(await safehttpx.async_validate_url(host))


def limit() -> None:
    """Let Gradio fetch in this way."""
    processing_utils.async_transport = Limited()
