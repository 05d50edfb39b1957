import base64
import json
from pathlib import Path
from typing import Any

import pytest
from gradio.mcp import GradioMCPServer
from mcp import types

from app.assistants import LARGEST, MOST_PICTURES, as_json, pictures_box, with_files

SERVER: Any = None  # nothing is asked of it
PLACES: list[list[str | int]] = [["image"], ["pictures", "items"]]
DOT = "data:image/png;base64," + base64.b64encode(b"a picture").decode()


def test_every_file_becomes_one_in_lists_as_well():
    sent = {"image": DOT, "pictures": [DOT, "https://example.org/a.png"], "text": DOT}
    found = with_files(SERVER, sent, PLACES)
    assert Path(found["image"]["path"]).read_bytes() == b"a picture"
    assert [one["meta"]["_type"] for one in found["pictures"]] == ["gradio.FileData"] * 2
    assert found["pictures"][1]["path"] == "https://example.org/a.png"
    assert found["text"] == DOT  # no file is asked for there


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"pictures": ["docs/scene.png"]}, "Invalid file data format"),
        ({"image": "data:," + "x" * (2 * LARGEST)}, "at most 30 MB"),
        ({"pictures": ["data:," + "x" * (2 * LARGEST)]}, "at most 30 MB"),
        ({"pictures": [DOT] * (MOST_PICTURES + 1)}, "at most 1,000 files"),
    ],
)
def test_what_is_no_file_or_too_much_is_refused_in_one_sentence(sent, said):
    with pytest.raises(ValueError, match=said):
        with_files(SERVER, sent, PLACES)


@pytest.mark.parametrize("sent", [{}, {"pictures": None}, {"image": None}, {"image": {"a": 1}}])
def test_what_is_no_address_stays_as_it_is(sent):
    assert with_files(SERVER, sent, PLACES) == sent


@pytest.mark.parametrize(
    "result",
    [
        {"answers": [{"text": 'it\'s "a" ☂', "probability": 0.5}], "truth": None},
        ["a cat", None, 1e-7],
        {"url": None, "path": 3},
    ],
)
def test_a_result_is_told_as_json(result):
    server = object.__new__(GradioMCPServer)
    server.types = types
    [told] = as_json(server, [result], "http://127.0.0.1")
    assert json.loads(told.text) == result


def test_what_is_a_file_or_words_is_told_as_gradio_tells_it(tmp_path):
    server = object.__new__(GradioMCPServer)
    server.types = types
    note = tmp_path / "note.txt"
    note.write_text("a note")
    file = {"path": str(note), "url": "http://a.b/note.txt", "meta": {"_type": "gradio.FileData"}}
    told = as_json(server, [file, "a cat"], "http://127.0.0.1")
    assert [one.text for one in told] == ["http://a.b/note.txt", "a cat"]


def test_the_box_of_pictures_says_all_in_one_place():
    schema = pictures_box().api_info()
    assert "$ref" not in str(schema)
    assert (
        schema["items"]["properties"]["meta"]["properties"]["_type"]["const"] == "gradio.FileData"
    )
