"""Laws of the course: a saved page is what its source gives, and reads well without a kernel."""

import json
import os
import re
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest

from lesson.checking import exercises

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "notebooks").glob("[0-9][0-9]-*.py"))
NUMBERS = [path.name[:2] for path in SOURCES]
TRANSLATED = sorted((ROOT / "notebooks").glob("[a-z][a-z]/[0-9][0-9]-*.py"))
each = pytest.mark.parametrize("source", SOURCES, ids=NUMBERS)
every = pytest.mark.parametrize(
    "source",
    [*SOURCES, *TRANSLATED],
    ids=[*NUMBERS, *(f"{path.parent.name}/{path.name[:2]}" for path in TRANSLATED)],
)


@pytest.mark.slow
@each
@pytest.mark.filterwarnings("default")  # the notebook's own are in its page, a client's are not
def test_a_run_gives_the_saved_page_and_its_solutions_are_right(course, source, record_property):
    before = course.clocks()
    assert course.check(source) == []
    record_property("course", course.took(before))  # --junitxml keeps it


def test_the_guides_have_the_times_that_the_command_wrote_down(course):
    times = json.loads(course.TIMES.read_text(encoding="utf-8"))
    assert sorted(times) == sorted(map(course.name_of, course.sources()))
    for guide, words in course.GUIDES.items():
        assert course.table(times, words) in guide.read_text(encoding="utf-8")


def test_a_time_is_written_down_and_the_table_renewed(course, tmp_path, monkeypatch):
    guide = tmp_path / "README.md"
    own = tmp_path / "own.md"
    for one in (guide, own):
        one.write_text("before\n\n<!-- times -->\n| old |\n| table |\n\nafter | not a table\n")
    monkeypatch.setattr(course, "TIMES", tmp_path / "times.json")
    words = {guide: ("notebook", "all", "seconds"), own: ("笔记本", "合计", "秒")}
    monkeypatch.setattr(course, "GUIDES", words)
    for source, seconds in ((SOURCES[1], 7.04), (SOURCES[0], 30.6), (TRANSLATED[0], 9)):
        course.note_time(source, seconds)
    assert json.loads(course.TIMES.read_text()) == {"01": 30.6, "02": 7.0, "ja/01": 9}
    assert guide.read_text() == (
        "before\n\n<!-- times -->\n| notebook | 1 | 2 | all |\n| --- | ---: | ---: | ---: |\n"
        "| seconds | 31 | 7 | 38 |\n\nafter | not a table\n"
    )
    assert "| 笔记本 | 1 | 2 | 合计 |\n| --- | ---: | ---: | ---: |\n| 秒 | 31" in own.read_text()


@every
def test_the_page_has_the_cells_of_its_source(course, source):
    fresh, saved = course.read(source), nbformat.read(course.page_of(source), as_version=4)
    assert [(c.cell_type, c.source) for c in fresh.cells] == [
        (c.cell_type, c.source) for c in saved.cells
    ]
    assert fresh.metadata == saved.metadata


@every
def test_the_page_is_small_and_tells_nothing_of_the_run(course, source):
    page = course.page_of(source).read_text(encoding="utf-8")
    assert len(page) <= course.LARGEST
    for trace in ("iopub", "widget-view", str(ROOT), f"{Path.home()}/"):
        assert trace not in page
    assert not re.search(r"\b0x[0-9a-f]{6,}\b|\b20\d\d-\d\d-\d\d\b|execution_time", page)


@every
def test_every_cell_ran_in_order_and_what_is_turned_or_hovered_leaves_a_picture(course, source):
    saved = nbformat.read(course.page_of(source), as_version=4)
    codes = [cell for cell in saved.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in codes] == list(range(1, len(codes) + 1))
    for cell in codes:
        kinds = [output.get("data", {}) for output in cell.outputs]
        assert all(output.output_type != "error" for output in cell.outputs)
        assert all("image/png" in kind for kind in kinds if kind)
        if re.search(r"^(show|turn)\(", cell.source, re.MULTILINE):
            assert any(kinds)
            assert all(
                output.metadata["image/png"]["alt"] for output in cell.outputs if output.get("data")
            )


@each
def test_it_opens_with_a_question_and_closes_with_checked_exercises(course, source):
    notebook = course.read(source)
    opening = notebook.cells[0].source
    assert opening.startswith(f"# {int(source.name[:2])}. ")
    assert "**The question.**" in opening
    assert re.search(r"\| time \| (20|25|30|35|40|45) minutes \|", opening)
    asked = course.exercises(notebook)
    assert 3 <= len(asked) <= 5
    assert asked == sorted(course.solutions(notebook)) == exercises(source.name[:2])


@each
def test_its_cells_are_short(course, source):
    """Nine of ten fit a student's eye at once; the rest are imports and a few longer figures."""
    cells = course.read(source).cells[2:]  # without the opening and the one that fetches the lab
    lines = sorted(c.source.count("\n") + 1 for c in cells if c.cell_type == "code")
    assert len(lines) <= 25
    assert lines[len(lines) // 2] <= 12
    assert sum(count > 15 for count in lines) <= len(lines) // 10, lines
    assert lines[-1] <= 28


@every
def test_its_links_lead_somewhere(course, source):
    text = "".join(c.source for c in course.read(source).cells if c.cell_type == "markdown")
    linked = re.findall(r"\]\(((?!http)[^)#]+)\)", text)
    assert [path for path in linked if not (source.parent / path).exists()] == []


def test_each_leads_to_the_next_one(course):
    for source, following in pairwise(SOURCES):
        page = course.page_of(following).name
        closing = course.read(source).cells[-1].source.split("**Next:**")[1]
        title = re.escape(f"[{int(following.name[:2])}. ")
        assert re.match(rf"\s+{title}[^]]+\]\({re.escape(page)}\)", closing), source.name
    assert "**Next:**" not in course.read(SOURCES[-1]).cells[-1].source


def test_all_begin_with_the_same_cell(course):
    assert len({course.read(source).cells[1].source for source in SOURCES}) == 1


def test_the_first_cell_fetches_the_lab_where_it_is_not(course, tmp_path):
    """In a bare folder: what it would run is written down instead of run."""
    cell = course.read(SOURCES[0]).cells[1].source
    before = f"""
import json, os, subprocess, sys
sys.path = [at for at in sys.path if "site-packages" not in at]
sys.meta_path = [one for one in sys.meta_path if "editable" not in str(one)]
def run(command, check):
    with open("ran.jsonl", "a") as ran:
        print(json.dumps(command), file=ran)
    if command[0] == "git":
        os.symlink({str(ROOT)!r}, command[-1])
    if "pip" in command:
        sys.path += {[at for at in sys.path if "site-packages" in at]!r}
subprocess.run = run
"""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment["VILT_LAB_REPOSITORY"] = "https://example.org/lab.git"
    code = before + cell + "\nimport lesson; print(vilt_core.__file__)"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == str(tmp_path / "vilt-lab" / "vilt_core" / "__init__.py")
    clone, install = map(json.loads, (tmp_path / "ran.jsonl").read_text().splitlines())
    assert clone[:2] == ["git", "clone"]
    assert clone[-2] == "https://example.org/lab.git"
    assert install[1:4] == ["-m", "pip", "install"]
    assert install[-2:] == ["--editable", str(tmp_path / "vilt-lab")]
    # What notebooks import and the lab alone does not bring, as wide as the extra has it.
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    course_needs = extra["optional-dependencies"]["course"]
    [transformers] = [need for need in course_needs if need.startswith("transformers")]
    assert transformers in install
    assert any(need.startswith("ipywidgets") for need in install)


def test_the_first_cell_does_nothing_where_the_lab_is(course, tmp_path):
    code = "import subprocess; subprocess.run = None\n" + course.read(SOURCES[0]).cells[1].source
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, "-c", code + "\nimport lesson"], cwd=tmp_path, env=environment, check=False
    )
    assert ran.returncode == 0
