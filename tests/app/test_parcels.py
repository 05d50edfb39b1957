"""Pages and scripts go out compressed, a script is packed once, and all arrives as it was."""

import asyncio

import brotli
import httpx2 as httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from app import parcels

PAGE = "<html><head></head><body>" + "a cat next to a dog, " * 2000 + "</body></html>"
SCRIPT = "export const cats = [" + "'cat', " * 2000 + "];"
NAMED = "/assets/core-Bdx9080F.js"


@pytest.fixture
async def client():
    served = []

    async def script(request):
        served.append(request.url.path)
        await asyncio.sleep(0.01)
        headers = {"etag": '"1"', "accept-ranges": "bytes", "last-modified": "yesterday"}
        if request.path_params["name"] == "gone-Bdx9080F.js":
            return PlainTextResponse("gone", status_code=404)
        return Response(SCRIPT, media_type="text/javascript", headers=headers)

    async def parts():
        for start in range(0, len(PAGE), 1000):
            yield PAGE[start : start + 1000]

    app = Starlette(
        routes=[
            Route("/", lambda _: HTMLResponse(PAGE)),
            Route("/parts", lambda _: StreamingResponse(parts(), media_type="text/html")),
            Route("/sum", lambda _: PlainTextResponse("3")),
            Route("/packed", lambda _: HTMLResponse("x", headers={"content-encoding": "br"})),
            Route("/assets/{name}", script),
        ],
        middleware=[Middleware(parcels.Packed)],
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://lab") as opened:
        opened.served = served
        yield opened


async def raw(client, path, **headers):
    """The answer's headers and its bytes as they came."""
    asked = {"accept-encoding": "gzip, br"} | headers
    async with client.stream("GET", path, headers=asked) as answer:
        return answer, b"".join([part async for part in answer.aiter_raw()])


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/", "/parts"])
async def test_a_page_is_small_on_its_way_and_whole_at_its_end(client, path):
    answer, body = await raw(client, path)
    assert answer.headers["content-encoding"] == "br"
    assert answer.headers["content-length"] == str(len(body))
    assert "accept-encoding" in answer.headers["vary"].lower()
    assert "cache-control" not in answer.headers, "the next page may be another"
    assert len(body) < len(PAGE) / 20
    assert brotli.decompress(body).decode() == PAGE


@pytest.mark.anyio
async def test_a_script_is_packed_once_and_may_be_kept(client):
    first, body = await raw(client, NAMED)
    again, same = await raw(client, NAMED)
    assert body == same
    assert brotli.decompress(body).decode() == SCRIPT
    assert client.served == [NAMED]
    for answer in (first, again):
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-encoding"] == "br"
        assert not {"etag", "accept-ranges", "last-modified"} & set(answer.headers)


@pytest.mark.anyio
async def test_a_script_that_many_ask_for_at_once_takes_the_room_of_one(client, monkeypatch):
    _, body = await raw(client, NAMED)
    monkeypatch.setattr(parcels, "_MOST", 2 * len(body))
    other = "/assets/other-Bdx9080F.js"
    answers = await asyncio.gather(*(raw(client, other) for _ in range(4)))
    assert {same for _, same in answers} == {body}
    assert client.served.count(other) == 4
    await raw(client, other)
    assert client.served.count(other) == 4


@pytest.mark.anyio
async def test_parts_and_heads_are_the_files_own(client):
    await raw(client, NAMED)
    answer, body = await raw(client, NAMED, range="bytes=0-9")
    assert body.decode() == SCRIPT
    assert "content-encoding" not in answer.headers
    head = await client.head(NAMED, headers={"accept-encoding": "br"})
    assert head.headers["etag"] == '"1"'


@pytest.mark.anyio
async def test_who_takes_no_brotli_gets_what_was_there(client):
    for path, text in (("/", PAGE), (NAMED, SCRIPT)):
        await raw(client, path)
        answer, body = await raw(client, path, **{"accept-encoding": "identity"})
        assert "content-encoding" not in answer.headers
        assert body.decode() == text
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.anyio
async def test_what_has_no_digest_in_its_name_is_asked_for_again(client):
    for path in ("/assets/core.js", "/assets/core.js"):
        answer, body = await raw(client, path)
        assert "cache-control" not in answer.headers
        assert body.decode() == SCRIPT
    assert len(client.served) == 2


@pytest.mark.anyio
async def test_all_else_is_left_alone(client):
    answer, body = await raw(client, "/sum")
    assert (body, answer.headers.get("content-encoding")) == (b"3", None)
    _, body = await raw(client, "/packed")
    assert body == b"x"
    answer, body = await raw(client, "/assets/gone-Bdx9080F.js")
    assert (answer.status_code, body) == (404, b"gone")
    assert "cache-control" not in answer.headers
    await raw(client, "/assets/gone-Bdx9080F.js")
    assert client.served.count("/assets/gone-Bdx9080F.js") == 2


@pytest.mark.anyio
async def test_scripts_are_kept_up_to_a_bound(client, monkeypatch):
    _, body = await raw(client, NAMED)
    monkeypatch.setattr(parcels, "_MOST", len(body) + 1)
    for _ in range(2):
        await raw(client, "/assets/other-Bdx9080F.js")
    assert client.served.count("/assets/other-Bdx9080F.js") == 2
