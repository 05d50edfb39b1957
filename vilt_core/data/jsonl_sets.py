"""The user's own JSON lines as data sets: a file, or a folder of them.

    mine/
        train.jsonl, val.jsonl, test.jsonl      lines of one kind each; a split is named by its file
                                                (valid, validation and dev.jsonl are val, too)
        images/...                              wherever the lines say

or, as ``python -m vilt_core world`` writes them, files named by their kind, in the folder (they
count as "train") or in folders named by the split:

    mine/
        train/captions.jsonl, questions.jsonl, pairs.jsonl
        test/captions.jsonl, questions.jsonl, pairs.jsonl

Where there is no train.jsonl, train.json is read if it is one array of such objects, and so are
val.json and the others. Two files of one kind for one split are refused. The lines are those of
jsonl.py. "captions" may
list several; lines of the same picture are one example. A "caption" with a "label" is a statement
about one picture, as Visual Spatial Reasoning (Liu et al., TACL 2023) has them; "filename" names a
picture too. Statements with one "group" count together for consistency; one without a group is a
group of its own.
"""

from collections.abc import Iterator
from pathlib import Path

from vilt_core.data.examples import (
    KINDS,
    DataSet,
    Examples,
    ImageFile,
    QuestionExample,
    StatementExample,
)
from vilt_core.data.json_files import shown
from vilt_core.data.jsonl import Line, is_array, read_lines, try_lines
from vilt_core.data.sequences import CaptionedFile, CaptionedFiles

NAME = "jsonl"
SPLITS = ("train", "val", "test")
VAL = ("val", "valid", "validation", "dev")  # names of that split's file, of which one may be there

_LABELS = {"true": True, "false": False}
_FILES = {"captions.jsonl": "captions", "questions.jsonl": "questions", "pairs.jsonl": "statements"}


def files_in(root: Path) -> dict[tuple[str, str], Path]:
    """The files of a folder by (kind, split).

    One whose name promises examples and that holds none of ours is of the kind that its name says,
    or else of the others' kind, so that somebody will open it and be told why not. "val" is there
    under its own name of ``VAL`` besides.

    Raises:
        ValueError: two files of a kind that would both be the same split.
    """
    found: dict[tuple[str, str], Path] = {}
    there = [(split, file, kind_of(file)) for split, file in _candidates(root)]
    for split, file, kind in there:
        if kind is not None:
            first = found.setdefault((kind, split), file)
            _check_one(root, list(dict.fromkeys([first, file])), split)
    usual = next((kind for kind, _ in found), KINDS[0])
    for split, file, kind in there:
        promises = file.suffix == ".jsonl" and (file.stem in (*SPLITS, *VAL) or file.name in _FILES)
        if kind is None and promises:
            found.setdefault((_FILES.get(file.name, usual), split), file)
    for kind in KINDS:
        vals = [found[kind, name] for name in VAL if (kind, name) in found]
        _check_one(root, vals, "val")
        if vals:
            found[kind, "val"] = vals[0]
    return found


def _candidates(root: Path) -> list[tuple[str, Path]]:
    """The files of JSON lines that are there, each with the split that its place says."""
    named = [root / f"{split}.jsonl" for split in SPLITS]
    by_kind = [root / name for name in _FILES]
    others = [file for file in sorted(root.glob("*.jsonl")) if file not in (*named, *by_kind)]
    arrays = [root / f"{split}.json" for split in dict.fromkeys((*SPLITS, *VAL))]
    alone = [file for file in arrays if not file.with_suffix(".jsonl").is_file()]
    candidates = [(file.stem, file) for file in named + others + list(filter(is_array, alone))]
    candidates += [("train", file) for file in by_kind]
    candidates += [(split, root / split / name) for split in SPLITS for name in _FILES]
    return [(split, file) for split, file in candidates if file.is_file()]


def _check_one(root: Path, files: list[Path], split: str) -> None:
    """Refuse several files of a kind for one split: all but the first would be lost in silence."""
    if len(files) > 1:
        named = " and ".join(str(file.relative_to(root)) for file in files)
        raise ValueError(f"{root} holds {named}, each of which would be {split}: keep one of them")


def passed_over(root: Path) -> tuple[str, ...]:
    """The other files of JSON lines in a folder, a sentence each on what they have instead."""
    known = set(files_in(root).values())
    others = sorted(file for _, file in _candidates(root) if file not in known)
    said = [
        f"{file}: no caption, question or statement in its first line, which has {_fields(file)}"
        for file in others
    ]
    for folder in (root, *(root / split for split in SPLITS)):
        packed = (file for file in folder.glob("*.jsonl.gz") if not file.with_suffix("").is_file())
        said += [f"{file}, packed with gzip: unpack it first (gunzip)" for file in sorted(packed)]
    return tuple(said)


def kind_of(file: Path) -> str | None:
    """The kind of example in a file by its first line; None where it has none, or none of ours."""
    try:
        line = next(read_lines(file), None)
    except ValueError:
        return None
    return None if line is None else _kind(line)


def _fields(file: Path) -> str:
    try:
        line = next(read_lines(file), None)
    except ValueError as error:
        return f"an error: {error}"
    return "nothing" if line is None else ", ".join(map(repr, line.fields)) or "no field"


def read_file(file: Path, *, split: str = "train") -> DataSet:
    """The examples of one file of JSON lines.

    Raises:
        ValueError: a file that is not there or empty, or a line that is not of the kind of the
            first.
    """
    first = next(read_lines(file), None)
    if first is None:
        raise ValueError(f"expected JSON lines in {file}, found an empty file")
    kind = _kind(first)
    if kind is None:
        raise _none_of_ours(first)
    return DataSet(
        name=_folder_of(file).name, split=split, kind=kind, examples=_examples(file, kind)
    )


def _folder_of(file: Path) -> Path:
    """The folder of the data set that a file is of."""
    folder = file.resolve().parent
    return folder.parent if folder.name in SPLITS and file.name in _FILES else folder


def bad_lines(file: Path) -> tuple[list[str], int]:
    """What is wrong with each bad line of a file, a sentence each, and how many lines there are.

    Lines are to be of the kind of the first one that is of any.

    Raises:
        ValueError: no such file.
    """
    kind = _first_kind(file)
    complaints, total = [], 0
    for line in try_lines(file):
        total += 1
        try:
            _try(line, kind)
        except ValueError as error:
            complaints.append(str(error))
    return complaints, total


def likely_kind(file: Path) -> str:
    """The kind of a file whose first lines may be bad.

    Raises:
        ValueError: no such file, or none of its lines is of any kind.
    """
    kind = _first_kind(file)
    return read_file(file).kind if kind is None else kind  # which says what there is instead


def _first_kind(file: Path) -> str | None:
    good = (line for line in try_lines(file) if isinstance(line, Line))
    return next((kind for kind in map(_kind, good) if kind is not None), None)


def _try(line: Line | ValueError, kind: str | None) -> None:
    """Refuse a line that is not of a kind."""
    if isinstance(line, ValueError):
        raise line
    if kind is None:
        raise _none_of_ours(line)
    {"captions": _captions, "questions": _question, "statements": _statement}[kind](line)


def _none_of_ours(line: Line) -> ValueError:
    return ValueError(
        f"{line.where}: expected a caption, a question or a statement by that name, "
        f"got {', '.join(map(repr, line.fields)) or 'no field'}"
    )


def _kind(line: Line) -> str | None:
    fields = line.fields
    if "statement" in fields or ("caption" in fields and "label" in fields):
        return "statements"
    if "question" in fields:
        return "questions"
    return "captions" if "caption" in fields or "captions" in fields else None


def _examples(file: Path, kind: str) -> Examples:
    if kind == "captions":
        return CaptionedFiles(_captioned(file))
    make = _question if kind == "questions" else _statement
    return [make(line) for line in read_lines(file)]


def _captioned(file: Path) -> Iterator[CaptionedFile]:
    pictures: dict[str, list[str]] = {}
    for line in read_lines(file):
        name, captions = _captions(line)
        pictures.setdefault(name, []).extend(captions)
    for name, captions in pictures.items():
        yield CaptionedFile(folder=file.parent, name=name, id=name, captions=captions)


def _captions(line: Line) -> tuple[str, list[str]]:
    """The name of a picture, and what a line says of it."""
    captions = line.fields.get("captions", [line.fields.get("caption")])
    if not isinstance(captions, list) or not captions or not all(map(_is_words, captions)):
        raise ValueError(
            f'{line.where}: expected "caption": words, or "captions": a list of them, '
            f"got {shown(captions)}"
        )
    return _picture(line), [caption.strip() for caption in captions]


def _question(line: Line) -> QuestionExample:
    return QuestionExample(
        image=ImageFile(line.file.parent / _picture(line)),
        question=line.text("question"),
        answers=line.answers(),
        id=line.id(),
        kind=line.kind(),
    )


def _statement(line: Line) -> StatementExample:
    names = line.fields.get("images", [])
    if not isinstance(names, list) or not all(_is_words(name) for name in names):
        raise ValueError(f'{line.where}: expected names of files in "images", got {shown(names)}')
    if len(names) > 2:
        raise ValueError(f"{line.where}: expected two images or one, got {len(names)}")
    shown_in = [line.picture(name) for name in names] or [_picture(line)]
    label = line.fields.get("label")
    label = _LABELS.get(label.lower(), label) if isinstance(label, str) else label
    if label not in (True, False, None):
        raise ValueError(f'{line.where}: expected "label": true or false, got {shown(label)}')
    return StatementExample(
        images=tuple(ImageFile(line.file.parent / name) for name in shown_in),
        statement=line.text("statement" if "statement" in line.fields else "caption"),
        label=None if label is None else bool(label),
        id=line.id(),
        group=str(line.fields.get("group", line.where)),
    )


def _picture(line: Line) -> str:
    return line.picture(line.text("filename" if "filename" in line.fields else "image"))


def _is_words(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
