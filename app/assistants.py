"""What Gradio's MCP server lacks for assistants: arguments that are lists of files, and JSON.

It takes a picture as an address or as a ``data:`` URL and makes a file of it, but leaves those of a
list as words, because it looks for them at the place that the schema names, "items". And it tells a
result as Python writes it, which other languages cannot read.
"""

import json
from collections.abc import Sequence
from typing import Any

import gradio as gr
from gradio.data_classes import FileData
from gradio.mcp import GradioMCPServer
from gradio_client.utils import is_file_obj_with_meta

from app.errands import LARGEST
from app.galleries import MOST_PICTURES

Places = list[list[str | int]]  # of files among the arguments, as Gradio's schema has them
_convert = GradioMCPServer.convert_strings_to_filedata
_told = GradioMCPServer.postprocess_output_data
_LONGEST = LARGEST * 4 // 3 + 100  # letters of a file as a ``data:`` URL


def checked(sent: Any) -> Any:
    """What was sent as a file, unless it holds more than a file may.

    Raises:
        ValueError: it does.
    """
    if isinstance(sent, str) and len(sent) > _LONGEST:
        raise ValueError(f"a file holds at most {LARGEST // 2**20} MB")
    return sent


def with_files(self: GradioMCPServer, value: dict[str, Any], filedata_positions: Places) -> Any:
    """The arguments of a call, with files in place of their addresses, in lists as well.

    Args:
        self: Gradio's server.
        value: the arguments.
        filedata_positions: of files in the schema; those in a list end in "items".

    Raises:
        ValueError: a file that is none, one too large, or too many.
    """
    found = dict(value)
    for name, *rest in filedata_positions:
        sent = found.get(str(name))
        if rest == ["items"] and isinstance(sent, list):
            if len(sent) > MOST_PICTURES:
                raise ValueError(f"at most {MOST_PICTURES:,} files are taken, got {len(sent):,}")
            found[str(name)] = [
                _convert(self, {"file": checked(one)}, [["file"]])["file"] for one in sent
            ]
        else:
            checked(sent)
    return _convert(self, found, filedata_positions)


def as_json(self: GradioMCPServer, data: Sequence[Any], root_url: str) -> list[Any]:
    """The results of a call as content: lists and objects as JSON, files as Gradio tells them.

    Args:
        self: Gradio's server.
        data: the results.
        root_url: where the app is.
    """
    return _told(self, [_written(self, one) for one in data], root_url)


def _written(server: GradioMCPServer, result: Any) -> Any:
    plain = isinstance(result, dict | list) and not is_file_obj_with_meta(result)
    if not plain or server.get_svg(result):
        return result
    return json.dumps(result, ensure_ascii=False)


def amend() -> None:
    """Let Gradio make files of those in a list as well, and tell results as JSON."""
    GradioMCPServer.convert_strings_to_filedata = with_files
    GradioMCPServer.postprocess_output_data = as_json


def pictures_box() -> gr.File:
    """Several files, whose schema says all in one place: MCP clients stumble over references."""
    box = gr.File(None, label="pictures", file_count="multiple")
    schema = FileData.model_json_schema()
    schema["properties"]["meta"] = schema.pop("$defs")["FileDataMeta"]
    whole = {"type": "array", "items": schema}
    box.api_info = lambda: whole
    return box
