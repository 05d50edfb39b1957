"""Broken pictures of a held-out set are passed over, counted and named; too many stop."""

import json
from dataclasses import replace

import pytest
from PIL import Image

from vilt_core.data.examples import ShardImage
from vilt_core.evaluation import evaluate
from vilt_core.evaluation import readable as readable_module
from vilt_core.evaluation.readable import ALLOWED, readable
from vilt_core.evaluation.vqa import probable_answers
from vilt_core.models.vilt import Vilt
from vilt_core.world.scenes import scene

SIDE = 64


@pytest.fixture
def folder(tmp_path):
    for at, colour in enumerate(("red", "blue", "lime", "white")):
        Image.new("RGB", (SIDE, SIDE), colour).save(tmp_path / f"{at}.png")
    whole = (tmp_path / "3.png").read_bytes()
    (tmp_path / "3.png").write_bytes(whole[: len(whole) // 2])
    return tmp_path


def write(folder, *lines):
    path = folder / "val.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def asked(*names):
    return [{"image": name, "question": "is it red?", "answer": "yes"} for name in names]


def test_questions(bundle, folder):
    broken = asked("0.png", "3.png", "1.png", "gone.png", "3.png")
    found = evaluate(bundle, on=write(folder, *broken))
    assert found["examples"] == 2
    assert found["unreadable"] == 2
    assert [name in said for name, said in zip(("3.png", "gone.png"), found["named"], strict=True)]
    whole = evaluate(bundle, on=write(folder, *asked("0.png", "1.png")))
    assert "unreadable" not in whole
    assert found["accuracy"] == whole["accuracy"]


def test_a_submission_wants_all(bundle, folder):
    path = write(folder, *[line | {"id": at} for at, line in enumerate(asked("0.png", "3.png"))])
    with pytest.raises(ValueError, match=r"3\.png.*the answer to every question"):
        evaluate(bundle, on=path, submission=folder / "sent.json")


def test_statements(bundle, folder):
    config = replace(bundle.model.config, tasks=("nlvr2",), modality_types=3)
    bundle = replace(bundle, model=Vilt(config).eval())
    lines = [
        {"images": [left, right], "statement": "both are red", "label": True}
        for left, right in (("0.png", "1.png"), ("0.png", "3.png"), ("2.png", "0.png"))
    ]
    found = evaluate(bundle, task="nlvr2", on=write(folder, *lines))
    assert (found["examples"], found["unreadable"]) == (2, 1)


def test_captions_keep_their_pictures(bundle, folder):
    lines = [{"image": f"{at}.png", "caption": f"picture {at}"} for at in (3, 0, 1, 2)]
    whole = evaluate(bundle, task="retrieval", on=write(folder, *lines[1:]))
    found = evaluate(bundle, task="retrieval", on=write(folder, *lines))
    assert found["unreadable"] == 1
    told = {"unreadable", "named", "seconds"}
    assert {k: v for k, v in found.items() if k not in told} == {
        k: v for k, v in whole.items() if k not in told
    }
    matched = evaluate(bundle, task="matching", on=write(folder, *lines))
    assert matched["unreadable"] == 1


def test_too_many_stop_before_anything_is_asked(folder):
    missing = [folder / f"missing-{at}.png" for at in range(ALLOWED + 1)]
    good = [folder / "0.png"]
    assert len(readable([*good, *missing[:ALLOWED]]).broken) == ALLOWED
    with pytest.raises(ValueError, match=f"{ALLOWED + 1} of {ALLOWED + 2} pictures .*missing-0"):
        readable([*good, *missing])
    with pytest.raises(ValueError, match="1 of 1 pictures"):
        readable(missing[:1])


def test_scenes_are_not_opened():
    assert readable([scene(0, 1, split="test")]).told() == {}


def test_nothing_is_asked_of_nothing(bundle):
    assert probable_answers(bundle, []) == []


def test_whole_pictures_are_decoded_again_only_where_their_files_changed(folder, monkeypatch):
    names: list[str] = []
    own = readable_module.decoded

    def noted(picture):
        names.append(picture.name)
        return own(picture)

    monkeypatch.setattr(readable_module, "decoded", noted)
    every = [folder / f"{at}.png" for at in range(4)]
    first = readable(every)
    assert sorted(names) == [path.name for path in every]
    names.clear()
    assert readable(every) == first
    assert names == ["3.png"]  # what is broken may have been mended
    whole, half = (path.read_bytes() for path in (every[0], every[3]))
    every[3].write_bytes(whole)
    every[0].write_bytes(half)
    assert list(readable(every).broken) == [every[0]]


def test_members_of_a_shard_are_told_apart(folder):
    whole, half = ((folder / name).read_bytes() for name in ("0.png", "3.png"))
    (folder / "00000.tar").write_bytes(whole + half)
    members = [
        ShardImage(folder / "00000.tar", "0", 0, len(whole)),
        ShardImage(folder / "00000.tar", "3", len(whole), len(half)),
    ]
    for _ in range(2):
        assert list(readable(members).broken) == members[1:]
