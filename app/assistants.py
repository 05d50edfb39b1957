"""What Gradio's MCP server lacks for assistants: arguments that are lists of files.

It takes a picture as an address or as a ``data:`` URL and makes a file of it, but leaves those of a
list as words, because it looks for them at the place that the schema names, "items".
"""

from typing import Any

import gradio as gr
from gradio.data_classes import FileData
from gradio.mcp import GradioMCPServer

_converted = GradioMCPServer.convert_strings_to_filedata
Places = list[list[str | int]]  # of files among the arguments, as Gradio's schema has them


def every_file(arguments: dict[str, Any], places: Places) -> Places:
    """The places of files, with one for each file of a list.

    Args:
        arguments: of a call.
        places: of files in the schema; those in a list end in "items".
    """
    found = list(places)
    for place in places:
        files = arguments.get(str(place[0])) if place[1:] == ["items"] else None
        if isinstance(files, list):
            found += [[place[0], at] for at in range(len(files))]
    return found


def _with_lists(server: GradioMCPServer, value: Any, filedata_positions: Places) -> Any:
    return _converted(server, value, every_file(value, filedata_positions))


def take_lists() -> None:
    """Let Gradio make files of those in a list as well."""
    GradioMCPServer.convert_strings_to_filedata = _with_lists


def pictures_box() -> gr.File:
    """Several files, whose schema says all in one place: MCP clients stumble over references."""
    box, schema = (
        gr.File(None, label="pictures", file_count="multiple"),
        FileData.model_json_schema(),
    )
    meta = schema.pop("$defs")["FileDataMeta"]
    schema["properties"]["meta"] = meta
    whole = {"type": "array", "items": schema}
    box.api_info = lambda: whole
    return box
