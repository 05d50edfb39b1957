"""The cheap parts of the rehearsal of a Space; the whole is ``python scripts/space.py``."""

import importlib.util
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from app.models import photographs

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def space():
    spec = importlib.util.spec_from_file_location("space", ROOT / "scripts" / "space.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["space"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def front(space):
    return space.front_matter(README)


def test_the_space_starts_this_app_with_the_gradio_that_was_tested(front):
    assert (ROOT / front["app_file"]).is_file()
    assert front["sdk"] == "gradio"
    assert front["sdk_version"] == version("gradio")
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    needed = {found.name: found for found in map(Requirement, lines)}
    assert front["sdk_version"] in needed["gradio"].specifier
    assert front["python_version"] == "3.11"


def test_its_settings_are_such_as_the_hub_takes(front):
    assert len(front["short_description"]) <= 60  # the Hub refuses longer ones
    colors = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {front["colorFrom"], front["colorTo"]} <= colors
    assert front["suggested_hardware"] == "cpu-basic"
    for item in front["preload_from_hub"]:  # "owner/name", perhaps files of it, perhaps a commit
        assert re.fullmatch(r"[\w.-]+/[\w.-]+( [\w./-]+(,[\w./-]+)*( [0-9a-f]{40})?)?", item)


def test_what_is_fetched_while_it_is_built_is_what_the_page_offers(front):
    offered = {checkpoint.source for checkpoint in photographs().checkpoints.values()}
    assert set(front["preload_from_hub"]) == set(front["models"]) == offered


def test_settings_are_read(space):
    read = space.front_matter('---\na: b\nc: "3.11"\nd:\n  - x y,z\n  - w\n---\ntext\n---\n')
    assert read == {"a": "b", "c": "3.11", "d": ["x y,z", "w"]}
    with pytest.raises(ValueError, match="between two ---"):
        space.front_matter("# no settings")


def test_what_is_written_elsewhere_is_told(space):
    tried = "/home/a/x\n/tmp/y\n/dev/null\n/code/z\n/code/z\n/code/__pycache__/q\n/homes/b\n"
    assert space.elsewhere(tried, Path("/home/a"), Path("/tmp")) == ("/code/z", "/homes/b")


@pytest.mark.parametrize(
    ("changed", "well"),
    [
        ({}, True),
        ({"said": "cat"}, False),
        ({"tried": ("/code/x",)}, False),
        ({"log": "Traceback (most recent call last):\nKeyError: 1\n"}, False),
    ],
)
def test_all_is_well_or_it_is_told(space, capsys, changed, well):
    forgotten = (
        "Exception ignored in: <function BaseEventLoop.__del__ at 0x7f>\n"
        "Traceback (most recent call last):\nValueError: Invalid file descriptor: -1\n"
    )
    known = {"page": 3.0, "answer": 5.0, "said": "fox", "memory": 900.0, "kept": (), "bytes": 0}
    found = space.Found(**(known | {"tried": (), "log": forgotten} | changed))
    assert space.tell(found) is well
    assert found.said in capsys.readouterr().out


def test_the_copy_is_whole_and_nobody_may_write_it(space, tmp_path):
    space.copy_repository(tmp_path / "code")
    for name in ("app.py", "requirements.txt", "assets/models/vilt-mini/model.safetensors"):
        assert (tmp_path / "code" / name).read_bytes() == (ROOT / name).read_bytes()
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "code").rglob("*")}
    assert modes == {0o444, 0o555}
    for path in (tmp_path / "code").rglob("*"):
        if path.is_dir():
            path.chmod(0o755)
    (tmp_path / "code").chmod(0o755)


def test_whoever_writes_is_watched(space, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(space.WATCH)
    home = tmp_path / "home"
    home.mkdir()
    code = (
        "import pathlib, sys; pathlib.Path(sys.argv[1], 'a').mkdir(); "
        "pathlib.Path(sys.argv[1], 'b').write_text('x'); open(sys.argv[1] + '/b').read(); "
        "open(sys.argv[1] + '/c', 'ab').close()"
    )
    env = os.environ | {"PYTHONPATH": str(tmp_path), "WATCHED": str(tmp_path / "log")}
    subprocess.run([sys.executable, "-c", code, str(home)], env=env, check=True)
    seen = (tmp_path / "log").read_text().splitlines()
    assert [path for path in seen if path.startswith(str(home))] == [
        str(home / name) for name in "abc"
    ]
