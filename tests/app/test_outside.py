"""The server from outside, where anybody may send anything to anything."""

import asyncio
import inspect
import json
import math
import random
import re
import struct
import sys
import threading
import time
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import gradio as gr
import httpx as httpx1
import httpx2 as httpx
import pytest
from gradio.utils import LRUCache
from PIL import Image

import app
from app import encoders, endpoints, errands, galleries, masks, services, waiting
from app.components.events import PARTS, Event
from app.components.polite import BUSY, OURS
from app.library import Library
from app.models import catalogue
from vilt_core.evaluation.scoring import PAIRS

ROOT = Path(__file__).parents[2]

EVIL = (
    None,
    "",
    " ",
    "x" * 20_000,
    "🦒" * 3000,
    "\u202eright to left\u202c אבג",
    "\x00\x1b[31m",
    "<img src=x onerror=alert(1)>",
    "[MASK]" * 50,
    0,
    -1,
    2**70,
    -(10**300),
    1e308,
    0.5,
    True,
    [],
    [[]],
    {},
    {"a": {"b": {"c": [1, {"d": None}]}}},
    {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}},
    {"path": "../../etc/passwd", "meta": {"_type": "gradio.FileData"}},
    {"path": "file:///etc/passwd", "meta": {"_type": "gradio.FileData"}},
    {"path": "/etc/passwd"},
    {"path": "/dev/zero"},
    {"path": "file:///etc/passwd"},
    {"path": "http://127.0.0.1:9/"},
    [{"path": "/etc/passwd"}],
    {"url": "http://127.0.0.1:9/", "path": "x", "meta": {"_type": "gradio.FileData"}},
    {"path": "http://127.0.0.1:9/", "meta": {"_type": "gradio.FileData"}},
    {"__type__": "update", "visible": False},
    ["a", 1, None],
    math.nan,
    math.inf,
)
LEAKS = re.compile(r"Traceback|site-packages|\.py\b|<class|object at 0x|root:|/tmp/|gradio/")
SENTENCE = re.compile(r"[A-Z\"'<].{5,500}[.!?]", re.DOTALL)


@pytest.fixture(scope="module")
def demo(tiny_folder):
    """The lab as it is launched, with a tiny model."""

    # Where no event loop runs, Gradio opens some and never closes them.
    async def launched() -> gr.Blocks:
        found = app.build_demo()
        app.launch(found, prevent_thread_lock=True, server_name="127.0.0.1", quiet=True)
        return found

    async def closed(found: gr.Blocks) -> None:
        found.close(verbose=False)

    with pytest.MonkeyPatch.context() as patch:
        library = Library(catalogue({"VILT_LAB_MODEL": str(tiny_folder)}), services.open_checkpoint)
        patch.setattr(services, "LIBRARY", library)
        found = asyncio.run(launched())
        yield found
        asyncio.run(closed(found))


@pytest.fixture
def client(demo):
    with httpx.Client(base_url=demo.local_url + "gradio_api/", timeout=30) as opened:
        yield opened


@pytest.fixture
def picture(client, tmp_path):
    """A picture of ours, uploaded as a browser does."""
    path = tmp_path / "scene.png"
    Image.fromarray(services.picture(services.EXAMPLES[0], 128)).save(path)
    return uploaded(client, path.read_bytes(), "scene.png")


def uploaded(client, data, name):
    reply = client.post("upload", files={"files": (name, data)}).raise_for_status()
    return {"path": reply.json()[0], "meta": {"_type": "gradio.FileData"}}


def typed(content):
    """JSON with what it should not have: NaN and Infinity."""
    return {"content": json.dumps(content), "headers": {"content-type": "application/json"}}


def called(client, name, data):
    """What a named endpoint says: its result, or None and a sentence."""
    place = client.post(f"call/{name}", **typed({"data": data}))
    if place.status_code != 200:
        return None, place.text
    lines = client.get(f"call/{name}/{place.json()['event_id']}").text.strip().splitlines()
    told, said = lines[-2].removeprefix("event: "), json.loads(lines[-1].removeprefix("data: "))
    return (said[0], None) if told == "complete" else (None, (said or {}).get("error"))


def messages(client, session, **event):
    """The messages of one event of the page, one by one."""
    place = client.post("queue/join", **typed({"session_hash": session, **event}))
    if place.status_code != 200:
        yield {"msg": "refused", "said": place.text, "code": place.status_code}
        return
    with client.stream("GET", "queue/data", params={"session_hash": session}) as stream:
        for line in stream.iter_lines():
            if line.startswith("data: "):
                message = json.loads(line.removeprefix("data: "))
                yield message
                if message["msg"] == "process_completed":
                    return


def polite(said):
    return isinstance(said, str) and SENTENCE.fullmatch(said) and not LEAKS.search(said)


VALID = {
    "answer": ["picture", "is there a cat?", 3, "tiny"],
    "match": ["picture", ["a cat", "a dog"], "tiny"],
    "fill": ["picture", "a [MASK]", 3, "tiny"],
    "compare": ["picture", "picture", "both show a cat", "tiny"],
    "align": ["picture", "a cat", 0.5, 10, "tiny"],
    "retrieve": [None, "picture", ["a cat", "a dog"], None, None, 3, 4, "tiny"],
}


def given(name, picture):
    return [picture if one == "picture" else one for one in VALID[name]]


@pytest.mark.parametrize("name", sorted(VALID))
def test_whatever_a_program_sends_is_answered_in_one_sentence(client, picture, name):
    draw = random.Random(f"hostile/{name}")
    cases = [[*given(name, picture)[:at], evil] for at in range(2) for evil in EVIL[::14]]
    for at in range(len(VALID[name])):
        for evil in draw.sample(EVIL, 3):
            case = given(name, picture)
            case[at] = evil
            cases.append(case)
    cases += [[draw.choice(EVIL) for _ in VALID[name]] for _ in range(4)]
    cases += [given(name, picture) * 2, []]
    with ThreadPoolExecutor(8) as people:
        replies = list(people.map(lambda case: called(client, name, case), cases))
    for case, (found, said) in zip(cases, replies, strict=True):
        assert isinstance(found, dict) or (polite(said) and said != OURS), (case, said)
    assert called(client, name, given(name, picture))[0] is not None


@pytest.mark.parametrize("said", [{}, {"meta": {"_type": "gradio.FileData"}}])
def test_nobody_is_told_of_a_picture_that_was_not_uploaded(client, tmp_path, said):
    secret = tmp_path / "secret.png"
    Image.new("RGB", (64, 64), "red").save(secret)
    for name, data in VALID.items():
        wanted = [{"path": str(secret), **said} if one == "picture" else one for one in data]
        found, why = called(client, name, wanted)
        assert found is None, (name, found)
        assert polite(why), (name, why)
        assert "does not fit" in why, (name, why)


def told_to(function, draw):
    """What an event could bring: nothing of the kind, or its parts missing or of any kind."""
    hints = inspect.signature(function.fn).parameters.values()
    if not any(one.annotation is Event for one in hints):
        return [draw.choice(EVIL)]
    wild = {part: draw.choice(EVIL) for part in PARTS}
    likely = {part: draw.choice((0, 1, -1, 99, "0", "a cat", [])) for part in PARTS}
    return [draw.choice((*EVIL, {})), wild, likely]


def test_whatever_is_sent_to_an_event_of_the_page_is_answered_in_one_sentence(
    demo, client, picture
):
    draw = random.Random("events")

    def tried(place, index, function, data, event):
        for message in messages(client, f"fuzz-{place}", fn_index=index, data=data, **event):
            if message["msg"] in ("process_generating", "process_completed", "refused"):
                return function, data, event["event_data"], message
        raise AssertionError(f"{function.name} was left without an answer")

    cases = []
    for index, function in demo.fns.items():
        if function.js or function.fn is None:
            continue
        targets = [block for block, _ in function.targets if block is not None]
        data = [draw.choice((*EVIL, picture, "tiny", "a cat")) for _ in function.inputs]
        for told in told_to(function, draw):
            event = {"event_data": told, "trigger_id": draw.choice([*targets, None])}
            cases.append((len(cases), index, function, data, event))
    with ThreadPoolExecutor(8) as people:
        replies = list(people.map(lambda case: tried(*case), cases))
    seen = Counter()
    for function, data, told, message in replies:
        name = function.name
        done = message["msg"] != "process_completed" or message["success"]
        seen["answered" if done else "refused"] += 1
        if message["msg"] == "refused":
            assert 400 <= message["code"] < 500
        else:
            assert done or polite(message["output"]["error"]), (name, data, message)
            assert done or message["output"]["error"] != OURS, (name, data, told)
    assert min(seen["answered"], seen["refused"]) > 10
    assert called(client, "answer", given("answer", picture))[0]["answers"]


def test_a_number_out_of_bounds_is_told_its_bound(demo, client):
    index, function = next(
        (index, function)
        for index, function in demo.fns.items()
        if any(getattr(block, "elem_id", None) == "train-steps" for block in function.inputs)
        and function.targets
        and not function.js
    )
    data = [
        10**6 if getattr(block, "elem_id", None) == "train-steps" else getattr(block, "value", None)
        for block in function.inputs
    ]
    *_, message = messages(client, "beyond", fn_index=index, data=data)
    steps = next(
        block for block in function.inputs if getattr(block, "elem_id", None) == "train-steps"
    )
    assert message["output"]["error"] == (
        f"Value {10**6} is greater than maximum value {steps.maximum}."
    )


def test_where_nobody_can_wait_any_more_one_sentence_says_so(demo, client, picture, monkeypatch):
    monkeypatch.setattr(demo._queue, "max_size", 0)
    found, said = called(client, "answer", given("answer", picture))
    assert found is None
    assert json.loads(said)["detail"] == BUSY


@pytest.mark.parametrize("index", [-1, 10**6, "x", None, 2.5, []])
def test_events_that_are_none_are_refused(client, index):
    [message] = messages(client, "none", fn_index=index, data=[])
    assert message["msg"] == "refused" or not message["success"]
    assert not LEAKS.search(json.dumps(message))


def test_the_page_and_its_scripts_go_out_compressed_and_scripts_may_be_kept(demo):
    asked = {"accept-encoding": "br"}
    page = httpx.get(demo.local_url, headers=asked)
    assert page.headers["content-encoding"] == "br"
    assert "labLanguages" in page.text
    scripts = re.findall(r'"\./(assets/[^"]+\.js)"', page.text)
    assert scripts
    for script in scripts:
        found = httpx.get(demo.local_url + script, headers=asked)
        assert found.headers["content-encoding"] == "br"
        assert "immutable" in found.headers["cache-control"]


def test_sessions_that_are_over_are_not_remembered_for_ever(demo, client, picture, monkeypatch):
    """A program that names no session begins one with every call."""
    queue = demo._queue
    kept = queue.pending_event_ids_session
    monkeypatch.setattr(waiting, "_SESSIONS", 8)
    monkeypatch.setattr(queue, "pending_messages_per_session", LRUCache(4))
    calls = 20
    for _ in range(calls):
        assert called(client, "answer", given("answer", picture))[0]["answers"]
    assert len(kept) < calls


def test_a_session_that_may_yet_be_answered_is_remembered():
    class Queue:
        pending_event_ids_session: ClassVar = {"over": {"a"}, "at work": {"b"}, "unread": {"c"}}
        pending_messages_per_session: ClassVar = {"unread": None}
        event_ids_to_events: ClassVar = {"b": None}

    sessions = waiting.Sessions(Queue())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(waiting, "_SESSIONS", 3)
        sessions["new"] = set()
    assert set(sessions) == {"at work", "unread", "new"}


# Files.


FORBIDDEN = (
    "/etc/passwd",
    "/proc/self/environ",
    str(ROOT / "app.py"),
    str(ROOT / "app" / "services.py"),
    str(ROOT / "assets" / "models" / "vilt-mini" / "config.json"),
    "app.py",
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "file:///etc/passwd",
    "/dev/zero",
    "~/.ssh/id_rsa",
)


@pytest.mark.parametrize("path", FORBIDDEN)
def test_no_file_of_the_server_is_served(client, path):
    for where in (f"file={path}", f"file/{path}", f"proxy={path}", f"stream/{path}"):
        reply = client.get(where)
        assert reply.status_code >= 400, where
        assert not re.search("root:|import |OMP_NUM", reply.text)


@pytest.mark.parametrize(("name", "at"), [("answer", 0), ("compare", 1), ("retrieve", 4)])
def test_no_file_of_the_server_is_read_for_a_program(client, picture, name, at):
    def tried(path):
        file = {"path": path, "meta": {"_type": "gradio.FileData"}}
        data = given(name, picture)
        data[at] = [file] if at == 4 else file | {"url": f"/gradio_api/file={path}"}
        return called(client, name, data)

    with ThreadPoolExecutor(8) as people:
        for found, said in people.map(tried, FORBIDDEN):
            assert found is None
            assert polite(said)


def test_uploads_stay_in_the_folder_of_uploads(client):
    for name in ("../../../evil.png", "/etc/evil.png", "..\\evil.png", "a\x00b.png", "." * 300):
        reply = client.post("upload", files={"files": (name, b"x")})
        if reply.status_code == 200:
            kept = Path(reply.json()[0]).resolve()
            assert "gradio" in kept.parts
            assert not any(path.exists() for path in (ROOT / "evil.png", Path("/etc/evil.png")))
        assert not LEAKS.search(reply.text) or reply.status_code == 200


def test_no_address_inside_the_house_is_fetched(client, picture):
    hits = []

    class Inside(BaseHTTPRequestHandler):
        def do_GET(self):
            hits.append(self.path)
            self.send_response(200)
            self.end_headers()

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Inside) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        for host in ("127.0.0.1", "localhost", "[::1]", "0.0.0.0", "2130706433", "127.1"):
            address = f"http://{host}:{port}/secret"
            for file in ({"path": address}, {"path": "x.png", "url": address}):
                file["meta"] = {"_type": "gradio.FileData"}
                data = given("answer", picture)
                data[0] = file
                found, said = called(client, "answer", data)
                assert found is None
                assert polite(said)
            for where in ("file=", "proxy="):
                assert client.get(where + address).status_code >= 400
        server.shutdown()
    assert hits == []


@pytest.mark.parametrize("announced", [True, False])
def test_no_more_is_fetched_than_may_be_uploaded(client, picture, monkeypatch, announced):
    sent = []
    chunk = bytes(2**20)

    class Public(BaseHTTPRequestHandler):
        def do_GET(self):
            large = "large" in self.path
            self.send_response(200)
            if announced and large:
                self.send_header("Content-Length", str(10**12))
            self.end_headers()
            if not large:
                self.wfile.write(Path(picture["path"]).read_bytes())
            with suppress(OSError):
                while large:
                    self.wfile.write(chunk)
                    sent.append(len(chunk))

        def log_message(self, *_):
            pass

    async def here(host):
        assert host == "pictures.example"
        return "127.0.0.1"

    monkeypatch.setattr(errands.safehttpx, "async_validate_url", here)
    monkeypatch.setattr(errands, "_is_public", lambda _: True)
    with ThreadingHTTPServer(("127.0.0.1", 0), Public) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for name in ("small.png", "large.png"):
            address = f"http://pictures.example:{server.server_address[1]}/{announced}/{name}"
            data = given("answer", picture)
            data[0] = {"path": address, "meta": {"_type": "gradio.FileData"}}
            found, said = called(client, "answer", data)
            assert (found is None) is (name == "large.png"), said
        server.shutdown()
    assert "larger than 30 MB" in said
    assert sum(sent) < 2 * errands.LARGEST


@pytest.mark.parametrize("silent", [True, False])
def test_who_never_ends_is_not_waited_for(client, picture, monkeypatch, silent):
    monkeypatch.setattr(errands, "SECONDS", 1)
    over = threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self):
            if not silent:
                self.send_response(200)
                self.end_headers()
            with suppress(OSError):
                while not over.wait(0.2):
                    if not silent:
                        self.wfile.write(b"x")

        def log_message(self, *_):
            pass

    async def here(_host):
        return "127.0.0.1"

    monkeypatch.setattr(errands.safehttpx, "async_validate_url", here)
    monkeypatch.setattr(errands, "_is_public", lambda _: True)
    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        data = given("answer", picture)
        address = f"http://pictures.example:{server.server_address[1]}/{silent}.png"
        data[0] = {"path": address, "meta": {"_type": "gradio.FileData"}}
        found, said = called(client, "answer", data)
        over.set()
        server.shutdown()
    assert found is None
    assert "within 1 seconds" in said


def test_few_files_are_fetched_for_one_call(client, picture):
    data = given("retrieve", picture)
    data[4] = [
        {"path": f"https://example.com/{at}.png", "meta": {"_type": "gradio.FileData"}}
        for at in range(errands.AT_ONCE + 1)
    ]
    found, said = called(client, "retrieve", data)
    assert found is None
    assert "At most 8 files" in said


@pytest.mark.parametrize("address", ["100.64.0.1", "10.0.0.1", "::1"])
def test_addresses_that_only_look_public_are_refused(monkeypatch, address):
    async def there(_host):
        return address

    monkeypatch.setattr(errands.safehttpx, "async_validate_url", there)
    with pytest.raises(ValueError, match="no public address"):
        asyncio.run(errands.Limited().handle_async_request(httpx1.Request("GET", "http://a.b/")))


def test_a_drive_of_windows_is_no_address():
    assert not errands._ERRAND.search("/gradio_api/file=C:/Users/me/scene.png")
    assert errands._ERRAND.search("/gradio_api/file/https://example.com/scene.png")


@pytest.mark.parametrize("where", ["file=", "proxy=", "file=/", "FILE=", "file/", "proxy/"])
def test_no_address_outside_is_fetched_for_others(client, where):
    reply = client.get(where + "https://example.com/a.png", follow_redirects=False)
    assert reply.status_code in (403, 404)


def test_what_is_uploaded_never_runs_in_a_page(client):
    page = b"<html><script>alert(1)</script></html>"
    drawing = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    for data, name in ((page, "a.html"), (page, "a.png"), (drawing, "a.svg"), (page, "a.xhtml")):
        path = uploaded(client, data, name)["path"]
        reply = client.get(f"file={path}")
        kind = reply.headers["content-type"].split(";")[0]
        shown = "attachment" not in reply.headers.get("content-disposition", "")
        assert not shown or kind in ("image/png", "text/plain"), (name, dict(reply.headers))
        assert reply.headers["x-content-type-options"] == "nosniff"


def huge_png(side):
    """Black pixels, one bit each: some 50 KB that claim 20,000 x 20,000."""
    Image.MAX_IMAGE_PIXELS, kept = None, Image.MAX_IMAGE_PIXELS
    row = b"\x00" * (1 + side // 8)
    body = zlib.compressobj(9)
    data = b"".join([body.compress(row * side), body.flush()])
    Image.MAX_IMAGE_PIXELS = kept

    def chunk(name, content):
        check = zlib.crc32(name + content).to_bytes(4, "big")
        return len(content).to_bytes(4, "big") + name + content + check

    sides = side.to_bytes(4, "big") * 2
    header = chunk(b"IHDR", sides + bytes((1, 0, 0, 0, 0)))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def long_gif(frames):
    """A moving picture of one pixel."""
    screen = b"GIF89a" + bytes((1, 0, 1, 0, 128, 0, 0, 0, 0, 0, 255, 255, 255))
    frame = bytes((0x2C, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0))
    return screen + frame * frames + b";"


def long_tiff(frames):
    """As many directories as frames, each of which points to the next."""
    values = {256: 1, 257: 1, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 1, 279: 1}
    data = bytearray(b"II*\x00" + (16).to_bytes(4, "little") + b"\x00" * 8)
    for frame in range(frames):
        data += len(values).to_bytes(2, "little")
        for tag, value in values.items():
            data += struct.pack("<HHII", tag, 4, 1, value)
        last = frame == frames - 1
        data += (0 if last else len(data) + 4).to_bytes(4, "little")
    return bytes(data)


BAD = {
    "bomb.png": (lambda: huge_png(20_000), "50,000,000 pixels"),
    "page.png": (lambda: b"<html><script>alert(1)</script></html>", "AVIF"),
    "drawing.svg": (lambda: b'<svg xmlns="http://www.w3.org/2000/svg"/>', "AVIF"),
    "empty.png": (lambda: b"", "AVIF"),
}


@pytest.mark.parametrize("name", BAD)
def test_pictures_that_are_none_or_too_large_are_refused(client, name):
    made, says = BAD[name]
    file = uploaded(client, made(), name)
    found, said = called(client, "answer", [file, "is there a cat?", 3, "tiny"])
    assert found is None
    assert polite(said)
    assert says in said


@pytest.mark.parametrize(("name", "made"), [("long.gif", long_gif), ("long.tiff", long_tiff)])
def test_of_a_thousand_frames_one_is_read(client, name, made):
    file = uploaded(client, made(10_000), name)
    found, said = called(client, "answer", [file, "is there a cat?", 3, "tiny"])
    assert found is not None or polite(said), said


def test_a_file_above_the_limit_is_not_taken(client):
    reply = client.post("upload", files={"files": ("a.png", b"x" * 31 * 2**20)})
    assert reply.status_code == 413
    assert str(30 * 2**20) in reply.text


def too_much():
    """JSON without an announced length, which is read to its end where nobody counts."""
    yield b'{"data": ["'
    for _ in range(errands.MOST_SAID // 2**20):
        yield b"x" * 2**20
    yield b'", ""]}'


@pytest.mark.parametrize("path", ["queue/join", "call/answer", "call/upload", "run/upload"])
def test_no_more_is_said_than_is_read_into_memory(client, picture, path):
    reply = client.post(path, content=b" " * (errands.MOST_SAID + 1))
    assert reply.status_code == 413
    assert "at most 60 MB" in reply.text
    taken = None
    with suppress(httpx.TransportError):  # nobody listens to the end
        headers = {"content-type": "application/json"}
        taken = client.post(path, content=too_much(), headers=headers)
    assert taken is None or "event_id" not in taken.text
    said, error = called(client, "answer", [picture, "is there a cat?", 1, None])
    assert error is None
    assert len(said["answers"]) == 1


def test_an_upload_is_files_and_little_else(client):
    sent = {"files": ("a.png", b"x")}
    reply = client.post("upload", files=sent, data={"field": "x" * 2**17})
    assert reply.status_code in (400, 413)
    assert "at most 65536 bytes" in reply.text
    assert client.post("upload", files=sent, data={"field": "x" * 2**10}).status_code == 200


def test_an_upload_is_refused_where_the_disk_is_nearly_full_and_all_else_goes_on(
    client, picture, monkeypatch
):
    looked = []

    def nearly_full(folder):
        looked.append(Path(folder))
        return errands.shutil._ntuple_diskusage(2**40, 2**40 - 2**20, 2**20)

    before = set(Path(picture["path"]).parents[1].iterdir())
    monkeypatch.setattr(errands.shutil, "disk_usage", nearly_full)
    reply = client.post("upload", files={"files": ("a.png", b"x" * 2**17)})
    assert reply.status_code == 400
    assert reply.text == errands.FULL
    assert polite(reply.text)
    assert looked
    assert set(looked) == {Path(picture["path"]).parents[1]}
    assert set(looked[0].iterdir()) == before  # nothing of it is kept
    assert called(client, "answer", given("answer", picture))[0]["answers"]
    monkeypatch.undo()
    assert uploaded(client, b"x", "a.png")


# Visitors of the load test, who do by events alone what a browser does.


def test_a_visitor_of_the_page_is_shown_what_the_model_says(demo, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import load

    monkeypatch.setattr(load.truth, "MODEL", "tiny")
    photograph = load.truth.photograph(tmp_path, 0)
    known = load.truth.shown([photograph])
    tally = load.Tally()

    async def visit():
        url = demo.local_url
        async with httpx.AsyncClient(base_url=url, timeout=load.PATIENCE) as client:
            page = load.Page(client, await load.Layout.read(client), session="a guest")
            someone = load.Guest(page, known, random.Random(7))
            async with page.alive():
                await tally.of("page opened", someone.open())
                for _ in range(24):
                    await tally.of(*someone.next([photograph]))

    asyncio.run(visit())
    for name in ("load", "truth", "browsing", "report"):
        sys.modules.pop(name)
    assert tally.errors == []
    assert tally.mistaken == 0
    assert {name.split()[0] for name in tally.waited} == {"page", "tab", "answer", "alignment"}
    assert "answer about a photograph" in tally.waited


# Work that nobody waits for.


def test_work_ends_when_its_visitor_leaves(demo, client, monkeypatch):
    first = next(masks.steps(16, model="tiny"))
    steps, ended = [], threading.Event()

    def endless(captions, *, model):
        try:
            while True:
                steps.append(captions)
                yield first
                time.sleep(0.02)
        finally:
            ended.set()

    monkeypatch.setattr(masks, "steps", endless)
    begin = next(
        index
        for index, function in demo.fns.items()
        if not function.js
        and any(
            getattr(demo.blocks.get(block), "elem_id", None) == "mask-measure"
            for block, _ in function.targets
        )
    )
    events = messages(client, "leaves", fn_index=begin, data=[16, "tiny"])
    assert any(message["msg"] == "process_generating" for message in events)
    events.close()
    assert ended.wait(20)
    assert len(steps) < 1000


LONG = {  # what takes many passes of a model where somebody waits
    "match": ["picture", ["a cat"] * 1000, "tiny"],
    "retrieve": [None, "picture", ["a cat"] * 64, None, None, 3, 64, "tiny"],
}


@pytest.mark.parametrize("leaves", ["disconnects", "cancels"])
@pytest.mark.parametrize("name", LONG)
def test_who_leaves_a_named_endpoint_ends_its_work(
    demo, client, picture, monkeypatch, name, leaves
):
    passes, ended = [], threading.Event()
    judge = services.predictor("tiny", "match")

    def slow(*_):
        passes.append(name)
        time.sleep(0.25)

    score = judge.score

    def scored(*asked):
        try:
            return score(*asked)
        finally:
            ended.set()

    monkeypatch.setattr(encoders, "encoder", lambda world: None)
    monkeypatch.setattr(judge, "score", scored)
    before = judge.model.encoder.blocks[0].register_forward_pre_hook(slow)
    data = [picture if one == "picture" else one for one in LONG[name]]
    index = next(at for at, function in demo.fns.items() if function.api_name == name)
    session = f"{name} {leaves}"
    events = messages(client, session, fn_index=index, data=data)
    try:
        starts = next(one for one in events if one["msg"] == "process_starts")
        while not passes:
            time.sleep(0.01)
        if leaves == "cancels":
            cancelled = {"session_hash": session, "fn_index": index, "event_id": starts["event_id"]}
            client.post("cancel", json=cancelled).raise_for_status()
        events.close()
        assert ended.wait(60)
    finally:
        before.remove()
    pairs = len(data[1 if name == "match" else 2])
    assert len(passes) < pairs // PAIRS
    assert called(client, "answer", given("answer", picture))[0]["answers"]


def test_who_leaves_while_an_index_is_built_ends_that(demo, client, picture, monkeypatch):
    steps, ended = [], threading.Event()

    def endless(gallery, model, uploads):
        try:
            while True:
                steps.append(gallery)
                time.sleep(0.02)
                yield galleries.Wait(says="", done=1, total=2)
        finally:
            ended.set()

    monkeypatch.setattr(galleries, "prepare", endless)
    monkeypatch.setattr(encoders, "encoder", lambda world: None)
    index = next(at for at, function in demo.fns.items() if function.api_name == "retrieve")
    data = ["a cat", None, None, "64 scenes", None, 3, 4, "tiny"]
    events = messages(client, "leaves an index", fn_index=index, data=data)
    assert any(message["msg"] == "process_starts" for message in events)
    while not steps:
        time.sleep(0.01)
    events.close()
    assert ended.wait(25)


def test_what_stood_in_no_queue_is_always_waited_for(picture):
    waiting.check()
    chances = endpoints.match(picture["path"], ["a cat", "a dog"], "tiny")["probabilities"]
    assert len(chances) == 2


def test_a_visitor_who_closes_the_page_waits_for_no_model(demo, client, monkeypatch, tiny_folder):
    gone = []
    monkeypatch.setattr(Library, "forget", lambda self, visitor: gone.append(visitor))
    with client.stream("GET", "heartbeat/closes") as stream:
        assert next(stream.iter_lines())
    end = time.monotonic() + 20
    while not gone and time.monotonic() < end:
        time.sleep(0.05)
    assert gone == ["closes"]


def test_who_waits_for_an_index_keeps_nobody_from_searching(demo, client, monkeypatch):
    built = threading.Event()

    def prepare(gallery, model, uploads):
        if gallery == "Photographs":
            built.wait(30)
        yield from ()

    monkeypatch.setattr(galleries, "prepare", prepare)
    monkeypatch.setattr(encoders, "encoder", lambda world: None)
    search = next(
        index
        for index, function in demo.fns.items()
        if getattr(function.fn, "__qualname__", "") == "build.<locals>.search"
    )

    def asked(session, gallery):
        return list(
            messages(client, session, fn_index=search, data=[None, "A cat", gallery, None, 8, None])
        )

    with ThreadPoolExecutor(5) as people:
        waiting = [people.submit(asked, f"waits {at}", "Photographs") for at in range(4)]
        time.sleep(1)
        found = people.submit(asked, "searches", "64 scenes")
        try:
            assert found.result(20)[-1]["success"]
            assert not any(one.done() for one in waiting)
        finally:
            built.set()


@pytest.mark.parametrize("newer", [("search", "A cat", "64 scenes", None, 8, None), ("turn",)])
def test_an_older_search_never_overwrites_what_came_after_it(demo, client, monkeypatch, newer):
    go, steps = threading.Event(), []

    def prepare(gallery, model, uploads):
        for done in range(3 if gallery == "Photographs" else 0):
            steps.append(done)
            yield galleries.Wait(says="", done=done, total=3)
            go.wait(30)

    monkeypatch.setattr(galleries, "prepare", prepare)
    monkeypatch.setattr(encoders, "encoder", lambda world: None)
    session = f"asks and then {newer}"

    def begin(name, *given):
        index = next(
            at
            for at, function in demo.fns.items()
            if getattr(function.fn, "__module__", "") == "app.tabs.retrieve"
            and function.fn.__name__ == name
        )
        event = {"session_hash": session, "fn_index": index, "data": [None, *given]}
        return client.post("queue/join", **typed(event)).json()["event_id"]

    first, second = begin("search", "A red heart", "Photographs", None, 8, None), None
    shown = {}  # at the end of each
    with client.stream("GET", "queue/data", params={"session_hash": session}) as stream:
        for line in stream.iter_lines():
            message = json.loads(line.removeprefix("data: ") or "{}")
            if message.get("msg") == "process_generating" and second is None:
                second = begin(*newer)
            if message.get("msg") == "process_completed":
                shown[message["event_id"]] = message["output"]["data"][0]
                if second in shown:
                    go.set()
                if len(shown) == 2:
                    break
    assert list(shown) == [second, first]
    assert shown[first] == shown[second]
    assert len(shown[second]["hits"]) == (12 if newer[0] == "search" else 0)
    assert steps == [0, 1]  # the step that was under way was the last one


def test_every_event_that_may_wait_for_a_model_shows_its_place_in_the_queue(demo):
    light = {
        "app.components.chooser": {"open_page", "pick", "stop", "look", "turn", "leave"},
        "app.components.linking": {"arrive", "copy"},
        "app.components.stoppable": {"<lambda>"},
        # They say what shall be explained; "explained" does it.
        "app.tabs.explain": {
            "introduced", "pick", "fresh", "suggest", "asked_here", "other", "bring",
            "_taken", "_halted", "_freed", "_gone",
        },
        "app.tabs.compose": {"speaks"},
        "app.tabs.families": {"switched", "small", "pick", "fresh", "brought"},
        "app.tabs.retrieve": {"<lambda>"},  # what Stop says
        "app.tabs.tour": {"jumped"},
        "app.tabs.train": {"<lambda>", "introduced", "renamed", "stopped", "keep"},
    }  # fmt: skip
    hidden: dict[str, set[str]] = {}
    for function in demo.fns.values():
        private = function.show_progress == "hidden" and function.api_visibility == "private"
        if private and function.fn is not None and not function.is_cancel_function:
            name = function.fn.__qualname__.rpartition(".")[2]
            hidden.setdefault(function.fn.__module__, set()).add(name)
    hidden = {module: names for module, names in hidden.items() if module.startswith("app.")}
    assert hidden == light
