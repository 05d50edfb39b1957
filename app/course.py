"""The course beside the page: which notebooks build what a tab shows."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
TABS = {
    "tour": (1, 2),
    "ask": (2,),
    "align": (5, 13),
    "explain": (6,),
    "compose": (6,),
    "foils": (4,),
    "masks": (3,),
    "pairs": (4,),
    "pixels": (1, 12),
    "find": (10,),
    "train": (9, 11),
    "compare": (7, 8),
}
_PATH = "lab/course"
_GUIDE = "README.md"  # of the course: its path names the notebooks
_TITLE = re.compile(r"\[(\d+)\. ([^\]]+)\]\(([\w-]+\.ipynb)\)")


@dataclass(frozen=True, slots=True)
class Lesson:
    """A notebook: its number, its title in the guide, and its address on this server."""

    number: int
    title: str
    address: str


@lru_cache(maxsize=1)
def lessons() -> dict[int, Lesson]:
    """All notebooks by their numbers; none where the page was installed without them."""
    guide = FOLDER / _GUIDE
    if not guide.is_file():
        return {}
    told = _TITLE.findall(guide.read_text(encoding="utf-8"))
    return {
        int(number): Lesson(int(number), title, f"{_PATH}/{file}") for number, title, file in told
    }


def lessons_of(tab: str) -> tuple[Lesson, ...]:
    """What to read beside a tab."""
    return tuple(lessons()[number] for number in TABS.get(tab, ()) if number in lessons())


def routes() -> list[Route]:
    """Where the browser gets them: these files and no others."""
    return [Route(f"/{_PATH}/{{name}}.ipynb", _notebook)]


def _notebook(request: Request) -> FileResponse:
    name = f"{request.path_params['name']}.ipynb"
    if f"{_PATH}/{name}" not in {lesson.address for lesson in lessons().values()}:
        raise HTTPException(404)
    return FileResponse(FOLDER / name, filename=name, media_type="application/x-ipynb+json")
