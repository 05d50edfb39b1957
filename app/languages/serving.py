"""How the languages reach the browser: their files, and a script that runs before all others.

Gradio puts a page's head in place when it is nearly done; by then it has chosen the language of its
own words, and a reader would see English first. So the script is written into the page itself.
"""

import hashlib
import json

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import languages
from app.parcels import Parcel, Whole, is_page
from app.theme import static

_PATH = "languages"


def routes() -> list[Route]:
    """Where the browser finds the languages."""
    return [Route(f"/{_PATH}/{{code}}.json", _texts)]


def heading() -> Middleware:
    """What writes the script into every page."""
    return Middleware(Heading, head=f"<script>{script()}</script>")


def script() -> str:
    """It defines ``labLanguages``, and begins to fetch the language that is to be shown."""
    kit = json.dumps(
        {"names": languages.names(), "files": {c: _file(c) for c in languages.codes()}}
    )
    return static("languages.js").replace("/*LANGUAGES*/", kit.replace("</", "<\\/"))


def _file(code: str) -> str:
    """Where the browser finds it; another address once it has changed."""
    digest = hashlib.sha256((languages.FOLDER / f"{code}.json").read_bytes()).hexdigest()
    return f"{_PATH}/{code}.json?{digest[:12]}"


def _texts(request: Request) -> FileResponse:
    code = request.path_params["code"]
    if code not in languages.codes():
        raise HTTPException(404)
    return FileResponse(languages.FOLDER / f"{code}.json")


class Heading:
    """Middleware that begins the head of every page with some HTML."""

    def __init__(self, app: ASGIApp, head: str):
        self.app, self.head = app, f"<head>{head}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, and write into the answer if it is a page."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        await self.app(scope, receive, Whole(send, wanted=is_page, change=self._headed).take)

    async def _headed(self, start: Message, page: bytes) -> Parcel:
        page = page.replace(b"<head>", self.head, 1)
        MutableHeaders(scope=start)["content-length"] = str(len(page))
        return Parcel(start, page)
