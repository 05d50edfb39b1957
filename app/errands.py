"""What the server does for nobody: to fetch an address and hand on what is there."""

import re

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

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
