"""A detector's training: it can be stopped, and what it learns can be read back."""

import json
from dataclasses import replace

import pytest
import torch

from vilt_core.config import CnnConfig, detector_mini
from vilt_core.interop.detectors import load_detector, save_detector
from vilt_core.layers.detector import Detector
from vilt_core.training.detecting import detecting, drawn_boxes, fresh_detector, train_detector
from vilt_core.types import ImageBatch
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


def test_another_run_is_not_taken_up(tmp_path):
    list(train_detector(tmp_path, detecting(1, batch_size=2), config=SMALL))
    with pytest.raises(ValueError, match="was begun with other settings"):
        list(train_detector(tmp_path, detecting(2, batch_size=4), config=SMALL))


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


@torch.no_grad()
def test_what_is_written_is_read_back(tmp_path):
    detector = fresh_detector(SMALL)
    save_detector(SMALL, detector.state_dict(), tmp_path)
    config, found = load_detector(tmp_path)
    assert config == SMALL
    assert found.frozen
    image = ImageBatch(pixels=torch.randn(1, 3, 64, 64))
    torch.testing.assert_close(found(image).features, detector.eval()(image).features)
    save_detector(SMALL, detector.state_dict(), tmp_path, dtype=torch.float16)
    torch.testing.assert_close(
        load_detector(tmp_path)[1](image).features, found(image).features, atol=1e-2, rtol=1e-2
    )


def test_what_is_no_detector_is_refused(tmp_path):
    with pytest.raises(ValueError, match="is not readable JSON"):
        load_detector(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"format": "vilt-lab/1"}))
    with pytest.raises(ValueError, match="must describe a detector of the format"):
        load_detector(tmp_path)
    save_detector(SMALL, Detector(**detector_mini().numbers()).state_dict(), tmp_path)
    with pytest.raises(ValueError, match=r"model\.safetensors"):
        load_detector(tmp_path)
