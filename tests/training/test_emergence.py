"""Laws of a watched training: repeatable, stoppable, and every snapshot is what was shown."""

import itertools
import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from vilt_core.commands.emerge import Emerge
from vilt_core.interop.lab import load_folder
from vilt_core.predictor import load
from vilt_core.training import TrainingStopped, emergence, onlooker
from vilt_core.training.batches import NOT_ASKED, collate, matching_rows
from vilt_core.training.choices import Choices
from vilt_core.training.emergence import begun, emerge, reached, recipe_of
from vilt_core.training.keeper import lesson_of, same_lesson
from vilt_core.training.loop import Record
from vilt_core.training.onlooker import Onlooker, Snapshot, nouns_of, watched
from vilt_core.training.step import losses
from vilt_core.training.stickers import StickerRows
from vilt_core.world.programs import execute
from vilt_core.world.rendering import paint

CHOICES = Choices(steps=4, every=2, batch_size=8, kinds=4)


@pytest.fixture(scope="module", autouse=True)
def _few_scenes():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onlooker, "UNSEEN", 8)
        yield


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("emergence")
    return list(emerge(CHOICES, folder)), folder


def told(events) -> list:
    """What must not depend on the clock, on stops or on the folder."""
    return [
        (event.at, event.losses, event.gradient_norm)
        if isinstance(event, Record)
        else (event.step, event.scores, event.chance, event.heard)
        for event in events
    ]


def snapshots(events) -> list[Snapshot]:
    return [event for event in events if isinstance(event, Snapshot)]


def rows_of(choices):
    model = begun(choices)
    config, recipe = model.model.config, recipe_of(choices)
    rows = StickerRows(
        recipe.stages[0],
        tokenizer=model.tokenizer,
        image_size=config.image_size,
        patch_size=config.patch_size,
        seed=recipe.seed,
    )
    batch = collate("captions", rows.rows(0, range(choices.batch_size)), pad=model.tokenizer.pad)
    return model, batch, recipe.stages[0]


def test_a_snapshot_stands_before_the_first_step_and_after_every_few(uninterrupted):
    events, folder = uninterrupted
    kinds = [(type(event).__name__, getattr(event, "step", 0)) for event in events]
    assert kinds == [
        ("Snapshot", 0), ("Record", 1), ("Record", 2), ("Snapshot", 2),
        ("Record", 3), ("Record", 4), ("Snapshot", 4),
    ]  # fmt: skip
    assert reached(folder) == 4


def test_a_run_with_a_seed_can_be_repeated(uninterrupted, tmp_path):
    assert told(emerge(CHOICES, tmp_path / "again")) == told(uninterrupted[0])
    other = list(itertools.islice(emerge(replace(CHOICES, seed=1), tmp_path / "other"), 2))
    assert told(other) != told(uninterrupted[0][:2])


def test_a_run_that_was_stopped_is_kept_and_goes_on_as_if_it_had_not_been(uninterrupted, tmp_path):
    asked = itertools.count(1)
    before = list(emerge(CHOICES, tmp_path, stop=lambda: next(asked) == 3))
    assert [one.step for one in snapshots(before)] == [0, 2, 3]
    after = list(emerge(CHOICES, tmp_path))
    assert told(after) == told(uninterrupted[0])[5:]


def test_an_ended_run_goes_on_for_longer_and_for_nothing_less(uninterrupted, tmp_path):
    list(emerge(replace(CHOICES, steps=2), tmp_path))
    with pytest.raises(ValueError, match="has 2 steps already, got 2"):
        next(emerge(replace(CHOICES, steps=2), tmp_path))
    assert [one.step for one in snapshots(emerge(CHOICES, tmp_path))] == [4]
    with pytest.raises(ValueError, match="another recipe"):
        list(emerge(replace(CHOICES, steps=9, wpa_weight=0.5), tmp_path))


def test_a_snapshot_opens_and_says_what_was_shown(uninterrupted):
    for shown in snapshots(uninterrupted[0]):
        model = load(shown.folder)
        for one, heard in zip(watched(CHOICES.corner), shown.heard, strict=True):
            picture = paint(one.scene, model.image_size).pixels
            alignment = model.align(picture, one.said.text)
            masses = [alignment.mass(at) for at in range(len(alignment.words))]
            np.testing.assert_allclose(np.array(heard.heat), masses, atol=1e-6)
            assert heard.distance == pytest.approx(alignment.transport_cost, abs=1e-5)
            chances = model.match(picture, [one.said.text, one.false])[0]
            found = [heard.true_chance, heard.false_chance]
            np.testing.assert_allclose(np.array(found, dtype=float), chances, atol=1e-5)
            words = model.tokenizer.words(one.said.text)
            for guess in heard.guesses:
                first = model.guess(picture, one.said.text, words[guess.word].tokens, top_k=3)[0]
                assert guess.true == pytest.approx(first.truth.probability, rel=1e-4)


def test_looking_leaves_the_model_as_it_was(tmp_path):
    bundle = begun(CHOICES)
    bundle.model.train()
    before = {name: value.clone() for name, value in bundle.model.state_dict().items()}
    Onlooker(CHOICES.corner, bundle.tokenizer).look(bundle, step=0, folder=tmp_path)
    assert bundle.model.training
    assert all(
        torch.equal(before[name], value) for name, value in bundle.model.state_dict().items()
    )


def test_words_on_any_sticker_score_between_an_even_plan_and_the_truth(uninterrupted):
    for shown in snapshots(uninterrupted[0]):
        assert 0 < shown.chance["pointing"] < shown.chance["sticker"] < 0.75
        assert shown.chance["sticker"] >= 0.4  # two stickers in every scene, of one size


def test_the_false_sentence_is_false_and_the_true_one_names_all():
    tokenizer = begun(CHOICES).tokenizer
    for one in watched(CHOICES.corner):
        assert execute(one.said.program, one.scene)
        assert one.false != one.said.text
        named = {noun for objects in nouns_of(one, tokenizer).values() for noun in objects}
        assert named == set(range(len(one.scene.objects)))


@pytest.mark.parametrize(
    ("off", "left"),
    [
        (("itm",), {"mlm", "wpa"}),
        (("mlm",), {"itm", "wpa"}),
        (("wpa",), {"mlm", "itm"}),
        (("itm", "wpa"), {"mlm"}),
        (("mlm", "wpa"), {"itm"}),
        (("mlm", "itm"), {"wpa"}),
    ],
)
def test_what_is_off_is_neither_asked_nor_built(off, left):
    choices = replace(CHOICES, **dict.fromkeys(off, False))
    bundle, batch, stage = rows_of(choices)
    assert set(losses(bundle.model, batch, stage)) == left
    assert set(bundle.model.config.tasks) == left - {"wpa"}
    share = matching_rows(batch).double().mean().item()
    assert share == (0.0 if left == {"mlm"} else 0.5 if "mlm" in left else 1.0)
    assert batch.matched is not None
    asked = batch.matched[batch.matched != NOT_ASKED]
    assert not len(asked) or asked.double().mean() == 0.5


def test_scores_are_of_what_the_model_has_heads_for(tmp_path):
    choices = replace(CHOICES, itm=False, steps=1, every=1)
    shown = snapshots(emerge(choices, tmp_path))[-1]
    assert set(shown.scores) == {"pointing", "masked", "blind"}
    assert all(one.true_chance is None for one in shown.heard)
    assert load_folder(shown.folder).model.itm is None


def test_a_setting_that_is_new_had_its_default():
    lesson = lesson_of(recipe_of(Choices(kinds=4)), None)
    before = json.loads(lesson_of(recipe_of(CHOICES), None))
    for stage in before["stages"]:
        assert stage.pop("mlm") is True
    assert same_lesson(
        json.dumps(before), json.dumps(json.loads(lesson_of(recipe_of(CHOICES), None)))
    )
    assert not same_lesson(json.dumps(before), lesson)


def test_data_may_lie_elsewhere_tomorrow_but_must_be_the_same():
    def told(name: str, content: str) -> str:
        data = {"questions": ["train", 3, content]}
        lesson = json.loads(lesson_of(recipe_of(CHOICES), None))
        return json.dumps(lesson | {"data": {kind: [name, *rest] for kind, rest in data.items()}})

    assert same_lesson(told("mine", "abc"), told("yours", "abc"))
    assert not same_lesson(told("mine", "abc"), told("mine", "abd"))


@pytest.mark.parametrize("steps", [2, 4])
def test_a_run_that_was_killed_before_it_was_looked_at_is_looked_at(tmp_path, steps):
    choices = replace(CHOICES, steps=steps, every=2)
    whole = list(emerge(choices, tmp_path))
    last = snapshots(whole)[-1]
    shutil.rmtree(last.folder)
    *_, again = emerge(choices, tmp_path)
    assert (again.step, again.scores) == (steps, last.scores)
    assert Path(again.folder).is_dir()


def test_a_full_disk_is_one_sentence(monkeypatch, tmp_path):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(emergence, "save_folder", full)
    with pytest.raises(TrainingStopped, match=r"step 0 could not be kept: .*No space left"):
        next(emerge(CHOICES, tmp_path))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"mlm": False, "itm": False, "wpa": False}, "at least one objective"),
        ({"steps": 0}, "steps must lie in 1 to 4000"),
        ({"learning_rate": 1.0}, "learning rate must lie in 1e-05 to 0.01, got 1"),
        ({"seed": 2**31}, "seed must lie in 0 to 2147483647, got 2147483648"),
        ({"batch_size": 10}, "multiple of 4"),
        ({"kinds": 1}, "kinds must lie in"),
        ({"steps": 2000, "every": 1}, "at most 100 snapshots"),
    ],
)
def test_what_cannot_be_chosen_is_said(wrong, says):
    with pytest.raises(ValueError, match=says):
        Choices(**wrong)


def test_choices_survive_the_way_to_another_process():
    assert Choices(**json.loads(json.dumps(asdict(CHOICES)))) == CHOICES
    assert Path(emergence.SHIPPED / "vilt-mini" / "tokenizer.json").is_file()


def test_the_command_tells_scores_beside_chance_and_how_to_open_the_model(tmp_path, capsys):
    Emerge(to=tmp_path, choices=replace(CHOICES, steps=1, every=1)).run()
    said = capsys.readouterr()
    assert "matching 50% (chance 50%)" in said.out + said.err
    assert f"vilt_core.load('{tmp_path / 'snapshots' / '000001'}')" in said.out
    load(tmp_path / "snapshots" / "000001")
