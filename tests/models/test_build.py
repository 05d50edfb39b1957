import pytest
import torch

from vilt_core.config import ViltConfig
from vilt_core.models import MODELS, build


def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


def test_mini_fits_a_repository():
    model = build("vilt", size="mini", vocab_size=500, answers=40)
    assert model.config == ViltConfig(
        vocab_size=500,
        answers=40,
        width=192,
        depth=6,
        heads=3,
        image_size=128,
        patch_size=16,
        segment_types=1,
        dropout=0.0,
    )
    assert parameters(model) == 3_196_190


def test_published_size_is_the_papers():
    with torch.device("meta"):
        model = build("vilt", answers=3129)
    assert (
        parameters(model.encoder.blocks) + parameters(model.patch_embedding.projection)
        == 87_414_528
    )
    # The backbone of the published checkpoints, and the VQA head on it.
    heads = parameters(model.itm) + parameters(model.mlm) + parameters(model.vqa)
    assert parameters(model) - heads == 111_595_008
    assert parameters(model) - parameters(model.itm) - parameters(model.mlm) == 117_588_537


def test_overrides_reach_the_config():
    assert build("vilt", size="mini", depth=1, vocab_size=9).config.depth == 1


@pytest.mark.parametrize("name", MODELS)
def test_every_family_has_both_sizes(name):
    assert set(MODELS[name].presets) == {"published", "mini"}


def test_unknown_names():
    with pytest.raises(ValueError, match=r"model must be one of .*'vilt'.*, got 'vilr'"):
        build("vilr")
    with pytest.raises(ValueError, match=r"size must be one of .*, got 'large'"):
        build("vilt", size="large")
    with pytest.raises(TypeError, match="dept"):
        build("vilt", dept=3)
