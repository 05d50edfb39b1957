"""What a folder of data holds and what it lacks, and a look at it: ``data check`` of the shell."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from vilt_core.data.absent import looking
from vilt_core.data.examples import (
    CaptionExample,
    DataSet,
    Example,
    Examples,
    QuestionExample,
    StatementExample,
    StoredImage,
    Uncaptioned,
    folded,
    is_secret,
    pictures_of,
    texts_of,
)
from vilt_core.data.folders import EXPECTED, Found, recognise
from vilt_core.data.jsonl_sets import bad_lines, likely_kind, passed_over, read_file
from vilt_core.data.report import DataReport, SetReport, SplitReport
from vilt_core.data.sequences import Joined
from vilt_core.data.shards import ShardExamples
from vilt_core.data.shared import shared_with

DECODED = 32  # pictures of a split that are opened, spread over it
SHOWN = 3  # examples of a data set that are shown, and bad lines of a file
NAMED = 5  # missing pictures that are named

Progress = Callable[[str, int, int], None]  # what is read, how much is done, and of how much
_Item = TypeVar("_Item")


def check_data(source: str | Path, *, progress: Progress | None = None) -> DataReport:
    """Read every text, look for every picture, open some, and say what was found and what not.

    Args:
        source: what ``open_data`` takes.
        progress: is told how far it is, every thousand examples and every shard.

    Raises:
        ValueError: nothing is there at all.
    """
    source = Path(source)
    found = [_single(source)] if source.is_file() else recognise(source)
    tell = progress or (lambda _what, _done, _total: None)
    sets = tuple(_check_set(each, tell) for each in found)
    missing = () if sets else (f"anything known; expected {EXPECTED}",)
    folders = () if source.is_file() else dict.fromkeys([source, *(each.folder for each in found)])
    return DataReport(
        source=str(source),
        sets=sets,
        missing=missing,
        passed_over=tuple(line for folder in folders for line in passed_over(folder)),
    )


@dataclass(slots=True)
class _Tally:
    """What is counted while the examples of a split pass by."""

    examples: int = 0
    texts: int = 0
    words: int = 0
    unlabelled: int = 0
    absent: int = 0
    named_absent: list[str] = field(default_factory=list)
    answers: set[str] = field(default_factory=set)
    pictures: dict[StoredImage, None] = field(default_factory=dict)  # where examples share them
    repeated: int = 0
    disputed: int = 0
    # Digests: of what is asked, of the truth that was first told of it; None while it is secret.
    asked: dict[int, int | None] = field(default_factory=dict)

    def add(self, example: Example, is_there: Callable[[StoredImage], bool]) -> None:
        self.examples += 1
        said = texts_of(example)
        self.texts += len(said)
        self.words += sum(len(text.split()) for text in said)
        secret = is_secret(example)
        self.unlabelled += secret
        if isinstance(example, QuestionExample):
            self.answers.update(example.answers)
        if not isinstance(example, CaptionExample):
            self._repeats(
                hash((pictures_of(example), folded(said[0]))),
                None if secret else hash(_truth(example)),
            )
        for image in pictures_of(example):
            if image not in self.pictures and not is_there(image):
                self.absent += 1
                self.named_absent += [image.name] if self.absent <= NAMED else []
            if not isinstance(example, CaptionExample):
                self.pictures[image] = None

    def _repeats(self, asked: int, truth: int | None) -> None:
        before = self.asked.get(asked)
        self.repeated += asked in self.asked
        self.disputed += None not in (before, truth) and before != truth
        self.asked[asked] = truth if before is None else before


def _single(file: Path) -> Found:
    return Found(
        format="jsonl",
        kind=likely_kind(file),
        folder=file.parent,
        splits=(file.stem,),
        files={file.stem: file},
        read=lambda split: read_file(file, split=split),
    )


def _check_set(found: Found, tell: Progress) -> SetReport:
    splits: list[SplitReport] = []
    shown: list[str] = []
    learned: DataSet | None = None
    own = [split for split in found.splits if split not in found.derived]
    for split in sorted(own, key=lambda one: one != "train"):
        try:
            data = found.read(split)
        except (ValueError, OSError) as error:
            missing = _bad_lines(found.files[split]) if split in found.files else ()
            splits.append(SplitReport(split=split, missing=missing or (str(error),)))
            continue
        learned = data if split == "train" else learned
        splits.append(_check_split(data, split, tell, learned=learned))
        shown = shown or [_line(example) for example in _spread(data.examples, SHOWN)]
    return SetReport(
        format=found.format,
        kind=found.kind,
        folder=str(found.folder),
        splits=tuple(splits),
        shown=tuple(shown),
    )


def _bad_lines(file: Path) -> tuple[str, ...]:
    """How many lines of a file cannot be read, and what is wrong with the first of them."""
    complaints, total = bad_lines(file)
    if len(complaints) < 2:
        return tuple(complaints)
    return (f"{len(complaints):,} of {total:,} lines are bad", *complaints[:SHOWN])


def _check_split(
    data: DataSet, split: str, tell: Progress, *, learned: DataSet | None
) -> SplitReport:
    what, total = f"{data.name} {data.kind} {split}", len(data.examples)
    damage = tuple(_damage(data.examples, lambda done, of: tell(f"{what}, shards", done, of)))
    tally, is_there = _Tally(), looking()
    for at in range(total):
        if at % 1000 == 0:
            tell(what, at, total)
        try:
            tally.add(data.examples[at], is_there)
        except Uncaptioned:
            tally.unlabelled += 1
        except (ValueError, OSError):
            continue  # a sample that a shard promises and lacks: told under damage
    tell(what, total, total)
    some = _spread(list(tally.pictures), DECODED) or [
        image for each in _spread(data.examples, DECODED) for image in pictures_of(each)
    ]
    tried = [image for image in dict.fromkeys(some) if is_there(image)]
    return SplitReport(
        split=split,
        examples=tally.examples,
        pictures=len(tally.pictures) or tally.examples,
        texts=tally.texts,
        words=tally.words / max(tally.texts, 1),
        answers=len(tally.answers),
        unlabelled=tally.unlabelled,
        absent=tally.absent,
        named_absent=tuple(tally.named_absent),
        decoded=len(tried),
        broken=tuple(_broken(tried)),
        repeated=tally.repeated,
        disputed=tally.disputed,
        shared=None if learned is None or learned is data else shared_with(data, learned),
        missing=tuple(dict.fromkeys(data.missing + damage)),  # a shard may be told of in both
    )


def _damage(examples: Examples, tell: Callable[[int, int], None]) -> Iterator[str]:
    if isinstance(examples, ShardExamples):
        yield from examples.damage(tell)
    elif isinstance(examples, Joined):
        for part in examples.parts:
            yield from _damage(part, tell)


def _spread(items: Sequence[_Item], count: int) -> list[_Item]:
    """``count`` examples or pictures at even distances, less those that cannot be read."""
    total = len(items)
    found = []
    for place in range(min(count, total)):
        with suppress(ValueError, OSError):
            found.append(items[place * total // min(count, total)])
    return found


def _broken(images: list[StoredImage]) -> Iterator[str]:
    for image in images:
        try:
            image.open()
        except (ValueError, OSError) as error:
            yield str(error)


def _truth(example: QuestionExample | StatementExample) -> frozenset[str] | bool | None:
    """What examples that ask the same had better agree in."""
    if isinstance(example, QuestionExample):
        return frozenset(map(folded, example.answers))
    return example.label


def _line(example: Example) -> str:
    """An example in one line."""
    pictures = " and ".join(image.name for image in pictures_of(example))
    match example:
        case CaptionExample():
            more = len(example.captions) - 1
            said = "".join(f'"{caption}"' for caption in example.captions[:1])
            return f"{pictures}: {said}" + (f" and {more} more" if more > 0 else "")
        case QuestionExample():
            answers = ", ".join(dict.fromkeys(example.answers)) or "no answer"
            return f'{pictures}: "{example.question}" {answers}'
        case StatementExample():
            return f'{pictures}: "{example.statement}" {example.label}'
