"""What a reader of a public format hands on: examples whose pictures are opened when needed.

Every reader (coco.py, vqav2.py, ...) gives a :class:`DataSet` of one of three kinds of example, so
that training and evaluation know no format.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from vilt_core.data.image import open_image

KINDS = ("captions", "questions", "statements")


@dataclass(frozen=True, slots=True)
class ImageFile:
    """A picture in a file of its own."""

    path: Path

    @property
    def name(self) -> str:
        """Where it is, for a person."""
        return str(self.path)

    def open(self) -> Image.Image:
        """Decode it, RGB and upright.

        Raises:
            ValueError: missing or damaged; the sentence names the file.
        """
        return open_image(self.path)


@dataclass(frozen=True, slots=True)
class ShardImage:
    """A picture inside a tar file, as img2dataset writes them (WebDataset)."""

    shard: Path
    key: str
    start: int  # of its bytes within the shard
    size: int  # in bytes

    @property
    def name(self) -> str:
        """Where it is, for a person."""
        return f"{self.shard}/{self.key}"

    def open(self) -> Image.Image:
        """Decode it, RGB and upright.

        Raises:
            ValueError: damaged; the sentence names the shard and the key.
            OSError: the shard itself is gone.
        """
        try:
            return open_image(read_part(self.shard, start=self.start, size=self.size))
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}") from error


StoredImage = ImageFile | ShardImage


class Uncaptioned(ValueError):
    """A sample that is there and has no caption: nothing is damaged, nothing is to be learned."""


def read_part(shard: Path, *, start: int, size: int) -> bytes:
    """The ``size`` bytes of a file from ``start`` on.

    Raises:
        OSError: the file is gone, or cannot be read.
    """
    try:
        with shard.open("rb") as file:
            file.seek(start)
            return file.read(size)
    except OSError as error:
        raise OSError(f"the shard {shard} cannot be read any more: {error.strerror}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionExample:
    """A picture with what people say of it."""

    image: StoredImage
    captions: tuple[str, ...]
    id: str  # of the picture


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionExample:
    """A question about a picture, answered by one person or by several."""

    image: StoredImage
    question: str
    answers: tuple[str, ...]  # as they were given; none where the answers are kept secret
    id: int | str | None  # of the question, as the data set writes it, if it does
    kind: str | None = None  # "yes/no", "number", "other" or what the data set calls it
    majority: str | None = None  # the answer that most gave, where the data set says it


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementExample:
    """A statement about two pictures, or about one, that is true or false."""

    images: tuple[StoredImage, ...]
    statement: str
    label: bool | None  # None where it is kept secret
    id: int | str | None  # as the data set writes it, if it does
    group: str  # statements of one group count together in NLVR2's consistency


Example = CaptionExample | QuestionExample | StatementExample

if TYPE_CHECKING:
    Examples = Sequence[Example]
else:
    Examples = Sequence  # tests check annotations, and would read an example of a shard to do so


def pictures_of(example: Example) -> tuple[StoredImage, ...]:
    """The pictures that an example is about: two or one of a statement, one of any other."""
    return example.images if isinstance(example, StatementExample) else (example.image,)


def texts_of(example: Example) -> tuple[str, ...]:
    """What is said of an example's pictures: captions, a question or a statement."""
    match example:
        case CaptionExample():
            return example.captions
        case QuestionExample():
            return (example.question,)
        case StatementExample():
            return (example.statement,)


def is_secret(example: Example) -> bool:
    """Whether nobody tells its answer or its label; a caption is true of its picture."""
    if isinstance(example, QuestionExample):
        return not example.answers
    return isinstance(example, StatementExample) and example.label is None


def folded(text: str) -> str:
    """What a text says, whatever its case and white space."""
    return " ".join(text.lower().split())


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """Examples of one kind, in the order of their files.

    Pictures are found when they are opened, and examples in shards when they are asked for: both
    raise ValueError where one is missing or damaged, and OSError where a whole shard is gone.
    """

    name: str  # "coco", "vqav2", ...
    split: str  # "train", "val", "test", or another that the reader names
    kind: str  # of KINDS
    examples: Examples
    missing: tuple[str, ...] = ()  # what could not be found, a sentence each
    # Of questions: whether answers are compared as VQA v2's evaluator does ("Two." is "2"), or by
    # their letters, whatever their case and white space.
    vqa_rules: bool = False
    # Of captions: whether one is right of its own picture alone, also where another picture has one
    # of the same words: the published protocol.
    own_alone: bool = False


def secret_places(data: DataSet) -> list[int]:
    """Where in a data set the examples are whose truth is secret."""
    return [at for at, example in enumerate(data.examples) if is_secret(example)]
