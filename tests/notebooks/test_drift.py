"""Laws of scripts/course.py: what counts as a difference between a run and a page."""

import base64
import io

import nbformat
import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image


def png(shade: int, side: int = 8) -> str:
    held = io.BytesIO()
    Image.new("RGB", (side, side), (shade, shade, shade)).save(held, format="PNG")
    return base64.b64encode(held.getvalue()).decode()


def notebook(*outputs, source="x"):
    cell = nbformat.v4.new_code_cell(source, outputs=list(outputs), id="a")
    return nbformat.v4.new_notebook(cells=[cell])


def said(text):
    return nbformat.v4.new_output("stream", text=text)


def drawn(**data):
    return nbformat.v4.new_output("display_data", data=data)


@pytest.mark.parametrize(
    ("new", "old", "alike"),
    [
        ("price 0.5434", "price 0.5434", True),
        ("price 0.5434", "price 0.5435", True),
        ("price 0.5434", "price 0.6434", False),
        ("price 0.5434", "cost 0.5434", False),
        ("7 words", "8 words", False),
        ("0.00", "0.01", True),
        ("1e-09", "1.01e-09", True),
    ],
)
def test_words_are_equal_and_numbers_nearly(course, new, old, alike):
    assert course.alike_text(new, old) is alike


def test_pictures_may_differ_by_shades(course):
    assert course.alike_pictures(png(100), png(102))
    assert not course.alike_pictures(png(100), png(120))
    assert not course.alike_pictures(png(100), png(100, side=9))


def test_packed_arrays_are_compared_as_numbers(course):
    def packed(values):
        return go.Figure(go.Scatter(y=np.array(values))).to_plotly_json()["data"][0]["y"]

    import json

    one, near, far = (
        json.loads(go.Figure(go.Scatter(y=np.array(v))).to_json())
        for v in ([1.0, 2.0], [1.0, 2.0001], [1.0, 3.0])
    )
    assert "bdata" in one["data"][0]["y"]
    assert course.alike_json(one, near)
    assert not course.alike_json(one, far)
    assert not course.alike_json({"a": 1}, {"b": 1})
    assert not course.alike_json([1, 2], [1])


def test_differences_name_the_cell(course):
    same = notebook(said("1.0"), drawn(**{"image/png": png(9)}))
    assert course.differences(same, same) == []
    assert course.differences(notebook(source="y"), same) == [
        "its cells are not those of its source"
    ]
    (told,) = course.differences(notebook(said("1.0")), same)
    assert "cell 0 has 2 outputs" in told
    (told,) = course.differences(notebook(said("2.0"), drawn(**{"image/png": png(9)})), same)
    assert told.startswith("cell 0: '1.0' is saved")
    (told,) = course.differences(notebook(said("1.0"), drawn(**{"image/png": png(90)})), same)
    assert "image/png" in told


def test_of_what_a_clock_told_the_words_alone_count(course):
    def timed(*outputs):
        found = notebook(*outputs)
        found.cells[0].metadata["tags"] = ["timed"]
        return found

    one, other = (drawn(**{"image/png": png(shade)}) for shade in (9, 200))
    old = timed(said("judge:   254.5 ms\n"), one)
    assert course.differences(timed(said("judge: 9.1 ms\n"), other), old) == []
    (told,) = course.differences(timed(said("nearest: 9.1 ms\n"), one), old)
    assert told.startswith("cell 0: 'judge:")
    (told,) = course.differences(timed(said("judge: 9.1 ms\n")), old)
    assert "cell 0 has 2 outputs" in told
    (told,) = course.differences(timed(said("judge: 9.1 ms\n"), drawn(**{"text/plain": "x"})), old)
    assert "['image/png'] is saved" in told


SOURCE = """# %% [markdown]
# # 90. A trial
# <details><summary>Solution</summary>
#
# ```python
# found = 2
# check("05.3", found)
# ```
#
# </details>

# %%
import sys

sys.path.append("notebooks")
from lesson import check

check("05.3", ...)
"""


def trial(tmp_path, text):
    source = tmp_path / "90-trial.py"
    source.write_text(text)
    return source


def test_solutions_are_found_by_their_exercise(course, tmp_path):
    found = course.read(trial(tmp_path, SOURCE))
    assert course.solutions(found) == {"05.3": 'found = 2\ncheck("05.3", found)\n'}
    assert course.exercises(found) == ["05.3"]


@pytest.mark.slow
def test_a_wrong_solution_is_refused(course, tmp_path):
    with pytest.raises(ValueError, match=r"the solution of 05.3 .* is not right"):
        course.executed(trial(tmp_path, SOURCE))


def test_an_exercise_without_a_solution_is_refused(course, tmp_path):
    with pytest.raises(ValueError, match=r"checks the exercises \['05.3'\] and solves \[\]"):
        course.executed(trial(tmp_path, SOURCE.replace("details", "p")))


def test_an_unknown_number_is_refused(course):
    with pytest.raises(SystemExit, match="there is no notebook 77"):
        course.sources(["77"])
