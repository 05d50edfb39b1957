"""The Compose tab: what is sent, what comes back, and what a link carries."""

import base64
import io
import json
import re
from dataclasses import replace
from functools import partial
from urllib.parse import parse_qsl

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from app import composing, links, services
from app.components import composer
from app.services import EXAMPLES
from app.tabs import compose
from vilt_core.world.composing import empty_scene, from_json, to_json
from vilt_core.world.reading import true_answer
from vilt_core.world.rendering import paint
from vilt_core.world.sprites import CELL, COLUMNS, STYLES, atlas, sprites

TINY = "tiny"
DESK, MESSAGE, CARD, WHATIF, SIGHT, QUESTIONS, SENTENCES, QUESTION, TEXT = range(9)


@pytest.fixture
def example(tiny):
    return compose.opened(composing.opening(), TINY)


def decoded(url: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))))


def moved(scene, **changes):
    given = to_json(scene)
    given["stickers"][0] |= changes
    return given


def test_the_tab_opens_with_the_cat_that_can_be_moved(tiny):
    found = compose.arrived("", TINY)
    assert "Move the cat to the right" in found[WHATIF]
    assert found[CARD].count("<li>") == 5
    assert "lab-badge" in found[CARD]
    assert found[SIGHT]["truth"] is True
    assert len(found[SIGHT]["layers"]) == len(found[SIGHT]["words"])
    assert found[MESSAGE]["scene"] == to_json(composing.opening())
    assert found[QUESTION]
    assert found[TEXT] in found[SENTENCES]["texts"]


def test_a_change_by_hand_is_answered_beside_the_scene_before(example):
    desk, question, text = example[DESK], example[QUESTION], example[TEXT]
    found = compose.edited(moved(desk.scene, x=0.8), 7, desk, question, text, TINY)
    assert found[MESSAGE]["serial"] == 7
    assert found[MESSAGE]["scene"] is None
    assert found[DESK].before == desk.scene
    assert found[DESK].scene.objects[0].x == 0.8
    assert found[WHATIF].count("<img") == 2
    again = compose.kept(found[DESK], question, text, TINY)
    assert again[DESK].before == found[DESK].scene
    assert again[WHATIF].count("<img") == 1


def test_truth_follows_the_scene(tiny):
    scene = from_json(moved(composing.opening(), name="fox"))
    question = "Is there a cat?"
    before = composing.ask(composing.opening(), question, TINY)
    now = composing.ask(scene, question, TINY)
    assert (before.truth, now.truth) == ("yes", "no")
    assert composing.look(scene, "a fox and a dog", TINY).truth is True
    assert composing.look(scene, "a cat and a dog", TINY).truth is False
    assert composing.look(scene, "what a lovely dog", TINY).truth is None


def test_the_time_of_a_look_is_the_models_alone(tiny, monkeypatch):
    clock = {"now": 0.0}

    def drawn(draw, *given):
        clock["now"] += 5
        return draw(*given)

    monkeypatch.setattr(composing.time, "perf_counter", lambda: clock["now"])
    for name in ("_drawn", "_url"):
        monkeypatch.setattr(composing, name, partial(drawn, getattr(composing, name)))
    sight = composing.look(composing.opening(), "a cat and a dog", TINY)
    assert clock["now"] > 0
    assert sight.milliseconds == 0


def test_an_idea_is_carried_out_and_another_one_shown(example):
    desk = example[DESK]
    first, second = composing.ideas(desk.scene)[:2]
    found = compose.done(desk, example[TEXT], TINY)
    assert from_json(found[MESSAGE]["scene"]) == first.scene
    assert found[MESSAGE]["glide"]
    assert found[QUESTION].lower() == first.question
    assert true_answer(found[QUESTION], found[DESK].scene) == first.after
    other = compose.thought(desk, example[QUESTION], example[TEXT], TINY)
    assert second.says[1:] in other[WHATIF]
    assert other[DESK].scene == desk.scene


def test_a_link_carries_scene_question_and_sentence(example):
    link = example[MESSAGE]["link"]
    found = compose.arrived(f"?__theme=dark&{link}", TINY)
    assert found[DESK].scene == example[DESK].scene
    assert (found[QUESTION], found[TEXT]) == (example[QUESTION], example[TEXT])
    assert found[MESSAGE]["link"] == link
    assert found[MESSAGE]["trouble"] == ""
    assert re.fullmatch(r"[\w=&+%.~-]+", link)


@pytest.mark.parametrize(
    "search",
    ["?scene=", "?scene=1", "?scene=1abc", "?scene=2AAAA", "?scene=" + "A" * 200,
     "?scene=1AAAA&question=" + "a" * 3000, "?scene=<script>", "?scene=%F0%9F%90%88"],
)  # fmt: skip
def test_a_broken_link_gets_one_sentence_and_an_example(tiny, search):
    found = compose.arrived(search, TINY)
    assert "link" in found[MESSAGE]["trouble"]
    assert found[MESSAGE]["trouble"].count(".") <= 2
    assert found[DESK].scene == composing.opening()


@pytest.mark.parametrize(
    "given",
    [None, [], {}, {"stickers": []}, to_json(empty_scene()) | {"stickers": [{}]},
     to_json(empty_scene()) | {"background": "<b>"}],
)  # fmt: skip
def test_a_scene_that_is_none_changes_nothing(example, given):
    found = compose.edited(given, 3, example[DESK], "is there a cat?", "a cat", TINY)
    assert found[MESSAGE]["trouble"].endswith(".")
    assert found[MESSAGE]["link"] == ""
    assert [found[at] for at in range(9) if at != MESSAGE] == [gr.skip()] * 8


def test_a_file_is_read_back_or_refused(tiny):
    scene = composing.example(EXAMPLES[0])
    assert compose.read(json.dumps(to_json(scene)), TINY)[DESK].scene == scene
    for text in ("", "{", "a cat", "[1]", "[" * 5000, "9" * 9000, "x" * 30_000):
        trouble = compose.read(text, TINY)[MESSAGE]["trouble"]
        assert trouble.endswith(".")
        assert len(trouble) < 200


@pytest.mark.parametrize("count", [0, 1, 6, 7, 12])
def test_any_number_of_stickers_is_asked_about(tiny, count):
    cat = to_json(composing.opening())["stickers"][0]
    given = to_json(empty_scene()) | {
        "stickers": [cat | {"x": 0.2 + 0.06 * at} for at in range(count)]
    }
    found = compose.opened(from_json(given), TINY)
    assert found[CARD].count("<li>") == 5
    assert found[QUESTIONS]["texts"]
    assert found[SENTENCES]["texts"]
    assert bool(found[MESSAGE]["beyond"]) == (count != 1)


def test_bad_words_get_one_sentence(example):
    for text in ("", "?!", "🦆", "кошка", "a cat " * 2000):
        found = compose.asked(example[DESK], text, text, TINY)
        assert "lab-trouble" in found[CARD]
        assert found[SIGHT]["trouble"].endswith(".")
        assert found[WHATIF] == ""


def test_what_is_asked_is_shown_as_text(example):
    found = compose.asked(example[DESK], "is <b>there</b> a cat?", "<i>a cat</i>", TINY)
    assert "<b>there" not in found[WHATIF]
    assert "&lt;b&gt;there" in found[WHATIF]


def test_a_question_without_a_plain_answer_says_so(example):
    found = compose.asked(example[DESK], "Is the lion above the dog?", "a cat", TINY)
    assert "no single true answer" in found[CARD]
    assert "no single true answer" not in example[CARD]


def test_without_a_model_the_scene_is_still_there(no_model):
    found = compose.arrived("", services.LIBRARY.default)
    assert found[MESSAGE]["scene"]
    assert "Expected a shipped model" in found[CARD]
    assert "Expected a shipped model" in found[SIGHT]["trouble"]


def test_a_link_names_the_model_where_another_one_would_speak(tiny, monkeypatch):
    desk = compose.Desk(scene=composing.opening(), before=composing.opening())
    assert "model" not in compose.carried(desk, "", "", TINY)["link"]
    other = replace(services.LIBRARY.models[TINY], name="own")
    monkeypatch.setitem(services.LIBRARY.models, "own", other)
    link = compose.carried(desk, "is there a cat?", "", "own")["link"]
    assert link.endswith("&model=own")
    tab, fields = links.read(dict(parse_qsl(link)), tuple(links.CARRIED))
    assert (tab, fields["model"]) == ("compose", "own")
    assert composing.shared(link).question == "is there a cat?"
    assert compose._message(desk, "is there a cat?", "", "own")["link"] == link


def test_a_model_that_is_far_away_leaves_the_word_to_the_small_one(hub):
    assert composing.speaker("ViLT-B/32") == "vilt-mini"
    assert composing.speaker(None) == "vilt-mini"
    assert hub.asked == []
    told = re.sub("<[^>]+>", "", compose.speaks("ViLT-B/32"))
    assert told.startswith("vilt-mini answers here, not ViLT-B/32: ")
    assert compose.speaks("vilt-mini") == compose.speaks(None) == ""


def test_stickers_are_the_atlas_own():
    for sprite in (sprites()[0], sprites()[-1]):
        cell = atlas(STYLES[1])[sprite.index].astype(int)
        found = decoded(composing.sticker(STYLES[1], sprite.label)).astype(int)
        assert (found[..., 3] == cell[..., 3]).all()
        again = found[..., :3] * found[..., 3:] / 255
        assert np.abs(again - cell[..., :3]).max() <= 1
    sheet = decoded(composing.sheet(STYLES[0]))
    assert sheet.shape == (-(-len(sprites()) // COLUMNS) * CELL // 2, COLUMNS * CELL // 2, 4)


def test_the_picture_to_keep_is_the_renderers_own():
    scene = composing.opening()
    found = decoded(composing.png(scene))
    assert (found == paint(scene, composing.PNG_SIDE).pixels).all()
    bare = paint(from_json(to_json(scene) | {"stickers": []}), 512).pixels
    paper = composing.paper(scene.background, scene.texture, scene.texture_seed)
    assert (decoded(paper)[..., :3] == bare).all()


@pytest.mark.parametrize(
    ("function", "good", "bad"),
    [
        (composer.sticker, ["noto", "cat"], [["noto"], ["noto", 1], "cat", None, ["oil", "cat"]]),
        (composer.sheet, "noto", ["oil", None, ["noto", "noto"], {}]),
        (composer.paper, ["blue", "dots", 0.2], [["blue", "dots"], ["blue", "dots", "x"], []]),
        (composer.png, to_json(empty_scene()), [None, {}, "scene"]),
    ],
)
def test_the_browser_gets_pictures_or_one_sentence(function, good, bad):
    served = composer._served(function)
    assert served(good)["url"].startswith("data:image/")
    for given in bad:
        found = served(given)
        assert found["url"] == ""
        assert found["trouble"].endswith(".")


def test_a_description_names_everything_and_its_place():
    said = composing.description(composing.opening())
    assert said == (
        "a cat on the left, a dog at the bottom, a green circle at the top, on a blue background"
    )
    assert "nothing" in composing.description(empty_scene())
