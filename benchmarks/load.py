"""Many people at once: 50 visitors ask, align and step; is anybody told another's answer?

python benchmarks/load.py [--people 50] [--minutes 10] [--json FILE]

Every other visitor opens the page, turns to tabs, picks pictures and suggestions, asks, aligns and
steps, by the events that a browser sends; the others are programs that call the named endpoints.
One in five brings a phone's photographs, and the rest look at scenes. Each thinks for a while
before the next thing. What comes back must be what the model says when nobody else is there.
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
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import httpx2 as httpx  # noqa: E402
import numpy as np  # noqa: E402
import truth  # noqa: E402
from browsing import Layout, Page, upload  # noqa: E402
from report import Row, tell  # noqa: E402
from truth import Deed, Shown  # noqa: E402

from vilt_core.evaluation.machine import Company, hardware, versions  # noqa: E402

SETTINGS = {"answer": [5], "match": [], "align": [0.5, 50]}  # of each endpoint, before the model
THINKING = (2.0, 8.0)  # seconds between what a visitor does and does next
PATIENCE = 120.0  # seconds, after which an answer counts as an error
ON_THE_PAGE, WITH_PHONES = 2, 5  # one in so many visitors; the others are programs, or bring none
SPAN = 20  # seconds, of which the least memory counts: what is taken for a moment comes and goes
TELLING = 120  # seconds of a second half, at least, that tell whether memory grows
FLAT = 10.0  # percent an hour by which memory that is flat may grow


@dataclass(slots=True)
class Tally:
    """What happened."""

    waited: dict[str, list[float]] = field(default_factory=dict)  # seconds, by what was done
    errors: list[str] = field(default_factory=list)
    mistaken: int = 0  # answers that were not what the model says alone
    memory: list[float] = field(default_factory=list)  # MiB of the server, every second

    async def of(self, name: str, work: Awaitable[bool]) -> None:
        """Wait for work, which says whether what came was right, and write down how it went."""
        begun = time.perf_counter()
        try:
            right = await work
        except (httpx.HTTPError, RuntimeError, LookupError, ValueError) as error:
            self.errors.append(f"{name}: {type(error).__name__} {error}")
        else:
            self.waited.setdefault(name, []).append(time.perf_counter() - begun)
            self.mistaken += not right


# Programs.


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


async def program(
    client: httpx.AsyncClient,
    files: Sequence[Path],
    known: Sequence[Deed],
    tally: Tally,
    *,
    seed: int,
    until: float,
) -> None:
    """A visitor who calls the named endpoints until the end.

    Args:
        client: speaks to the server.
        files: pictures.
        known: what is asked about them.
        tally: where it is written down.
        seed: tells one visitor from another.
        until: by the clock of ``time.perf_counter``.
    """
    draw = random.Random(seed)
    sent: dict[int, dict[str, Any]] = {}
    await asyncio.sleep(draw.uniform(0, THINKING[1]))
    while time.perf_counter() < until:
        deed = draw.choice(known)
        large = deed.picture >= truth.SCENES
        kind = " about a photograph" if large else ""

        async def bring(deed: Deed = deed) -> bool:
            sent[deed.picture] = await upload(client, files[deed.picture])
            return True

        async def ask(deed: Deed = deed) -> bool:
            data = [sent[deed.picture], deed.words, *SETTINGS[deed.endpoint], truth.MODEL]
            return deed.is_right(await call(client, deed.endpoint, data, f"program-{seed}"))

        if large or deed.picture not in sent:  # every photograph is a new one
            await tally.of(f"upload of a {'photograph' if large else 'scene'}", bring())
        if deed.picture in sent:
            await tally.of(f"/{deed.endpoint}{kind}", ask())
        await asyncio.sleep(draw.uniform(*THINKING))


# Visitors of the page.


class Guest:
    """A visitor of the page, who asks and aligns by its own events."""

    def __init__(self, page: Page, known: Shown, draw: random.Random):
        self._page, self._known, self._draw = page, known, draw
        layout = page.layout
        self._boxes = {"ask": layout.named("question"), "align": layout.named("sentence")}
        self._views = {"ask": layout.named("reply"), "align": layout.named("alignment")}
        self._iterations = layout.named("iterations")
        self._strips, self._images, self._chips = {}, {}, {}
        for tab, box in self._boxes.items():
            self._strips[tab], filled = layout.picking(box, pictures=True)
            self._images[tab] = layout.image(filled)
            self._chips[tab], _ = layout.picking(box, pictures=False)
        self._places: dict[str, int] = {}  # of the pictures on show in the tabs that were opened
        self._tab = ""

    async def open(self) -> bool:
        """Load the page."""
        await self._page.open()
        return True

    def next(self, photographs: Sequence[Path]) -> tuple[str, Awaitable[bool]]:
        """What is done next, and the doing.

        Args:
            photographs: of the visitor's own; none for most.
        """
        if not self._tab or self._draw.random() < 0.1:
            self._tab = "align" if self._tab == "ask" else "ask"
            return "tab opened", self._turn(self._tab)
        if photographs and self._tab == "ask" and self._draw.random() < 0.5:
            at = self._draw.randrange(len(photographs))
            return "answer about a photograph", self._photograph(at, photographs[at])
        says = {"ask": "answer", "align": "alignment"}[self._tab]
        if self._places[self._tab] < 0 or self._draw.random() < 0.3:
            return f"{says} after a picture", self._pick(self._tab)
        if self._tab == "align" and self._draw.random() < 0.5:
            return "alignment after a slider", self._step()
        return f"{says} after a suggestion", self._suggest(self._tab)

    async def _turn(self, tab: str) -> bool:
        self._places.setdefault(tab, 0)  # it opens with the first picture
        await self._page.trigger(self._page.layout.tab(tab), "select")
        return self._is_right(tab)

    async def _pick(self, tab: str) -> bool:
        place = self._draw.randrange(len(truth.services.EXAMPLES))
        await self._page.trigger(self._strips[tab], "pick", {"place": place})
        self._places[tab] = place
        return self._is_right(tab)

    async def _suggest(self, tab: str) -> bool:
        texts = self._page.value(self._chips[tab])["texts"]
        await self._page.trigger(self._chips[tab], "pick", {"text": self._draw.choice(texts)})
        return self._is_right(tab)

    async def _step(self) -> bool:
        self._page.put(self._iterations, self._draw.choice(truth.ITERATIONS))
        await self._page.trigger(self._iterations, "release")
        return self._is_right("align")

    async def _photograph(self, at: int, path: Path) -> bool:
        image, box = self._images["ask"], self._boxes["ask"]
        self._places["ask"] = -1
        self._page.put(image, await self._page.upload(path))
        await self._page.trigger(image, "input")
        self._page.put(box, truth.ASKED)
        await self._page.trigger(box, "submit")
        told = truth.best_on(self._page.value(self._views["ask"]))
        return truth.is_same_answer(told, self._known.photographs[at])

    def _is_right(self, tab: str) -> bool:
        """Whether a tab shows what the model says of the picture and the words that stand there."""
        place, words = self._places[tab], self._page.value(self._boxes[tab])
        view = self._page.value(self._views[tab])
        if place < 0:  # a photograph, about which all was said before
            return True
        if tab == "ask":
            expected = self._known.answers.get((place, words))
            return expected is not None and truth.is_same_answer(truth.best_on(view), expected)
        count = self._page.value(self._iterations)
        aligned = self._known.alignments.get((place, words, count))
        return aligned is not None and truth.is_same_alignment(view, aligned)


async def guest(
    client: httpx.AsyncClient,
    layout: Layout,
    known: Shown,
    photographs: Sequence[Path],
    tally: Tally,
    *,
    seed: int,
    until: float,
) -> None:
    """A visitor of the page, who stays until the end."""
    draw = random.Random(seed)
    await asyncio.sleep(draw.uniform(0, THINKING[1]))
    page = Page(client, layout, session=f"guest-{seed}")
    someone = Guest(page, known, draw)
    async with page.alive():
        await tally.of("page opened", someone.open())
        while time.perf_counter() < until:
            await asyncio.sleep(draw.uniform(*THINKING))
            name, doing = someone.next(photographs)
            await tally.of(name, doing)


# All together.


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
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        files = truth.pictures(Path(folder))
        taken = files[truth.SCENES :]
        scenes, photographs = truth.deeds(files)
        known = truth.shown(taken)
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=url, timeout=PATIENCE, limits=limits) as client:
            layout = await Layout.read(client)
            until = time.perf_counter() + seconds
            visitors = []
            for seed in range(people):
                phone = seed // ON_THE_PAGE % WITH_PHONES == 0
                if seed % ON_THE_PAGE:
                    own = taken if phone else ()
                    visitors.append(
                        guest(client, layout, known, own, tally, seed=seed, until=until)
                    )
                else:
                    asks = [*photographs, *scenes[: len(photographs)]] if phone else scenes
                    visitors.append(program(client, files, asks, tally, seed=seed, until=until))
            await asyncio.gather(*visitors, watch(server, tally, until=until))
    return tally


def rows_of(tally: Tally, *, seconds: float) -> list[Row]:
    """What the project promises, and what happened."""
    every = [wait for waits in tally.waited.values() for wait in waits]
    rows = [
        Row(case="things done", value=len(every), unit=""),
        Row(case="things done in a second", value=len(every) / seconds, unit=""),
        Row(case="errors", value=len(tally.errors), unit="", wanted="none"),
        Row(case="answers of somebody else's", value=tally.mistaken, unit="", wanted="none"),
    ]
    for name, waits in sorted(tally.waited.items()):
        wanted = "at most 2" if "answer" in name else ""
        rows.append(
            Row(case=f"{name}, 95 of 100 within", value=_share(waits), unit="s", wanted=wanted)
        )
        rows.append(Row(case=f"{name}, median", value=statistics.median(waits), unit="s"))
    return [*rows, *memory_rows(tally.memory)]


def memory_rows(memory: Sequence[float]) -> list[Row]:
    """What the server took, second by second, and whether that is flat.

    It is where the least that is taken in spans of ``SPAN`` seconds, over the second half of the
    time, lies on a line that rises by at most ``FLAT`` percent an hour. Before that the server
    meets its first visitors, and takes what it keeps for as many as there are.
    """
    if not memory:
        return []
    minutes = [memory[at : at + 60] for at in range(0, len(memory), 60)]
    medians = " ".join(f"{statistics.median(minute):,.0f}" for minute in minutes)
    half = memory[len(memory) // 2 :]
    rows = [
        Row(case="memory, minute by minute", value=medians, unit="MiB"),
        Row(case="memory at most", value=max(memory), unit="MiB", wanted="at most 2,560"),
    ]
    flat = f"flat: at most {FLAT:.0f} % an hour"
    if len(half) < TELLING:
        return [*rows, Row(case="memory", value="too short to tell", unit="", wanted=flat)]
    grows = growth(half)
    verdict = "flat" if grows <= FLAT else "rising"
    return [
        *rows,
        Row(case="memory, growth over the second half", value=grows, unit="% an hour"),
        Row(case="memory", value=verdict, unit="", wanted=flat),
    ]


def growth(memory: Sequence[float]) -> float:
    """Percent an hour by which a line through the least of every span rises.

    Args:
        memory: every second, of at least two spans of ``SPAN`` seconds.
    """
    least = [min(memory[at : at + SPAN]) for at in range(0, len(memory) - SPAN + 1, SPAN)]
    slope = np.polyfit(SPAN * np.arange(len(least)), least, deg=1)[0]
    return float(100 * 3600 * slope / np.mean(least))


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
