"""Many people at once: 50 visitors ask and align for minutes; is anybody told another's answer?

python benchmarks/load.py [--people 50] [--minutes 10] [--json FILE]

Each visitor looks at a scene, thinks for a while, and asks one of the named endpoints, which do
what the page does. What comes back must be what the model says when nobody else is there.
"""

import argparse
import asyncio
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import httpx2 as httpx  # noqa: E402
from PIL import Image  # noqa: E402
from report import Row, tell  # noqa: E402

import vilt_core  # noqa: E402
from vilt_core.evaluation.machine import Company, hardware, versions  # noqa: E402
from vilt_core.world.captions import caption  # noqa: E402
from vilt_core.world.questions import question  # noqa: E402
from vilt_core.world.rendering import paint  # noqa: E402
from vilt_core.world.scenes import scene  # noqa: E402

MODEL = "vilt-mini"
SETTINGS = {"answer": [5], "match": [], "align": [0.5, 50]}  # of each endpoint, before the model
SCENES = 24
THINKING = (2.0, 8.0)  # seconds between what a visitor does and does next
PATIENCE = 120.0  # seconds, after which an answer counts as an error
SIDE = 512  # of the pictures, pixels: as the page shows them
TOLERANCE = 1e-3  # between probabilities alone and in company: products round by their threads


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One thing that a visitor does, and what must come back."""

    endpoint: str
    scene: int
    words: str
    expected: Any


@dataclass(slots=True)
class Tally:
    """What happened."""

    waited: dict[str, list[float]] = field(default_factory=dict)  # seconds, by endpoint
    errors: list[str] = field(default_factory=list)
    mistaken: int = 0  # answers that were not what the model says alone
    memory: list[float] = field(default_factory=list)  # MiB of the server, on the way


def deeds() -> list[Deed]:
    """Everything that may be done, with the answers of a model that serves nobody else."""
    model = vilt_core.load(MODEL)
    found = []
    for index in range(SCENES):
        place, draw = scene(0, index, split="test"), random.Random(index).random
        picture = paint(place, SIDE).pixels
        said, asked = caption(place, draw).text, question(place, draw)
        words = "what is this?" if asked is None else asked.text
        best = model.answer(picture, words)[0]
        found.append(
            Deed(
                endpoint="answer", scene=index, words=words, expected=(best.text, best.probability)
            )
        )
        chance = float(model.match([picture], [said])[0, 0])
        found.append(Deed(endpoint="match", scene=index, words=said, expected=chance))
        cost = model.align(picture, said).transport_cost
        found.append(Deed(endpoint="align", scene=index, words=said, expected=cost))
    return found


def is_right(deed: Deed, reply: dict[str, Any]) -> bool:
    """Whether a visitor got the answer to what was asked."""
    if deed.endpoint == "answer":
        text, probability = deed.expected
        best = reply["answers"][0]
        return best["text"] == text and abs(best["probability"] - probability) < TOLERANCE
    if deed.endpoint == "match":
        return abs(reply["probabilities"][0] - deed.expected) < TOLERANCE
    return abs(reply["transport_cost"] - deed.expected) < TOLERANCE


async def upload(client: httpx.AsyncClient, file: Path) -> str:
    """Where the server keeps a picture of ours."""
    with file.open("rb") as opened:
        reply = await client.post("gradio_api/upload", files={"files": opened})
    return reply.raise_for_status().json()[0]


async def call(
    client: httpx.AsyncClient, endpoint: str, data: list[Any], session: str
) -> dict[str, Any]:
    """Through the queue, as gradio_client does: a place in it, then the events of that place.

    Args:
        client: speaks to the server.
        endpoint: by its name.
        data: its arguments.
        session: of one visitor: a page has one, and Gradio builds what it keeps of one anew (which
            takes longer than an answer of the small model) where none is named.

    Raises:
        RuntimeError: the server answers with an error.
    """
    place = await client.post(
        f"gradio_api/call/{endpoint}", json={"data": data, "session_hash": session}
    )
    event = place.raise_for_status().json()["event_id"]
    told = ""
    async with client.stream("GET", f"gradio_api/call/{endpoint}/{event}") as stream:
        async for line in stream.aiter_lines():
            if line.startswith("event: "):
                told = line.removeprefix("event: ")
            elif line.startswith("data: ") and told == "complete":
                return json.loads(line.removeprefix("data: "))[0]
            elif line.startswith("data: ") and told == "error":
                raise RuntimeError(line.removeprefix("data: "))
    raise RuntimeError(f"/{endpoint} ended without an answer")


async def visit(
    client: httpx.AsyncClient,
    pictures: list[Path],
    known: list[Deed],
    tally: Tally,
    *,
    seed: int,
    until: float,
) -> None:
    """One visitor, who comes with pictures and goes on until the end."""
    draw = random.Random(seed)
    places: dict[int, str] = {}
    await asyncio.sleep(draw.uniform(0, THINKING[1]))
    while time.perf_counter() < until:
        deed = draw.choice(known)
        begun = time.perf_counter()
        try:
            if deed.scene not in places:
                places[deed.scene] = await upload(client, pictures[deed.scene])
            file = {"path": places[deed.scene], "meta": {"_type": "gradio.FileData"}}
            begun = time.perf_counter()
            data = [file, deed.words, *SETTINGS[deed.endpoint], MODEL]
            reply = await call(client, deed.endpoint, data, f"visitor-{seed}")
            tally.waited.setdefault(deed.endpoint, []).append(time.perf_counter() - begun)
            tally.mistaken += not is_right(deed, reply)
        except (httpx.HTTPError, RuntimeError, KeyError, ValueError) as error:
            tally.errors.append(f"/{deed.endpoint}: {type(error).__name__} {error}")
        await asyncio.sleep(draw.uniform(*THINKING))


async def watch(server: int, tally: Tally, *, until: float) -> None:
    """Read the server's memory every second, where the system tells it."""
    status = Path(f"/proc/{server}/status")
    while time.perf_counter() < until and status.is_file():
        resident = next(
            line for line in status.read_text().splitlines() if line.startswith("VmRSS")
        )
        tally.memory.append(int(resident.split()[1]) / 1024)
        await asyncio.sleep(1)


async def crowd(url: str, server: int, *, people: int, seconds: float) -> Tally:
    """All visitors at once."""
    tally, known = Tally(), deeds()
    with tempfile.TemporaryDirectory() as folder:
        pictures = []
        for index in range(SCENES):
            pictures.append(Path(folder) / f"{index}.png")
            picture = paint(scene(0, index, split="test"), SIDE).pixels
            Image.fromarray(picture).save(pictures[-1])
        until = time.perf_counter() + seconds
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=url, timeout=PATIENCE, limits=limits) as client:
            visitors = [
                visit(client, pictures, known, tally, seed=seed, until=until)
                for seed in range(people)
            ]
            await asyncio.gather(*visitors, watch(server, tally, until=until))
    return tally


def rows_of(tally: Tally, *, seconds: float) -> list[Row]:
    """What the project promises, and what happened."""
    every = sorted(wait for waits in tally.waited.values() for wait in waits)
    rows = [
        Row(case="answers", value=len(every), unit=""),
        Row(case="answers a second", value=len(every) / seconds, unit=""),
        Row(case="errors", value=len(tally.errors), unit="", wanted="none"),
        Row(case="answers of somebody else's", value=tally.mistaken, unit="", wanted="none"),
    ]
    for name, waits in sorted(tally.waited.items()):
        wanted = "at most 2" if name == "answer" else ""
        rows.append(
            Row(case=f"/{name}, 95 of 100 within", value=_share(waits), unit="s", wanted=wanted)
        )
        rows.append(Row(case=f"/{name}, median", value=statistics.median(waits), unit="s"))
    if tally.memory:
        early = statistics.median(tally.memory[len(tally.memory) // 10 :][:10])
        rows += [
            Row(case="memory after a tenth of the time", value=early, unit="MiB"),
            Row(
                case="memory at most",
                value=max(tally.memory),
                unit="MiB",
                wanted="at most 2,560",
            ),
            Row(case="memory at the end", value=tally.memory[-1], unit="MiB", wanted="flat"),
        ]
    return rows


def _share(waits: list[float], share: float = 0.95) -> float:
    waits = sorted(waits)
    return waits[min(len(waits) - 1, int(share * len(waits)))]


def main() -> None:
    """Serve the app, let people come, and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    company = Company()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = os.environ | {"GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1"}
    server = subprocess.Popen(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url, seconds = f"http://127.0.0.1:{port}/", 60 * given.minutes
    try:
        for _ in range(240):
            try:
                httpx.get(url, timeout=PATIENCE).raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.5)
        tally = asyncio.run(crowd(url, server.pid, people=given.people, seconds=seconds))
        left = server.poll()
    finally:
        server.terminate()
        server.wait()
    for error in sorted(set(tally.errors)):
        print(f"{tally.errors.count(error)} x {error}", file=sys.stderr)
    if left is not None:
        raise SystemExit(f"the server ended with {left} while people were there")
    tell(
        f"{given.people} people at once",
        "python benchmarks/load.py" + _typed(given),
        rows_of(tally, seconds=seconds),
        machine=f"{hardware()}, {versions()}",
        busy=company.told(),
        to=given.json,
    )


def _typed(given: argparse.Namespace) -> str:
    people = "" if given.people == 50 else f" --people {given.people}"
    minutes = "" if given.minutes == 10 else f" --minutes {given.minutes:g}"
    return people + minutes


if __name__ == "__main__":
    main()
