"""What a user did wrong becomes one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr


@contextmanager
def polite() -> Iterator[None]:
    """Turn the library's ValueError into what an endpoint answers.

    A program reads it, as it is: the page calls no endpoint, and escapes what its own tabs say.

    Raises:
        gr.Error: with the same sentence, in plain text.
    """
    try:
        yield
    except ValueError as error:
        raise gr.Error(sentence(error), print_exception=False) from error


def sentence(error: ValueError) -> str:
    """The error's words with a capital and a full stop."""
    return as_sentence(str(error))


def as_sentence(words: str) -> str:
    """The same of words; an address or a path keeps its first letter."""
    words = words.strip()
    first = words.split(maxsplit=1)[0] if words else ""
    start = words[:1] if "/" in first else words[:1].upper()
    return start + words[1:] + ("" if words.endswith((".", "!", "?")) else ".")
