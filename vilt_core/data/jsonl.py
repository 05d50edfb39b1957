"""Data sets as JSON lines beside a folder of images, so that nobody needs a binary format.

    {"image": "images/1.png", "question": "is there a circle?", "answer": "yes"}
    {"image": "images/1.png", "caption": "a black cat on a bed"}
    {"images": ["a.png", "b.png"], "statement": "both images show dogs", "label": true}

Paths are relative to the file, and a field that is null or NaN is as good as none: tables are
exported with these where a line has nothing. A file may as well be one JSON array of such objects.
``python -m vilt_core world`` writes the same lines with their truth beside. Here a file becomes
lines for evaluation; jsonl_sets.py makes data sets of it.
"""

import codecs
import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vilt_core.data.json_files import shown, stream_array
from vilt_core.data.text import check_unicode
from vilt_core.world.grammar import Mention

_TYPES = ("type", "kind", "answer_type", "question_type")  # of a question: the first that is there
_IDS = ("question_id", "questionId", "qid", "id")  # the first that is there

_HEAD = 1024  # bytes that tell what a file is
_OTHERS = {  # by how they begin
    b"\x1f\x8b": "is packed with gzip: unpack it first",
    codecs.BOM_UTF16_LE: "is written in UTF-16: save it as UTF-8",
    codecs.BOM_UTF16_BE: "is written in UTF-16: save it as UTF-8",
}

# Halves of characters beyond 65,535, escaped or not: most are pairs, which make a whole one.
_PERHAPS_HALF = re.compile(rb"\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionLine:
    """A question about a picture, answered by one person or by several."""

    image: Path
    question: str
    answers: tuple[str, ...]  # none where they are kept secret
    kind: str | None  # of the line, if it says one


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionLine:
    """A caption of a picture, with as much of its truth as the line gives."""

    image: Path
    caption: str
    mentions: tuple[Mention, ...] = ()
    boxes: tuple[tuple[float, float, float, float], ...] = ()  # of the objects mentioned
    hard_negative: str | None = None  # a sentence that is false of the picture
    changed: str = "other"  # what makes it false


def read_questions(path: str | Path) -> list[QuestionLine]:
    """The lines of a file of questions.

    A line gives an "answer", or "answers": what several people said.

    Raises:
        ValueError: a file or an image that is not there, or a line that is no question.
    """
    return [_question(line) for line in read_lines(path)]


def read_captions(path: str | Path) -> list[CaptionLine]:
    """The lines of a file of captions.

    Raises:
        ValueError: a file or an image that is not there, or a line that is no caption.
    """
    return [_caption(line) for line in read_lines(path)]


@dataclass(frozen=True, slots=True)
class Line:
    """A line, or an object of an array, that knows where it stands, so that complaints say so."""

    file: Path
    where: str  # it stands, for a person
    fields: dict[str, Any]

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
        """What several people ("answers") or one ("answer") said; nothing where it is kept secret.

        An answer is a word, a number, true for "yes", false for "no", or an object that has one of
        these under "answer", as VQA v2 and VizWiz write them. An empty one and NaN are none.

        Raises:
            ValueError: something else is there.
        """
        there = (self.fields.get(name) for name in ("answers", "answer"))
        given = next((one for one in there if one != [] and not _is_gap(one)), [])
        said = given if isinstance(given, list) else [given]
        words = [one.get("answer") if isinstance(one, dict) else one for one in said]
        if not all(map(_is_answer, words)):
            raise ValueError(
                f'{self.where}: expected "answer": a word, or "answers": a list of words, '
                f"got {shown(given)}"
            )
        return tuple(_in_words(one) for one in words if not _is_gap(one))

    def kind(self) -> str | None:
        """The kind of question that the line gives itself under one of ``_TYPES``, if it does."""
        said = (self.fields.get(name) for name in _TYPES)
        return next((one.strip() for one in said if isinstance(one, str) and one.strip()), None)

    def id(self) -> int | str | None:
        """The line's own id under one of ``_IDS``, a number or a string as it stands there."""
        for one in map(self.fields.get, _IDS):
            if isinstance(one, float) and one.is_integer():
                return int(one)  # of a column with gaps
            if isinstance(one, int) or (isinstance(one, str) and one.strip()):
                return one
        return None

    def picture(self, name: str) -> str:
        r"""A picture's name, seen from the file; with / for \ where there is none as it stands."""
        if "\\" in name and not (self.file.parent / name).is_file():
            return name.replace("\\", "/")
        return name

    def image(self) -> Path:
        """The picture under "image".

        Raises:
            ValueError: it is not named, or not there.
        """
        path = self.file.parent / self.picture(self.text("image"))
        if not path.is_file():
            raise ValueError(f"{self.where}: expected an image at {path}, found none")
        return path


def read_lines(path: str | Path) -> Iterator[Line]:
    """The lines of a file that are not blank, or the objects of its one array.

    Raises:
        ValueError: no such file, a line that is no JSON object, or half a character in one.
    """
    for found in try_lines(path):
        if isinstance(found, ValueError):
            raise found
        yield found


def try_lines(path: str | Path) -> Iterator[Line | ValueError]:
    """The lines of a file that are not blank; in the place of a bad one, what is wrong with it.

    Raises:
        ValueError: no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"expected a file of JSON lines at {path}, found none")
    head = _head(path)
    other = next((_OTHERS[magic] for magic in _OTHERS if head.startswith(magic)), None)
    if other is not None:
        yield ValueError(f"{path.name} {other}")
    elif head.startswith(b"["):
        yield from _try_array(path)
    else:
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                if raw.strip():
                    yield _try(_line, path, f"{path.name} line {number}", raw)


def is_array(file: Path) -> bool:
    """Whether a file is there and begins as a JSON array."""
    return file.is_file() and _head(file).startswith(b"[")


def _head(path: Path) -> bytes:
    """How a file begins, less a mark of UTF-8 and white space."""
    with path.open("rb") as file:
        return file.read(_HEAD).removeprefix(codecs.BOM_UTF8).lstrip()


def _try_array(path: Path) -> Iterator[Line | ValueError]:
    """The objects of a file that is one array; where it is damaged, that, and nothing after it."""
    try:
        for number, element in enumerate(stream_array(path), start=1):
            yield _try(_object, path, f"{path.name} item {number}", element)
    except ValueError as error:
        yield error


def _try(make: Callable[..., Line], *given: Any) -> Line | ValueError:
    try:
        return make(*given)
    except ValueError as error:
        return error


def _line(path: Path, where: str, raw: bytes) -> Line:
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where} is not readable JSON: {error}") from error
    return _object(path, where, fields, whole=not _PERHAPS_HALF.search(raw))


def _object(path: Path, where: str, fields: Any, *, whole: bool = False) -> Line:
    """What was read as a line; ``whole`` where no half of a character can be in it."""
    if not isinstance(fields, dict):
        raise ValueError(f"{where}: expected an object {{...}}, got {shown(fields)}")
    if not whole:
        check_unicode(json.dumps(fields, ensure_ascii=False), what=where)
    return Line(path, where, _said(fields))


def _said(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields less those that are null or NaN; such a label is there, and kept secret."""
    said = {name: value for name, value in fields.items() if not _is_nothing(value)}
    return {"label": None, **said} if "label" in fields else said


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _question(line: Line) -> QuestionLine:
    answers = line.answers()
    return QuestionLine(
        image=line.image(), question=line.text("question"), answers=answers, kind=line.kind()
    )


def _is_answer(value: Any) -> bool:
    """Whether it is a word, a number, true or false, or a gap in a table of these."""
    return isinstance(value, str | int) or (isinstance(value, float) and not math.isinf(value))


def _is_gap(value: Any) -> bool:
    return _is_nothing(value) or (isinstance(value, str) and not value.strip())


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
