"""A detector's folder: written, read back, refused, and given to models that see with it."""

import json
from dataclasses import replace

import pytest
import torch

from vilt_core.config import CnnConfig, detector_mini
from vilt_core.interop.detectors import load_detector, save_detector, see_with
from vilt_core.interop.weights import adopt, own_state, without_values
from vilt_core.layers.detector import Detector
from vilt_core.layers.init import initialise
from vilt_core.models import build
from vilt_core.types import ImageBatch, TextBatch

SMALL = replace(
    detector_mini(),
    cnn=CnnConfig(depths=(1, 1), widths=(8, 8), bottleneck=False, stages=2),
    proposal_width=8,
)


def fresh() -> Detector:
    torch.manual_seed(0)
    detector = Detector(**SMALL.numbers())
    initialise(detector)
    return detector


@torch.no_grad()
def test_what_is_written_is_read_back(tmp_path):
    detector = fresh()
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


@pytest.mark.parametrize("name", ["uniter", "vilbert"])
@torch.no_grad()
def test_a_model_read_without_its_detector_is_given_one(name, tmp_path):
    model = build(name, size="mini", vocab_size=9, detector=SMALL, region_width=8).eval()
    save_detector(SMALL, model.image_detector.state_dict(), tmp_path / "detector")
    found = adopt(without_values(model.config), own_state(model))
    text = TextBatch(ids=torch.ones(1, 4, dtype=torch.long), mask=torch.ones(1, 4) > 0)
    image = ImageBatch(pixels=torch.randn(1, 3, 64, 64))
    see_with(found, tmp_path / "detector")
    torch.testing.assert_close(found(text, image).pooled, model(text, image).pooled)
    with pytest.raises(ValueError, match="holds another detector than this model sees with"):
        see_with(build(name, size="mini", vocab_size=9), tmp_path / "detector")
