import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from gradio.utils import get_function_description

from app import build_demo, endpoints, galleries, services, theme
from app.tabs import ask

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def demo():
    # Where no event loop runs, Gradio opens one and never closes it.
    async def built() -> gr.Blocks:
        return build_demo()

    return asyncio.run(built())


def named(demo: gr.Blocks) -> dict:
    return {fn.api_name: fn for fn in demo.fns.values() if fn.api_visibility == "public"}


def test_the_public_endpoints_are_the_promised_ones(demo):
    assert set(named(demo)) == {"answer", "match", "fill", "compare", "align", "retrieve"}


def test_every_event_is_wired_to_a_function_or_a_script_or_stops_one(demo):
    assert len(demo.fns) >= 14
    assert all(fn.fn is not None or fn.is_cancel_function or fn.js for fn in demo.fns.values())


def test_no_two_elements_of_the_page_share_an_id(demo):
    ids = [block.elem_id for block in demo.blocks.values() if block.elem_id]
    assert len(ids) > 50
    assert sorted(ids) == sorted(set(ids))


def test_an_event_is_at_work_on_one_component_that_holds_no_others(demo):
    """Gradio's page reads all of these anew, with what they hold, whenever any event gets on."""
    config = demo.get_config_file()
    holds = {place["id"] for place in places(config["layout"]) if place.get("children")}
    for event in config["dependencies"]:
        shown = event["show_progress_on"] or event["outputs"]
        assert len(shown) <= 1, event["api_name"]
        assert holds.isdisjoint(shown), event["api_name"]
    assert len(holds) > 12  # tabs, at least


def places(layout: dict) -> Iterator[dict]:
    """Everything in a layout."""
    yield layout
    for child in layout.get("children", ()):
        yield from places(child)


def test_the_page_asks_nobody_else_for_anything(demo):
    page = theme.head() + str(demo.get_config_file())
    for place in ("fonts.googleapis", "cdn", "unpkg", "jsdelivr"):
        assert place not in page
    assert theme.lab()._stylesheets == []


def test_building_the_page_loads_neither_torch_nor_a_model():
    code = (
        "import sys, app; app.build_demo(); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'ot')))"
    )
    environment = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False"}
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment).returncode == 0


@pytest.fixture
def scene_file(tmp_path):
    from PIL import Image

    path = tmp_path / "scene.png"
    Image.fromarray(services.picture(services.EXAMPLES[0], 128)).save(path)
    return str(path)


def test_answer_gives_json(tiny, scene_file):
    found = endpoints.answer(scene_file, "is there a cat?", 3)
    assert len(found["answers"]) == 3
    assert set(found["answers"][0]) == {"text", "probability"}
    assert found["model"] == "tiny"


def test_match_takes_one_text_or_several(tiny, scene_file):
    one = endpoints.match(scene_file, "a cat")
    two = endpoints.match(scene_file, ["a cat", "two dogs"])
    assert one["probabilities"] == pytest.approx(two["probabilities"][:1], abs=1e-5)
    assert len(two["probabilities"]) == 2


def test_fill_gives_candidates_for_every_mask(tiny, scene_file):
    found = endpoints.fill(scene_file, "a [MASK] next to a [MASK]", 4)
    assert [len(mask) for mask in found["masks"]] == [4, 4]
    assert len(endpoints.fill(None, "a [MASK]")["masks"]) == 1


def test_align_gives_the_plan(tiny, scene_file):
    found = endpoints.align(scene_file, "a cat", 0.5, 10)
    rows, columns = found["grid"]
    assert len(found["plan"]) == len(found["tokens"])
    assert len(found["plan"][0]) == rows * columns


def test_the_plan_is_told_to_its_fifth_digit(tiny, scene_file):
    told = endpoints.align(scene_file, "a cat", 0.5, 10)
    found = tiny.align(scene_file, "a cat", beta=0.5, iterations=10)
    for name in ("cost", "plan"):
        assert told[name] == [
            [float(f"{number:.5g}") for number in row] for row in getattr(found, name).tolist()
        ]
        np.testing.assert_allclose(told[name], getattr(found, name), rtol=1e-4)


def test_what_an_assistant_reads_tells_all_that_is_taken_and_given(tiny, scene_file):
    results = {
        endpoints.answer: endpoints.answer(scene_file, "is there a cat?"),
        endpoints.match: endpoints.match(scene_file, "a cat"),
        endpoints.fill: endpoints.fill(None, "a [MASK]"),
        endpoints.compare: endpoints.compare(scene_file, scene_file, "both show a cat"),
        endpoints.align: endpoints.align(scene_file, "a cat"),
        endpoints.retrieve: endpoints.retrieve("a cat", pictures=[scene_file]),
    }
    for function, found in results.items():
        says, arguments, returned = get_function_description(function)
        assert says
        assert all(arguments.values())
        told = {line.split(":")[0] for line in returned}
        hits = found.get("hits", [{}])[0]
        assert set(found) <= told <= {*found, *hits}, function.__name__


def test_galleries_are_told_where_one_can_be_chosen(monkeypatch):
    says, arguments, _ = get_function_description(endpoints.retrieve)
    monkeypatch.setenv("VILT_LAB_PICTURES", "~/pictures")
    for name in galleries.names():
        assert name == galleries.UPLOADS or f'"{name}"' in arguments["gallery"] + says


def test_a_model_is_chosen_by_its_name(hub, scene_file):
    assert endpoints.answer(scene_file, "is there a cat?")["model"] == "vilt-mini"
    assert hub.asked == []
    hub.go.set()
    assert endpoints.answer(scene_file, "a cat?", 3, "ViLT-B/32")["model"] == "ViLT-B/32"
    assert len(endpoints.match(scene_file, ["a cat", "a cup"], "ViLT-B/32")["probabilities"]) == 2
    assert len(endpoints.fill(None, "a [MASK]", 5, "ViLT-B/32")["masks"]) == 1
    assert endpoints.align(scene_file, "a cup", 0.5, 10, "ViLT-B/32")["grid"] == [12, 12]
    assert hub.asked == [
        "dandelin/vilt-b32-finetuned-vqa",
        "dandelin/vilt-b32-finetuned-coco",
        "dandelin/vilt-b32-mlm",
    ]


def test_a_model_that_is_unknown_or_cannot_be_had_gets_one_sentence(hub, scene_file):
    with pytest.raises(gr.Error, match="one of vilt-mini, ViLT-B/32, got"):
        endpoints.answer(scene_file, "a cat?", 3, "gpt")
    hub.trouble = ValueError("no network")
    hub.go.set()
    with pytest.raises(gr.Error, match=r"No network\."):
        endpoints.answer(scene_file, "a cat?", 3, "ViLT-B/32")
    assert endpoints.answer(scene_file, "is there a cat?")["answers"]


def test_a_program_reads_what_was_written_and_the_page_no_markup(tiny, scene_file):
    text = "<img src=x onerror=alert(1)> & \"cats\" 'n' dogs"
    with pytest.raises(gr.Error) as caught:
        endpoints.fill(scene_file, text)
    assert "<img src=x" in caught.value.message
    assert "&lt;" not in caught.value.message
    with pytest.raises(gr.Error, match="<b>gpt</b>"):
        endpoints.answer(scene_file, "a cat?", 3, "<b>gpt</b>")
    card = ask.answered(scene_file, "is there a cat?", None, "<b>gpt</b>")
    assert "&lt;b&gt;gpt" in card
    assert "<b>gpt" not in card


@pytest.mark.parametrize(
    ("function", "inputs"),
    [
        (endpoints.answer, (None, "a cat?")),
        (endpoints.match, (None, "a cat")),
        (endpoints.match, ("file", [])),
        (endpoints.match, ("file", 7)),
        (endpoints.fill, ("file", "no mask here")),
        (endpoints.align, ("file", "a cat", -1)),
        (endpoints.align, ("file", "a cat", 0.5, 0)),
        (endpoints.align, ("file", "a cat", 0.5, 10**9)),
        (endpoints.answer, ("file", "a cat?", 0)),
        (endpoints.retrieve, (None, "file", None, None, ["file"])),
    ],
)
def test_bad_requests_get_one_sentence(tiny, scene_file, function, inputs):
    inputs = [scene_file if given == "file" else given for given in inputs]
    with pytest.raises(gr.Error):
        function(*inputs)


@pytest.mark.parametrize(
    ("function", "inputs"),
    [
        (endpoints.answer, {"image": None, "question": "a cat?"}),
        (endpoints.match, {"image": None, "texts": "a cat"}),
        (endpoints.retrieve, {"text": "a cat", "gallery": galleries.UPLOADS}),
        (endpoints.retrieve, {"image": "file", "gallery": "Photographs"}),
        (endpoints.retrieve, {"image": "file", "gallery": galleries.UPLOADS}),
    ],
)
def test_what_is_lacking_is_told_by_its_argument(tiny, scene_file, function, inputs):
    inputs = {name: scene_file if given == "file" else given for name, given in inputs.items()}
    with pytest.raises(gr.Error, match=r"Expected (an image|pictures|texts).*, got none\."):
        function(**inputs)
