"""What a check of data found, and how a person reads it."""

from dataclasses import dataclass

from vilt_core.data.shared import Shared

_TEXTS = {"captions": "caption", "questions": "question", "statements": "statement"}
_TRUTH = {"questions": "answer", "statements": "label"}
_UNLABELLED = {
    "captions": "without a caption",
    "questions": "without an answer",
    "statements": "without a label",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitReport:
    """One split of a data set: its sizes, and what is wrong with it."""

    split: str
    examples: int = 0
    pictures: int = 0
    texts: int = 0  # captions, questions or statements
    words: float = 0.0  # of a text, on average
    answers: int = 0  # different ones, as they are written
    unlabelled: int = 0  # pictures without a caption, questions without an answer, and so on
    absent: int = 0  # pictures that are not there
    named_absent: tuple[str, ...] = ()  # the first of them
    decoded: int = 0  # pictures opened to try
    broken: tuple[str, ...] = ()  # of those opened; a sentence each
    missing: tuple[str, ...] = ()  # other things, a sentence each
    repeated: int = 0  # questions and statements whose pictures and words had come before
    disputed: int = 0  # of these: with another answer or label
    shared: Shared | None = None  # with what is learned from

    @property
    def complete(self) -> bool:
        """Whether nothing is missing or broken."""
        return not (self.absent or self.broken or self.missing)

    def lines(self, kind: str) -> list[str]:
        """A line of sizes, then a line for each thing that is wrong."""
        sizes = f"{counted(self.examples, 'example')}, {counted(self.pictures, 'picture')}"
        sizes += f", {counted(self.texts, _TEXTS[kind])} of {self.words:.1f} words on average"
        if self.answers:
            sizes += f", {counted(self.answers, 'different answer')}"
        if self.unlabelled:
            sizes += f", {self.unlabelled:,} {_UNLABELLED[kind]}"
        lines = [f"  {self.split}: {sizes}"] if self.examples else [f"  {self.split}: no example"]
        lines += [f"    missing: {line}" for line in self.missing]
        if self.absent:
            more = self.absent - len(self.named_absent)
            named = ", ".join(self.named_absent) + (f" and {more:,} more" if more else "")
            lines.append(f"    missing: {counted(self.absent, 'picture')}: {named}")
        lines += [f"    broken: {line}" for line in self.broken]
        if self.repeated:
            other = f", {self.disputed:,} of them another {_TRUTH[kind]}" if self.disputed else ""
            lines.append(
                f"    repeated: {counted(self.repeated, 'example')} with the pictures and the "
                f"words of an earlier one{other}"
            )
        if self.shared:
            of = f"{self.shared.seen:,} of {counted(self.examples, 'example')}"
            lines.append(f"    shared with train: {of} {self.shared.told('a picture of it')}")
        if self.decoded:
            good = self.decoded - len(self.broken)
            are = "is" if good == 1 else "are"
            opened = counted(self.decoded, "picture")
            lines.append(f"    opened {opened} to try: {good:,} {are} good")
        return lines


@dataclass(frozen=True, slots=True, kw_only=True)
class SetReport:
    """One data set that was found."""

    format: str
    kind: str
    folder: str
    splits: tuple[SplitReport, ...]
    shown: tuple[str, ...]  # examples, a line each


@dataclass(frozen=True, slots=True, kw_only=True)
class DataReport:
    """What was found in a folder or a file."""

    source: str
    sets: tuple[SetReport, ...]
    missing: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()  # files that look like data and are not read

    @property
    def complete(self) -> bool:
        """Whether something was found, and nothing is missing or broken."""
        splits = [split for each in self.sets for split in each.splits]
        return bool(splits) and not self.missing and all(split.complete for split in splits)

    def text(self) -> str:
        """For a person: a paragraph a data set, a line a split, what is missing below each."""
        lines = [f"{self.source}: {counted(len(self.sets), 'data set')}"]
        lines += [f"  missing: {line}" for line in self.missing]
        lines += [f"  passed over: {line}" for line in self.passed_over]
        for each in self.sets:
            lines += ["", f"{each.format} ({each.kind}) in {each.folder}"]
            lines += [line for split in each.splits for line in split.lines(each.kind)]
            lines += [f"  for example {line}" for line in each.shown]
        return "\n".join(lines)


def counted(number: int, noun: str) -> str:
    """A number with its noun, of which there may be one."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
