"""VQA v2 (Goyal et al., CVPR 2017): 443,757 questions to train, 214,354 val, 447,793 test.

    vqav2/
        train2014/, val2014/, test2015/                 COCO's pictures; ../coco/ will do
        v2_OpenEnded_mscoco_train2014_questions.json    and val2014, test2015, test-dev2015
        v2_mscoco_train2014_annotations.json            and val2014

Splits "train", "val", "test" and "test-dev" as published. As in the 2021 code, 1,000 pictures of
val are kept to choose models by, "rest_val"; the others are "trainable_val", and "trainval", what
the paper trains on, is train with them.

What differs from the 2021 code: which 1,000 pictures are kept was left to an unseeded shuffle; here
it is those whose numbers have the smallest SHA-256. Questions whose answers are all outside the
list stay.
"""

import hashlib
import sys
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from vilt_core.data.examples import DataSet, ImageFile, QuestionExample
from vilt_core.data.json_files import field, load_json
from vilt_core.data.sequences import Joined, MadeOnDemand, Texts

NAME = "vqav2"
KIND = "questions"
DERIVED = ("trainval", "trainable_val", "rest_val")  # made of train and val
SPLITS = ("train", "val", "test", "test-dev", *DERIVED)
HELD_OUT = 1000  # pictures of val in "rest_val"

_PUBLISHED = {
    "train": "train2014",
    "val": "val2014",
    "trainable_val": "val2014",
    "rest_val": "val2014",
    "test": "test2015",
    "test-dev": "test-dev2015",
}


def splits_in(root: Path) -> tuple[str, ...]:
    """The splits that a folder holds; none where it is not of this format."""
    found = {split for split, part in _PUBLISHED.items() if _file(root, _questions(part)).is_file()}
    if {"train", "val"} <= found:
        found.add("trainval")
    return tuple(split for split in SPLITS if split in found)


def read(root: Path, *, split: str, held_out: int = HELD_OUT) -> DataSet:
    """The questions of one split, in the order of their file.

    Args:
        root: the folder.
        split: of SPLITS.
        held_out: how many pictures of val make "rest_val".

    Raises:
        ValueError: a file that is not there, not readable or not of this format.
    """
    if split == "trainval":
        parts = [read(root, split=each, held_out=held_out) for each in ("train", "trainable_val")]
        missing = tuple(line for part in parts for line in part.missing)
        examples = Joined(part.examples for part in parts)
        return DataSet(
            name=NAME, split=split, kind=KIND, examples=examples, missing=missing, vqa_rules=True
        )
    part = _PUBLISHED[split]
    file = _file(root, _questions(part))
    asked = field(load_json(file), "questions", list, where=str(file))
    if split in ("trainable_val", "rest_val"):
        kept = held_out_images(
            (field(q, "image_id", int, where=file.name) for q in asked), held_out
        )
        asked = [q for q in asked if (q["image_id"] in kept) is (split == "rest_val")]
    folder = _pictures(root, part.replace("-dev", ""))
    missing = [] if folder.is_dir() else [f"the folder of pictures {folder}"]
    answered = {} if part.startswith("test") else _annotations(root, part, missing)
    examples = Questions(asked, answered, folder=folder, where=file.name)
    if answered and (without := sum(q["question_id"] not in answered for q in asked)):
        missing.append(f"the annotations of {without:,} questions of {file.name}")
    return DataSet(
        name=NAME,
        split=split,
        kind=KIND,
        examples=examples,
        missing=tuple(missing),
        vqa_rules=True,
    )


def held_out_images(images: Iterable[int], count: int = HELD_OUT) -> frozenset[int]:
    """The ``count`` pictures that no training sees, chosen as if by chance but always the same."""
    return frozenset(
        sorted(set(images), key=lambda i: hashlib.sha256(str(i).encode()).digest())[:count]
    )


def answer_list(
    examples: Iterable[QuestionExample],
    *,
    normalise: Callable[[str], str],
    at_least: int = 9,
) -> tuple[str, ...]:
    """The answers that a classifier chooses from: 3,129 for train and val of VQA v2.

    As published (Teney et al., CVPR 2018; the 2021 code): of every question the answer that most
    gave, normalised, if it is that of ``at_least`` questions; in the order of first appearance, as
    the 2021 code numbers them.

    Args:
        examples: the questions of train, then those of val, the 1,000 pictures that are kept out of
            training among them.
        normalise: spells alike what means the same: ``evaluation.answers.normalise_answer``,
            which leaves nothing of "a": the empty answer is one of the list.
        at_least: how many questions.
    """
    majorities = (_majority(example) for example in examples)
    counts = Counter(normalise(answer) for answer in majorities if answer is not None)
    return tuple(answer for answer, count in counts.items() if count >= at_least)


class Questions(MadeOnDemand[QuestionExample]):
    """The questions of a file: half a million of them in less than 100 MB."""

    def __init__(
        self, asked: list[dict], answered: dict[int, dict], *, folder: Path, where: str
    ) -> None:
        self._folder = folder
        self._ids, self._images, self._questions = array("q"), array("q"), Texts()
        self._known: dict[str | None, int] = {}  # answers and types of question, each kept once
        self._answers, self._ends = array("i"), array("q", [0])
        self._kinds, self._majorities = array("i"), array("i")
        for question in asked:
            self._ids.append(field(question, "question_id", int, where=where))
            self._images.append(field(question, "image_id", int, where=where))
            self._questions.append(field(question, "question", str, where=where).strip())
            found = answered.get(self._ids[-1], {})
            self._answers.extend(self._number(answer) for answer in found.get("answers", ()))
            self._ends.append(len(self._answers))
            self._kinds.append(self._number(found.get("answer_type")))
            self._majorities.append(self._number(found.get("multiple_choice_answer")))
        self._words = tuple(self._known)

    def __len__(self) -> int:
        return len(self._ids)

    def content(self) -> Iterator[bytes | bytearray | memoryview]:
        """Pictures by their numbers, questions and answers: what a digest is made of."""
        yield from self._questions.content()
        for numbers in (self._ids, self._images, self._answers, self._ends, self._majorities):
            yield memoryview(numbers)
        yield repr(self._words).encode("utf-8", "backslashreplace")

    def make(self, index: int) -> QuestionExample:
        """The question at ``index`` with its answers."""
        folder, answers = self._folder, self._answers[self._ends[index] : self._ends[index + 1]]
        return QuestionExample(
            image=ImageFile(folder / f"COCO_{folder.name}_{self._images[index]:012d}.jpg"),
            question=self._questions[index],
            answers=tuple(str(self._words[answer]) for answer in answers),
            id=self._ids[index],
            kind=self._words[self._kinds[index]],
            majority=self._words[self._majorities[index]],
        )

    def _number(self, word: Any) -> int:
        return self._known.setdefault(word if isinstance(word, str) else None, len(self._known))


def _questions(part: str) -> str:
    return f"v2_OpenEnded_mscoco_{part}_questions.json"


def _file(root: Path, name: str) -> Path:
    """In the folder itself, or in annotations/ or questions/ inside it."""
    places = (root / name, root / "annotations" / name, root / "questions" / name)
    return next((place for place in places if place.is_file()), root / name)


def _pictures(root: Path, name: str) -> Path:
    places = (root / name, root / "images" / name, root.parent / "coco" / name)
    return next((place for place in places if place.is_dir()), root / name)


def _annotations(root: Path, part: str, missing: list[str]) -> dict[int, dict]:
    file = _file(root, f"v2_mscoco_{part}_annotations.json")
    if not file.is_file():
        missing.append(f"the answers, {file}")
        return {}
    content = load_json(file, simplify=_answer_to_its_words)
    answered = {}
    for entry in field(content, "annotations", list, where=str(file)):
        number = field(entry, "question_id", int, where=file.name)
        answers = field(entry, "answers", list, where=file.name)
        if not all(isinstance(answer, str) for answer in answers):
            raise ValueError(f'{file.name}: expected "answer" in each of question {number}')
        answered[number] = entry
    return answered


def _answer_to_its_words(entry: dict) -> Any:
    return sys.intern(entry["answer"]) if isinstance(entry.get("answer"), str) else entry


def _majority(example: QuestionExample) -> str | None:
    if example.majority is not None or not example.answers:
        return example.majority
    return Counter(example.answers).most_common(1)[0][0]
