import base64
import json

import numpy as np
import pytest

from vilt_core.transport import ALGORITHM
from vilt_core.viz import stepper


def steps(frames: int = 4, words: int = 3, patches: int = 6) -> stepper.Steps:
    draw = np.random.default_rng(0)
    return stepper.Steps(
        iterations=tuple(range(1, frames + 1)),
        plans=draw.random((frames, words, patches)),
        transport_cost=draw.random(frames),
        text_error=np.zeros(frames),
        image_error=draw.random(frames),
        entropy=draw.random(frames),
        ranges={name: draw.random((frames, 2)) for name in ("A", "Q", "delta", "sigma", "T")},
    )


def message(**changed):
    given = {
        "words": ["a", "</script>", "cat"],
        "grid": (2, 3),
        "algorithm": ALGORITHM,
        "settings": {"beta": 0.5, "iterations": 4},
    } | changed
    return stepper.payload(np.full((20, 30, 3), 99, dtype=np.uint8), steps(), **given)


def unpacked(packed, shape):
    levels = np.frombuffer(base64.b64decode(packed["data"]), dtype="<u2").reshape(shape)
    return levels / 65535 * np.array(packed["top"])[:, None, None]


def test_what_is_packed_comes_back_within_half_a_level():
    plans = steps().plans
    back = unpacked(message()["plans"], plans.shape)
    assert np.abs(back - plans).max() <= 0.51 * plans.max() / 65535


def test_a_plan_of_nothing_is_no_trouble():
    optimum = stepper.Optimum(plan=np.zeros((3, 6)), cost=0.0)
    packed = message(optimum=optimum)["optimum"]["plan"]
    assert (unpacked(packed, (1, 3, 6)) == 0).all()


def test_a_message_is_json_and_numbers_may_overflow():
    wild = steps()
    wild.ranges["delta"][0, 1] = np.inf
    pixels = np.zeros((2, 2, 3), dtype=np.uint8)
    found = stepper.payload(
        pixels, wild, words=["a"] * 3, grid=(2, 3), algorithm=ALGORITHM, settings={}
    )
    assert "Infinity" not in json.dumps(found)


@pytest.mark.parametrize(("frames", "words", "patches"), [(1, 1, 1), (60, 12, 64), (60, 38, 400)])
def test_frames_fit_and_keep_both_ends(frames, words, patches):
    kept = stepper.frames_that_fit(frames, words=words, patches=patches)
    assert kept[0] == 0
    assert kept[-1] == frames - 1
    assert kept == sorted(set(kept))
    assert 2 * len(kept) * words * patches <= stepper.LARGEST


def test_every_line_of_the_algorithm_is_explained_and_the_moving_ones_show_numbers():
    lines = message()["algorithm"]
    assert all(line["note"] for line in lines)
    assert {line["shows"] for line in lines} == {"", "A", "iteration", "Q", "delta", "sigma", "T"}


def test_a_misfit_is_refused():
    with pytest.raises(ValueError, match="expected plans of shape"):
        message(grid=(3, 3))


def test_the_page_stands_alone():
    page = stepper.page(message(), title="<cat>")
    assert page.count("http") == page.count("http://www.w3.org/2000/svg") > 0
    assert page.count("</script>") == 2
    assert "<title>&lt;cat&gt;</title>" in page


def test_an_empty_page_has_one_gap_before_the_code():
    page = stepper.page({})
    assert page.index("/*DATA*/") < page.index("function alignmentView")
