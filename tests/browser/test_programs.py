"""The examples of docs/programs.md do what they say, against the app as people start it."""

import json
import re
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "programs.md").read_text(encoding="utf-8")
PYTHON, ASSISTANT = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
NAMES = ["answer", "match", "fill", "compare", "align", "retrieve"]


@pytest.fixture(scope="module")
def address(serve):
    with serve(GRADIO_MCP_SERVER="True") as url:
        yield url


def run(code: str, address: str, monkeypatch, names: dict | None = None) -> dict:
    """The names that code leaves behind, in those that it begins with."""
    monkeypatch.chdir(ROOT)
    names = {} if names is None else names
    code = code.replace("http://127.0.0.1:7860/", address)
    exec(compile(code, "programs.md", "exec"), names)
    return names


def test_every_endpoint_is_told_of():
    assert re.findall(r"^\| `/(\w+)`", TEXT, flags=re.MULTILINE) == NAMES
    assert all(f'api_name="/{name}"' in PYTHON for name in NAMES)


def test_a_program_asks_in_python(address, monkeypatch):
    steps = PYTHON.split("\n\n")
    names, told = run("\n\n".join(steps[:2]), address, monkeypatch), {}
    for name in NAMES:
        part = next(step for step in steps if f"/{name}" in step)
        told[name] = run(part, address, monkeypatch, names).pop("found")
    assert told["answer"]["answers"][0]["text"] == "fox"
    yes, no = told["match"]["probabilities"]
    assert 1 > yes > no > 0
    assert all(0 <= one["probability"] <= 1 for one in told["fill"]["masks"][0])
    assert told["compare"]["probability"] > 0.5
    assert [word["text"] for word in told["align"]["words"]] == ["a", "fox", "above", "a", "camel"]
    assert told["align"]["grid"] == [8, 8]
    assert [(one["name"], one["place"]) for one in told["retrieve"]["hits"]] == [("scene.png", 0)]


def test_an_assistant_calls_every_tool(address, monkeypatch):
    told = run(ASSISTANT, address, monkeypatch)["found"]
    assert set(told) == set(NAMES)
    assert told["answer"]["answers"][0]["text"] == "fox"
    yes, no = told["match"]["probabilities"]
    assert 1 > yes > no > 0
    assert len(told["fill"]["masks"][0]) == 3
    assert told["compare"]["probability"] > 0.5
    assert [word["text"] for word in told["align"]["words"]] == ["a", "fox", "above", "a", "camel"]
    assert [one["place"] for one in told["retrieve"]["hits"]] == [0]


def test_tools_say_what_they_take(address):
    with urllib.request.urlopen(f"{address}gradio_api/mcp/schema") as answer:
        tools = {tool["name"]: tool for tool in json.load(answer)}
    assert set(tools) == set(NAMES)
    for tool in tools.values():
        assert "$ref" not in json.dumps(tool)  # clients look for it in the wrong place
        properties = tool["inputSchema"]["properties"]
        assert all(one["description"] for one in properties.values())
