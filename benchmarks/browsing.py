"""The page as a browser drives it, without drawing it: its own events, through the queue."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx


async def upload(client: httpx.AsyncClient, file: Path) -> dict[str, Any]:
    """A file of ours, as the server keeps it."""
    with file.open("rb") as opened:
        reply = await client.post("gradio_api/upload", files={"files": opened})
    path = reply.raise_for_status().json()[0]
    return {"path": path, "orig_name": file.name, "meta": {"_type": "gradio.FileData"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What the server tells of its page.

    Attributes:
        components: by their numbers.
        events: of components, with what each sends and what it fills.
    """

    components: Mapping[int, dict[str, Any]]
    events: Sequence[dict[str, Any]]

    @classmethod
    async def read(cls, client: httpx.AsyncClient) -> "Layout":
        """Ask the server."""
        told = (await client.get("config")).raise_for_status().json()
        return cls(
            components={one["id"]: one for one in told["components"]},
            events=[one for one in told["dependencies"] if one["backend_fn"]],
        )

    def named(self, name: str) -> int:
        """A component by its name in the document."""
        return self._where("elem_id", name)

    def tab(self, name: str) -> int:
        """A tab by its name in addresses."""
        return next(
            at
            for at, one in self.components.items()
            if one["type"] == "tabitem" and one["props"]["id"] == name
        )

    def picking(self, fills: int, *, pictures: bool) -> tuple[int, Sequence[int]]:
        """The row, of pictures or else of suggestions, from which one picks what fills a box.

        Returns:
            The row, and what it fills.
        """
        for one in self.events:
            shows = any(self.components[at]["type"] == "image" for at in one["outputs"])
            if fills in one["outputs"] and shows is pictures:
                for component, event in one["targets"]:
                    if event == "pick":
                        return component, one["outputs"]
        raise KeyError(f"nothing to pick fills component {fills}")

    def image(self, among: Sequence[int]) -> int:
        """The picture among components."""
        return next(at for at in among if self.components[at]["type"] == "image")

    def heard(self, component: int | None, event: str) -> list[dict[str, Any]]:
        """What happens on an event, of any component where none is named."""
        return [
            one
            for one in self.events
            if any(event == name and component in (None, at) for at, name in one["targets"])
        ]

    def after(self, event: int) -> list[dict[str, Any]]:
        """What happens after an event that went well."""
        return [
            one
            for one in self.events
            if one["trigger_after"] == event and not one["trigger_only_on_failure"]
        ]

    def _where(self, key: str, value: str) -> int:
        return next(at for at, one in self.components.items() if one["props"].get(key) == value)


class Page:
    """One browser's page: what stands in its boxes, and what its clicks make of that."""

    def __init__(self, client: httpx.AsyncClient, layout: Layout, *, session: str):
        self.layout = layout
        self._client, self._session = client, session
        self._values: dict[int, Any] = {}

    @asynccontextmanager
    async def alive(self):
        """The line by which the server sees that the page is open."""

        async def beat() -> None:
            with suppress(httpx.HTTPError):
                url = f"gradio_api/heartbeat/{self._session}"
                async with self._client.stream("GET", url, timeout=None) as stream:
                    async for _ in stream.aiter_lines():
                        pass

        line = asyncio.create_task(beat())
        try:
            yield
        finally:
            line.cancel()
            with suppress(asyncio.CancelledError):
                await line

    async def open(self) -> None:
        """Load the page, with what it shows at first."""
        (await self._client.get("")).raise_for_status()
        for event in self.layout.heard(None, "load"):
            await self._run(event, trigger=None, told=None)

    def value(self, component: int) -> Any:
        """What a component shows."""
        shown = self.layout.components[component]["props"].get("value")
        return self._values.get(component, shown)

    def put(self, component: int, value: Any) -> None:
        """Write into a box, or set a slider."""
        self._values[component] = value

    async def upload(self, file: Path) -> dict[str, Any]:
        """A file of the visitor's own, to be put into a box."""
        return await upload(self._client, file)

    async def trigger(self, component: int, event: str, told: Any = None) -> None:
        """Do something to a component, and wait for all that comes of it.

        Args:
            component: its number.
            event: such as "click".
            told: what the page says of it.

        Raises:
            RuntimeError: the server answers with an error.
        """
        for one in self.layout.heard(component, event):
            await self._run(one, trigger=component, told=told)

    async def _run(self, event: dict[str, Any], *, trigger: int | None, told: Any) -> None:
        states = {at for at, one in self.layout.components.items() if one["type"] == "state"}
        sent = {
            "data": [None if at in states else self.value(at) for at in event["inputs"]],
            "fn_index": event["id"],
            "session_hash": self._session,
            "event_data": told,
            "trigger_id": trigger,
        }
        found = await (self._queued(sent) if event["queue"] else self._at_once(sent))
        for at, value in zip(event["outputs"], found["data"], strict=True):
            self._take(at, value)
        for state in found.get("changed_state_ids", ()):
            await self.trigger(state, "change")
        for one in self.layout.after(event["id"]):
            await self._run(one, trigger=trigger, told=None)

    def _take(self, component: int, value: Any) -> None:
        """A new value; or an update, which may leave the value as it is."""
        if not isinstance(value, dict) or value.get("__type__") != "update":
            self._values[component] = value
        elif "value" in value:
            self._values[component] = value["value"]

    async def _at_once(self, sent: dict[str, Any]) -> dict[str, Any]:
        reply = await self._client.post("gradio_api/run/predict", json=sent)
        return reply.raise_for_status().json()

    async def _queued(self, sent: dict[str, Any]) -> dict[str, Any]:
        place = await self._client.post("gradio_api/queue/join", json=sent)
        place.raise_for_status()
        found = None
        asked = {"session_hash": self._session}
        async with self._client.stream("GET", "gradio_api/queue/data", params=asked) as stream:
            async for line in stream.aiter_lines():
                if not line.startswith("data: "):
                    continue
                message = json.loads(line.removeprefix("data: "))
                if message["msg"] == "process_completed":
                    found = message
                elif message["msg"] == "close_stream":  # and no sooner: who leaves is forgotten
                    break
        if found is None or not found["success"]:
            raise RuntimeError(f"event {sent['fn_index']}: {found and found['output']}")
        return found["output"]
