"""What docs/architecture.md says is so: its picture, its way through the model, its table."""

import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| .* \| `(vilt_core/[\w/]+\.py)` \| (.+) \|$", TEXT, re.MULTILINE)


@pytest.fixture(scope="module")
def script():
    """scripts/architecture.py as a module."""
    spec = importlib.util.spec_from_file_location(
        "architecture", ROOT / "scripts" / "architecture.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["architecture"] = module
    spec.loader.exec_module(module)
    return module


def test_the_picture_is_that_of_the_contract(script):
    assert (ROOT / "docs" / "architecture.svg").read_text(encoding="utf-8") == script.drawing()


def test_the_picture_has_every_package_in_one_group(script):
    drawn = [name for row in script.rows() for name in row]
    packages = {path.parent.name for path in ROOT.glob("vilt_core/*/__init__.py")}
    modules = {path.stem for path in ROOT.glob("vilt_core/*.py")} - {"__init__"}
    assert set(drawn) == packages | modules | {"app", "notebooks"}
    grouped = [name for _, _, names in script.GROUPS for name in names]
    assert grouped == [row[0] for row in script.rows()]


def test_the_way_through_the_model_is_what_it_does(monkeypatch):
    [code] = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    monkeypatch.chdir(ROOT)
    names: dict = {}
    exec(compile(code, "architecture.md", "exec"), names)
    lab, question = names["lab"], "what is above the camel?"
    assert names["answer"] == lab.answer("docs/scene.png", question)[0].text
    plan = lab.align("docs/scene.png", question).plan
    np.testing.assert_allclose(names["plan"][0].numpy(), plan, atol=1e-6)


@pytest.mark.parametrize(("file", "named"), ROWS, ids=[named for _, named in ROWS])
def test_every_equation_is_where_the_table_says(file, named):
    code = (ROOT / file).read_text(encoding="utf-8")
    for name in re.findall(r"`(\w+)`", named):
        assert re.search(rf"^(?:def|class) {name}\b", code, re.MULTILINE), name


def test_the_table_has_all_six_equations():
    told = " ".join(re.findall(r"^\| (equations? [\d to]+)", TEXT, re.MULTILINE))
    assert all(str(number) in told for number in range(1, 7))
