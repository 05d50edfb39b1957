"""What the page says of the course: every notebook has its tabs, and nothing else is handed out."""

import json

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app import course
from app.components import glossary


@pytest.fixture
def client():
    return TestClient(Starlette(routes=course.routes()))


def test_every_notebook_stands_beside_a_tab():
    named = {number for numbers in course.TABS.values() for number in numbers}
    assert named == set(course.lessons()) == set(range(1, 14))


def test_every_address_on_a_tab_gives_its_notebook(client):
    for tab in course.TABS:
        for lesson in course.lessons_of(tab):
            assert f'href="{lesson.address}"' in glossary.words(tab, tab)
            answer = client.get(f"/{lesson.address}")
            assert "attachment" in answer.headers["content-disposition"]
            first = "".join(json.loads(answer.content)["cells"][0]["source"])
            assert first.startswith(f"# {lesson.number}. ")


@pytest.mark.parametrize("name", ["nothing", "..%2FREADME", "zh%2F01-what-the-model-sees", "%00"])
def test_nothing_else_is_handed_out(client, name):
    assert client.get(f"/lab/course/{name}.ipynb").status_code == 404


def test_a_page_without_the_notebooks_says_nothing_of_them(monkeypatch, tmp_path):
    monkeypatch.setattr(course, "FOLDER", tmp_path)
    course.lessons.cache_clear()
    try:
        assert course.lessons_of("align") == ()
        assert "Notebooks" not in glossary.words("align", "Align")
    finally:
        course.lessons.cache_clear()
