"""What is asked in a data set as one number: whether two of them are the same to learn from.

Texts, answers, labels and the names of pictures, in their order. No picture is read: five million
phrases take a second. Of shards, whose texts lie among their pictures, the names and sizes of the
files stand for what is in them.
"""

import hashlib
from collections.abc import Iterator

from vilt_core.data.examples import (
    CaptionExample,
    Example,
    Examples,
    ImageFile,
    QuestionExample,
    StoredImage,
)
from vilt_core.data.sequences import Joined

_NAMED = 2  # parts of a path that name a picture: the data may lie elsewhere tomorrow


def digest(examples: Examples) -> str:
    """Of what all examples ask, in hexadecimal; another where a letter of it is another."""
    found = hashlib.sha256()
    for part in _content(examples):
        found.update(part)
    return found.hexdigest()


def _content(examples: Examples) -> Iterator[bytes | bytearray | memoryview]:
    own = getattr(examples, "content", None)
    if isinstance(examples, Joined):
        for part in examples.parts:
            yield f"{len(part)} examples".encode()
            yield from _content(part)
    elif own is not None:
        yield from own()
    else:
        for example in examples:
            yield repr(_asked(example)).encode("utf-8", "backslashreplace")


def _asked(example: Example) -> tuple:
    """The pictures by their names, the texts, and the truth."""
    match example:
        case CaptionExample():
            return _name(example.image), example.captions
        case QuestionExample():
            return _name(example.image), example.question, example.answers, example.majority
        case _:
            return tuple(map(_name, example.images)), example.statement, example.label


def _name(image: StoredImage) -> str:
    return "/".join(image.path.parts[-_NAMED:]) if isinstance(image, ImageFile) else image.key
