import pytest
import torch
from torch.testing import assert_close

from vilt_core.config import ViltConfig
from vilt_core.models.vilt import Vilt
from vilt_core.training.growth import grow
from vilt_core.types import ImageBatch, TextBatch


def small() -> Vilt:
    torch.manual_seed(0)
    return Vilt(
        ViltConfig(
            vocab_size=30, width=16, depth=2, heads=2, image_size=32, patch_size=16, dropout=0.0
        )
    ).eval()


def test_a_grown_model_computes_the_same_and_can_be_trained_further():
    model = small()
    text = TextBatch(ids=torch.randint(5, 30, (3, 6)), mask=torch.ones(3, 6, dtype=torch.bool))
    image = ImageBatch(pixels=torch.randn(3, 3, 32, 32))
    before = model(text, image)
    grow(model, 4)
    after = model(text, image)
    assert model.config.depth == len(model.encoder.blocks) == 4
    assert_close(after.pooled, before.pooled)
    assert_close(after.image, before.image)
    after.pooled.sum().backward()
    assert model.encoder.blocks[3].mlp.contract.weight.grad.abs().sum() > 0


def test_growing_draws_nothing_from_the_global_source_of_chance():
    state = torch.random.get_rng_state()
    one, two = small(), small()
    state = torch.random.get_rng_state()
    grow(one, 3, seed=1)
    assert torch.equal(torch.random.get_rng_state(), state)
    grow(two, 3, seed=1)
    assert_close(one.state_dict(), two.state_dict())


def test_a_model_does_not_shrink():
    with pytest.raises(ValueError, match="cannot grow to 1"):
        grow(small(), 1)
