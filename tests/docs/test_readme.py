"""What the README says is so: its Python runs, its files are there, its Space starts the app."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)


@pytest.mark.parametrize("code", SNIPPETS, ids=[code.splitlines()[0] for code in SNIPPETS])
def test_its_python_runs(code):
    exec(compile(code, "README.md", "exec"), {})


def test_its_words_are_those_of_its_picture():
    from vilt_core.world.scenes import scene

    place = scene(0, 7, split="test")
    fox, camel = sorted(place.objects, key=lambda thing: thing.y)
    assert (fox.noun, camel.noun) == ("fox", "camel")


def test_its_files_are_there():
    linked = re.findall(r"\]\(((?!http)[^)]+)\)", TEXT)
    named = re.findall(r"`((?:assets|benchmarks|docs|scripts|vilt_core)/[\w./-]+\.\w+)`", TEXT)
    missing = {path for path in (*linked, *named) if not (ROOT / path).is_file()}
    assert not missing


def test_its_numbers_were_measured_where_the_card_says():
    card = (ROOT / "assets" / "models" / "vilt-mini" / "card.md").read_text(encoding="utf-8")
    [told] = re.findall(r"Measured on (.*?float32)\.", TEXT, re.DOTALL)
    assert f" on {' '.join(told.split())}." in card


def test_every_dependency_is_justified():
    needed = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    names = [re.split(r"[\[<>=!~]", line)[0] for line in needed if line]
    reasons = TEXT.split("## Why each dependency")[1].split("##")[0]
    assert [name for name in names if name not in reasons] == []


def test_how_to_cite_is_one_thing_in_two_places():
    import tomllib

    import yaml

    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (cited["version"], cited["license"]) == (project["version"], project["license"])
    [paper] = cited["references"]
    names = " and ".join(f"{one['family-names']}, {one['given-names']}" for one in paper["authors"])
    pages = f"{paper['start']}--{paper['end']}"
    for value in (paper["title"], names, str(paper["volume"]), pages, paper["url"]):
        assert f"{{{value}}}" in TEXT


def test_licences_are_those_that_lie_beside_the_art():
    told = (ROOT / "assets" / "sprites" / "LICENSES.md").read_text(encoding="utf-8")
    own = dict(re.findall(r"^\| `(\w+)\.webp` .*?\[([\w.-]+)\]\(licenses/", told, re.MULTILINE))
    here = dict(re.findall(r"^\| stickers `(\w+)` \|.*\| ([\w.-]+) \|$", TEXT, re.MULTILINE))
    assert here == own
    credits = (ROOT / "assets" / "photos" / "CREDITS.md").read_text(encoding="utf-8")
    authors = {
        line.split("|")[3].strip() for line in credits.splitlines() if line.startswith("| `")
    }
    assert {author for author in authors if author not in TEXT} == set()


def test_its_film_moves_and_is_small():
    from PIL import Image

    path = ROOT / "docs" / "step-through.gif"
    assert path.stat().st_size <= 2_000_000
    with Image.open(path) as film:
        assert film.n_frames >= 10
