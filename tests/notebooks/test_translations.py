"""Laws of the translated course: the same code, the same numbers and pictures, other words."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "notebooks"
LANGUAGES = ["ja", "zh"]
TRANSLATED = sorted(FOLDER.glob("[a-z][a-z]/[0-9][0-9]-*.py"))
SCRIPT = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
NAMES = [f"{path.parent.name}/{path.name[:2]}" for path in TRANSLATED]
every = pytest.mark.parametrize("source", TRANSLATED, ids=NAMES)
in_each = pytest.mark.parametrize("language", LANGUAGES)


def english(source: Path) -> Path:
    return FOLDER / source.name


def numbers(text: str) -> list[str]:
    return re.findall(r"\d+(?:\.\d+)?", text)


def same_but_for_words(code: str, other: str) -> bool:
    """Whether a translation runs the English code, where only strings in its script may differ."""
    mine, theirs = ast.parse(code), ast.parse(other)
    for here, there in zip(ast.walk(mine), ast.walk(theirs), strict=False):
        if translated(here) and isinstance(there, ast.Constant) and isinstance(there.value, str):
            there.value = translated(here)
    return ast.dump(mine) == ast.dump(theirs)


def translated(node: ast.AST) -> str:
    """The words of a piece of code that is a string in another script; of any other, none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value if SCRIPT.search(node.value) else ""
    return ""


def words_in(code: str) -> list[str]:
    """The translated strings of a cell that it puts on the page."""
    tree = ast.parse(code)
    told = {
        ast.get_docstring(node, clean=False)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    }
    words = [translated(node) for node in ast.walk(tree)]
    return [word for word in words if word and word not in told]


def test_both_languages_have_the_first_notebook_and_the_guide():
    assert [path.parent.name for path in TRANSLATED if path.name[:2] == "01"] == LANGUAGES
    assert all((FOLDER / language / "README.md").is_file() for language in LANGUAGES)


def test_what_counts_as_the_same_code():
    code = 'print("shape", x, "- that is")'
    assert same_but_for_words('print("形状", x, "- 也就是")  # 注', code)
    assert not same_but_for_words('print("forme", x, "- that is")', code)
    assert not same_but_for_words('print("形状", y, "- 也就是")', code)
    assert not same_but_for_words('print("形状", x)', code)
    assert not same_but_for_words('print("形状", x, "- 也就是", x)', code)


@every
def test_the_code_is_that_of_the_english_one(course, source):
    mine, theirs = course.read(source), course.read(english(source))
    assert [cell.cell_type for cell in mine.cells] == [cell.cell_type for cell in theirs.cells]
    for here, there in zip(mine.cells, theirs.cells, strict=True):
        if here.cell_type == "code":
            assert same_but_for_words(here.source, there.source), here.source
        else:
            assert SCRIPT.search(here.source)
    solved, solutions = course.solutions(mine), course.solutions(theirs)
    assert list(solved) == list(solutions)
    assert all(same_but_for_words(solved[name], solutions[name]) for name in solved)


@every
def test_its_pages_show_what_the_english_ones_show(course, source):
    """The English page is what a run gives: the same code gives the same numbers and pictures."""
    mine, theirs = (
        nbformat.read(course.page_of(path), as_version=4) for path in (source, english(source))
    )
    for here, there in zip(mine.cells, theirs.cells, strict=True):
        if here.cell_type != "code":
            continue
        page = ""
        for one, other in zip(here.outputs, there.outputs, strict=True):
            assert one.output_type == other.output_type
            if one.output_type == "stream":
                assert numbers(one.text) == numbers(other.text)
                page += one.text
                continue
            assert set(one.data) == set(other.data)
            assert course.alike_pictures(one.data["image/png"], other.data["image/png"])
            assert one.metadata["image/png"]["alt"] == one.data["text/plain"]
            page += one.data["text/plain"]
        assert [said for said in words_in(here.source) if said not in page] == []


@every
def test_equations_numbers_and_links_are_those_of_the_english_one(course, source):
    def texts(path):
        return [cell.source for cell in course.read(path).cells if cell.cell_type == "markdown"]

    def formulas(text):
        return re.findall(r"\$\$(.*?)\$\$|\$([^$]+)\$", re.sub(r"\\text{.*?}", "", text), re.DOTALL)

    for here, there in zip(texts(source), texts(english(source)), strict=True):
        assert formulas(here) == formulas(there)
        assert re.findall(r"`([^`\n]+)`", here) == re.findall(r"`([^`\n]+)`", there)
        assert re.findall(r"\*\*(\d+\.\d+)\*\*", here) == re.findall(r"\*\*(\d+\.\d+)\*\*", there)
        assert re.findall(r"\((http[^)]+)\)", here) == re.findall(r"\((http[^)]+)\)", there)


@in_each
def test_the_guide_has_the_sections_the_notebooks_and_the_quiz(language):
    guide, original = (
        (folder / "README.md").read_text(encoding="utf-8") for folder in (FOLDER / language, FOLDER)
    )
    assert len(re.findall(r"^## ", guide, re.MULTILINE)) == len(
        re.findall(r"^## ", original, re.MULTILINE)
    )
    linked = re.findall(r"\]\(((?!http)[^)#]+)\)", guide)
    assert [path for path in linked if not (FOLDER / language / path).exists()] == []
    listed = {Path(path).name for path in linked if path.endswith(".ipynb")}
    assert listed >= set(re.findall(r"\(([0-9]{2}-[\w-]+\.ipynb)\)", original))
    quiz, answers = re.split(r"<details>", guide)[0], re.split(r"<details>", guide)[-1]
    asked = len(re.findall(r"^\d+\. ", quiz, re.MULTILINE))
    assert asked == len(re.findall(r"^\d+\. ", answers, re.MULTILINE)) >= 11
    commands = re.findall(r"^    \.venv.*?(?=  |$)", original, re.MULTILINE)
    assert len(commands) == 2
    assert [command for command in commands if command not in guide] == []


def cited(guide: str) -> list[str]:
    """The exercises that a guide names before its quiz, such as 8.4."""
    return re.findall(r"(?<![\d.])\d{1,2}\.[1-5](?![\d.]|(?: | ?)%)", guide.split("<details>")[0])


@in_each
def test_the_guide_cites_the_same_exercises_tabs_and_code(language):
    guide, original = (
        (folder / "README.md").read_text(encoding="utf-8") for folder in (FOLDER / language, FOLDER)
    )
    assert cited(guide) == cited(original)
    for kind in (r"\*([A-Z]\w+)\*", r"`([^`\n]+)`"):
        found, wanted = (set(re.findall(kind, text)) for text in (guide, original))
        assert wanted <= found
