"""What went wrong becomes one sentence, wherever it did."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr
from anyio import to_thread
from fastapi import Request
from fastapi.responses import JSONResponse
from gradio.block_function import BlockFunction
from gradio.processing_utils import check_all_files_in_cache

from app import errands, importing, waiting

_LOG = logging.getLogger(__name__)
_BOUNDS = re.compile(r"Value \S{1,30} is (less|greater) than (minimum|maximum) value \S{1,30}\.")
_NAMED = 8  # inputs of an event, in the sentence on what does not fit
OURS = (
    "Something went wrong on this server, not with you: it was written down there. "
    "Nothing is lost; try again, or something else."
)


BUSY = "Too many are waiting here already: try again in a moment."


async def busy(_: Request, error: Exception) -> JSONResponse:
    """What is answered where there is no room to wait."""
    said = getattr(error, "detail", "")
    full = str(said).startswith("Queue is full")
    return JSONResponse({"detail": BUSY if full else said}, status_code=503)


async def sorry(_: Request, error: Exception) -> JSONResponse:
    """What is answered where Gradio itself failed: no such event, for one."""
    _LOG.info("a request failed: %r", error)
    return JSONResponse({"detail": OURS}, status_code=500)


class Door(gr.Blocks):
    """A page whose every event is answered, if not by a result then by one sentence.

    Whoever calls over the wire may send anything to any event, also to those that the page alone
    is meant to use. What is no input of the event is refused here, and an error that nobody foresaw
    goes to the log, with its traceback, instead of to the caller.
    """

    async def preprocess_data(
        self, block_fn: BlockFunction, inputs: list[Any], *args: Any, **kwargs: Any
    ) -> list[Any]:
        """What was sent, as the event's function takes it; no file but an uploaded one.

        Raises:
            gr.Error: it does not fit the components that it is for.
        """
        if errands.addresses(inputs) > errands.AT_ONCE:
            raise gr.Error(
                f"At most {errands.AT_ONCE} files are fetched from addresses at once.",
                print_exception=False,
            )
        try:
            for sent in inputs:  # Gradio looks at those alone that say they are files
                check_all_files_in_cache(sent)
            return await super().preprocess_data(block_fn, inputs, *args, **kwargs)
        except errands.FetchError as error:
            raise gr.Error(str(error), print_exception=False) from error
        except Exception as error:
            _LOG.info("refused what came for %s: %s", block_fn.name, error)
            said = getattr(error, "message", "")
            told = said if _BOUNDS.fullmatch(said) else _misfit(block_fn)
            raise gr.Error(told, print_exception=False) from error

    async def process_api(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The answer to one call.

        Raises:
            gr.Error: with one sentence.
        """
        try:
            if not importing.is_here():
                await to_thread.run_sync(importing.library)
            return await super().process_api(*args, **kwargs)
        except gr.Error:
            raise
        except waiting.LeftError as error:
            raise gr.Error("Nobody waits for this any more.", print_exception=False) from error
        except Exception as error:
            _LOG.exception("an event failed")
            raise gr.Error(OURS, print_exception=False) from error


def _misfit(block_fn: BlockFunction) -> str:
    names = [getattr(block, "label", None) or block.get_block_name() for block in block_fn.inputs]
    told = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
    wanted = f"{len(names)} values ({told})" if names else "no values"
    return f"What was sent does not fit: expected {wanted}, each of its own kind."


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
