"""A detector's training: it can be stopped, and its scenes are true."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from vilt_core.commands.detector import TrainDetector
from vilt_core.config import CnnConfig, detector_mini
from vilt_core.training import keeper
from vilt_core.training.detecting import detecting, drawn_boxes, train_detector
from vilt_core.training.engine import SAVE_SECONDS
from vilt_core.world.sprites import sprites

SMALL = replace(
    detector_mini(),
    cnn=CnnConfig(depths=(1, 1), widths=(8, 8), bottleneck=False, stages=2),
    proposal_width=8,
    shorter=64,
    longer=64,
)
STAGE = detecting(4, batch_size=2)


def test_a_run_that_was_stopped_goes_on_as_if_it_was_not(tmp_path):
    whole = list(train_detector(tmp_path / "whole", STAGE, config=SMALL, save_every=2))
    running = train_detector(tmp_path / "twice", STAGE, config=SMALL, save_every=2)
    first = [next(running), next(running), next(running)]  # the third is not saved
    running.close()
    assert [one.saved for one in first] == [False, True, False]
    rest = list(train_detector(tmp_path / "twice", STAGE, config=SMALL, save_every=2))
    assert [one.step for one in rest] == [3, 4]
    assert [one.losses for one in first[:2] + rest] == [one.losses for one in whole]
    states = [
        torch.load(tmp_path / name / "run.pt", weights_only=True)["model"]
        for name in ("whole", "twice")
    ]
    for name, value in states[0].items():
        assert torch.equal(states[1][name], value), name


def test_a_state_is_saved_by_the_clock_as_of_every_training(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(keeper, "time", SimpleNamespace(monotonic=lambda: now[0]))
    saved = []
    for step in train_detector(tmp_path, STAGE, config=SMALL, save_every=1000):
        now[0] += SAVE_SECONDS / 2
        saved.append(step.saved)
    assert saved == [False, False, True, True]


def test_another_run_is_not_taken_up(tmp_path):
    list(train_detector(tmp_path, detecting(1, batch_size=2), config=SMALL))
    with pytest.raises(ValueError, match="was begun with other settings"):
        list(train_detector(tmp_path, detecting(2, batch_size=4), config=SMALL))


def test_a_run_from_before_a_setting_was_there_goes_on(tmp_path):
    whole = list(train_detector(tmp_path / "whole", STAGE, config=SMALL))
    began = train_detector(tmp_path / "run", STAGE, config=SMALL, save_every=2)
    for _ in range(2):
        next(began)
    path = tmp_path / "run" / "run.pt"
    state = torch.load(path, weights_only=True)
    lesson = json.loads(state["lesson"])
    assert lesson["stage"].pop("retouched") == 0.0
    torch.save(state | {"lesson": json.dumps(lesson)}, path)
    left = list(train_detector(tmp_path / "run", STAGE, config=SMALL))
    assert [at.losses for at in left] == [at.losses for at in whole[2:]]


@pytest.mark.parametrize("steps", [1, 3])
def test_a_finished_run_of_another_length_is_refused_and_left(tmp_path, steps):
    list(train_detector(tmp_path, detecting(2, batch_size=2), config=SMALL))
    kept = (tmp_path / "model" / "model.safetensors").read_bytes()
    with pytest.raises(ValueError, match=f"a finished run of 2 steps, and {steps} are asked for"):
        list(train_detector(tmp_path, detecting(steps, batch_size=2), config=SMALL))
    assert list(train_detector(tmp_path, detecting(2, batch_size=2), config=SMALL)) == []
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == kept


def test_a_detector_of_nobody_knows_which_run_is_not_written_over(tmp_path):
    list(train_detector(tmp_path, detecting(1, batch_size=2), config=SMALL))
    kept = (tmp_path / "model" / "model.safetensors").read_bytes()
    (tmp_path / "run.pt").unlink()
    with pytest.raises(ValueError, match="holds a detector, and there is no run beside it"):
        list(train_detector(tmp_path, detecting(1, batch_size=2), config=SMALL, seed=1))
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == kept


@pytest.mark.parametrize("option", ["steps", "batch_size", "save_every", "pictures"])
def test_a_zero_of_an_option_is_refused_before_anything_is_made(tmp_path, option):
    with pytest.raises(ValueError, match=f"{option} must be at least 1, got 0"):
        TrainDetector(to=tmp_path / "run", **{option: 0}).run()
    assert not (tmp_path / "run").exists()


def test_its_scenes_are_true():
    image, truths = drawn_boxes(STAGE, step=3, seed=0, size=64)
    again, _ = drawn_boxes(STAGE, step=3, seed=0, size=64)
    other, _ = drawn_boxes(STAGE, step=4, seed=0, size=64)
    assert torch.equal(image.pixels, again.pixels)
    assert not torch.equal(image.pixels, other.pixels)
    for truth in truths:
        assert (truth.boxes[:, :2] < truth.boxes[:, 2:]).all()
        assert (truth.classes >= 1).all()
        assert (truth.classes <= len(sprites())).all()
