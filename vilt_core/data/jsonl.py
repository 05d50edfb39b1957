"""Data sets as JSON lines beside a folder of images, so that nobody needs a binary format.

    {"image": "images/1.png", "question": "is there a circle?", "answer": "yes"}
    {"image": "images/1.png", "caption": "a black cat on a bed"}
    {"images": ["a.png", "b.png"], "statement": "both images show dogs", "label": true}

Paths are relative to the file, and a field that is null is as good as none: tables are exported
with nulls where a line has nothing. ``python -m vilt_core world`` writes the same lines with their
truth beside. Here a file becomes lines for evaluation; jsonl_sets.py makes data sets of it.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from vilt_core.data.json_files import shown
from vilt_core.data.text import check_unicode
from vilt_core.world.grammar import Mention

_NO_ARRAY = "the file begins as one JSON array, where one object {...} a line is expected"

# Halves of characters beyond 65,535, escaped or not: most are pairs, which make a whole one.
_PERHAPS_HALF = re.compile(rb"\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionLine:
    """A question about a picture, answered by one person or by several."""

    image: Path
    question: str
    answers: tuple[str, ...]
    kind: str | None  # "type" or "kind" of the line, if it says one


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionLine:
    """A caption of a picture, with as much of its truth as the line gives."""

    image: Path
    caption: str
    mentions: tuple[Mention, ...] = ()
    boxes: tuple[tuple[float, float, float, float], ...] = ()  # of the objects mentioned
    hard_negative: str | None = None  # a sentence that is false of the picture
    changed: str = "other"  # what makes it false


def read_questions(path: str | Path, *, limit: int | None = None) -> list[QuestionLine]:
    """The lines of a file of questions, ``limit`` of them at most.

    A line gives an "answer", or "answers": what several people said.

    Raises:
        ValueError: a file or an image that is not there, or a line that is no question.
    """
    return list(islice((_question(line) for line in read_lines(path)), limit))


def read_captions(path: str | Path, *, limit: int | None = None) -> list[CaptionLine]:
    """The lines of a file of captions, ``limit`` of them at most.

    Raises:
        ValueError: a file or an image that is not there, or a line that is no caption.
    """
    return list(islice((_caption(line) for line in read_lines(path)), limit))


@dataclass(frozen=True, slots=True)
class Line:
    """A line that knows where it stands, so that complaints can say so."""

    file: Path
    number: int
    fields: dict[str, Any]

    @property
    def where(self) -> str:
        """Where it stands, for a person."""
        return f"{self.file.name} line {self.number}"

    def text(self, name: str) -> str:
        """The words under a name.

        Raises:
            ValueError: there are none.
        """
        value = self.fields.get(name)
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"{self.where}: expected words under {name!r}, got {shown(value)}")
        return value.strip()

    def answers(self) -> tuple[str, ...]:
        """What one person ("answer") or several ("answers") said; true is "yes", false "no".

        Raises:
            ValueError: neither is there.
        """
        given = self.fields.get("answers")
        given = [self.fields.get("answer")] if given is None else given
        if not isinstance(given, list) or not given or not all(_is_answer(a) for a in given):
            raise ValueError(
                f'{self.where}: expected "answer": a word, or "answers": a list of words, '
                f"got {shown(given)}"
            )
        return tuple(_in_words(answer) for answer in given)

    def kind(self) -> str | None:
        """The "type" or "kind" that the line gives itself, if it does."""
        kind = self.fields.get("type", self.fields.get("kind"))
        return kind if isinstance(kind, str) else None

    def image(self) -> Path:
        """The picture under "image".

        Raises:
            ValueError: it is not named, or not there.
        """
        path = self.file.parent / self.text("image")
        if not path.is_file():
            raise ValueError(f"{self.where}: expected an image at {path}, found none")
        return path


def read_lines(path: str | Path) -> Iterator[Line]:
    """The lines of a file that are not blank.

    Raises:
        ValueError: no such file, a line that is no JSON object, or half a character in one.
    """
    for found in try_lines(path):
        if isinstance(found, ValueError):
            raise found
        yield found


def try_lines(path: str | Path) -> Iterator[Line | ValueError]:
    """The lines of a file that are not blank; in the place of a bad one, what is wrong with it.

    Of a file that is one array over many lines that is all: its lines are no lines of ours.

    Raises:
        ValueError: no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"expected a file of JSON lines at {path}, found none")
    with path.open("rb") as file:
        lines = ((number, raw) for number, raw in enumerate(file, start=1) if raw.strip())
        for at, (number, raw) in enumerate(lines):
            try:
                yield _line(path, number, raw)
            except ValueError as error:
                array = at == 0 and raw.lstrip().startswith(b"[")
                yield ValueError(f"{error}; {_NO_ARRAY}") if array else error
                if array and isinstance(error.__cause__, json.JSONDecodeError):
                    return


def _line(path: Path, number: int, raw: bytes) -> Line:
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path.name} line {number} is not readable JSON: {error}") from error
    if not isinstance(fields, dict):
        raise ValueError(
            f"{path.name} line {number}: expected an object {{...}}, got {shown(fields)}"
        )
    if _PERHAPS_HALF.search(raw):
        written = json.dumps(fields, ensure_ascii=False)
        check_unicode(written, what=f"{path.name} line {number}")
    return Line(path, number, _said(fields))


def _said(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields less those that are null; a label that is null is there, and kept secret."""
    return {name: value for name, value in fields.items() if value is not None or name == "label"}


def _question(line: Line) -> QuestionLine:
    answers = line.answers()
    return QuestionLine(
        image=line.image(), question=line.text("question"), answers=answers, kind=line.kind()
    )


def _is_answer(value: Any) -> bool:
    if isinstance(value, str):
        return bool(value.strip())
    return isinstance(value, bool | int | float)


def _in_words(answer: Any) -> str:
    if isinstance(answer, bool):
        return "yes" if answer else "no"
    if isinstance(answer, float) and answer.is_integer():
        return str(int(answer))
    return str(answer).strip()


def _caption(line: Line) -> CaptionLine:
    fields = line.fields
    try:
        scene = fields.get("scene") or {}
        boxes = tuple(_box(thing["box"]) for thing in scene.get("objects", ()))
        mentions = tuple(
            Mention(**{**mention, "objects": tuple(mention["objects"])})
            for mention in fields.get("mentions", ())
        )
        for mention in mentions:
            _check_mention(mention, objects=len(boxes))
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{line.where}: expected mentions and boxes as `python -m vilt_core world` writes "
            f"them, got {type(error).__name__}: {error}"
        ) from error
    negative = fields.get("hard_negative")
    return CaptionLine(
        image=line.image(),
        caption=line.text("caption"),
        mentions=mentions,
        boxes=boxes,
        hard_negative=None if negative is None else line.text("hard_negative"),
        changed=str(fields.get("changed", "other")),
    )


def _box(sides: Any) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = (float(side) for side in sides)
    return x0, y0, x1, y1


def _check_mention(mention: Mention, *, objects: int) -> None:
    if not 0 <= mention.noun_start < mention.noun_end:
        raise ValueError(f"a noun from {mention.noun_start} to {mention.noun_end}")
    if not all(0 <= index < objects for index in mention.objects):
        raise ValueError(f"objects {list(mention.objects)} of {objects} with boxes")
