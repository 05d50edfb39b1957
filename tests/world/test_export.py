import json
from pathlib import Path

import pytest
from PIL import Image

from vilt_core.world.export import export
from vilt_core.world.programs import answer_word, execute
from vilt_core.world.scenes import scene
from vilt_core.world.sprites import atlas, categories, sprites


def _lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _tuples(program):
    return tuple(_tuples(p) for p in program) if isinstance(program, list) else program


def test_every_line_carries_its_picture_and_a_truth_that_holds(tmp_path):
    assert list(export(tmp_path, seed=5, count=4, split="composition", size=64)) == [1, 2, 3, 4]
    questions = _lines(tmp_path / "questions.jsonl")
    assert len(questions) == 12
    for line in questions:
        with Image.open(tmp_path / line["image"]) as picture:
            assert picture.size == (64, 64)
        place = scene(5, int(Path(line["image"]).stem), split="composition")
        assert answer_word(execute(_tuples(line["program"]), place)) == line["answer"]
    for line in _lines(tmp_path / "captions.jsonl"):
        place = scene(5, int(Path(line["image"]).stem), split="composition")
        assert execute(_tuples(line["program"]), place) is True
        for mention in line["mentions"]:
            said = line["caption"][mention["noun_start"] : mention["noun_end"]]
            for index in mention["objects"]:
                sprite = place.objects[index].sprite
                kin = (sprite.category, categories()[sprite.category])
                assert said in (sprite.name, sprite.plural, *kin)
    assert {line["label"] for line in _lines(tmp_path / "pairs.jsonl")} <= {True, False}
    assert all((tmp_path / n).is_file() for n in _lines(tmp_path / "pairs.jsonl")[0]["images"])


def test_the_same_seed_writes_the_same_files(tmp_path):
    for name in ("one", "two"):
        list(export(tmp_path / name, seed=1, count=2, size=32))
    for file in sorted((tmp_path / "one").rglob("*.*")):
        assert (
            file.read_bytes()
            == (tmp_path / "two" / file.relative_to(tmp_path / "one")).read_bytes()
        )


def test_the_users_own_icons_are_the_only_ones_drawn(tmp_path):
    icons = tmp_path / "icons"
    icons.mkdir()
    chosen = sprites()[:9]
    for sprite in chosen:
        Image.fromarray(atlas("noto")[sprite.index]).save(icons / f"{sprite.label}.png")
    list(export(tmp_path / "out", seed=2, count=5, size=48, sprites=icons))
    for line in _lines(tmp_path / "out" / "captions.jsonl"):
        for thing in line["scene"]["objects"]:
            assert thing["style"] == "own"
            assert thing["noun"] in {s.name for s in chosen}


def test_too_few_icons_and_no_scenes_are_refused(tmp_path):
    Image.new("RGBA", (40, 40), "red").save(tmp_path / "cat.png")
    with pytest.raises(ValueError, match="at least 7 icons"):
        list(export(tmp_path / "out", seed=0, count=1, sprites=tmp_path))
    with pytest.raises(ValueError, match="count must be at least 1"):
        list(export(tmp_path / "out", seed=0, count=0))
