"""Laws of one step: which losses a batch brings, and how they add up."""

import copy
from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from vilt_core.training.batches import Batch, collate
from vilt_core.training.stages import Stage
from vilt_core.training.step import losses, weighted_sum
from vilt_core.training.stickers import StickerRows
from vilt_core.training.transfer import add_heads

STAGE = Stage(name="any", steps=9, mix={"captions": 1.0}, batch_size=8, naming_weight=0.25)


@pytest.fixture
def batch(tiny_bundle):
    def build(kind: str) -> Batch:
        source = StickerRows(
            replace(STAGE, mix={kind: 1.0}),
            tokenizer=tiny_bundle.tokenizer,
            image_size=64,
            patch_size=16,
            seed=0,
        )
        return collate(kind, source.rows(0, range(8)), pad=tiny_bundle.tokenizer.pad)

    return build


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("patches", {"naming"}),
        ("captions", {"naming", "mentioning", "grounding", "locating", "mlm", "itm", "wpa"}),
        ("questions", {"naming", "mentioning", "grounding", "locating", "vqa"}),
    ],
)
def test_a_loss_appears_where_its_truth_is_given(tiny_bundle, batch, kind, expected):
    found = losses(tiny_bundle.model, batch(kind), STAGE)
    assert set(found) == expected
    assert all(loss.ndim == 0 and loss.isfinite() for loss in found.values())


@pytest.mark.parametrize("kind", ["captions", "questions"])
def test_a_model_that_cannot_name_patches_learns_the_rest(tiny_bundle, batch, kind):
    mute = copy.deepcopy(tiny_bundle.model)
    mute.naming = mute.mentioning = mute.locating = None
    expected = losses(tiny_bundle.model, batch(kind), STAGE)
    del expected["naming"], expected["mentioning"], expected["locating"]
    found = losses(mute, batch(kind), STAGE)
    assert found.keys() == expected.keys()
    for name, loss in found.items():
        assert_close(loss, expected[name])


def at_depth(depth: int) -> Stage:
    return replace(STAGE, naming_depth=depth, mentioning_depth=depth, locating_depth=depth)


def test_a_depth_is_counted_in_blocks(tiny_bundle, batch):
    model, asked = tiny_bundle.model, batch("captions")
    depth = model.config.depth
    found = [
        losses(model, asked, STAGE),
        losses(model, asked, at_depth(depth)),
        losses(model, asked, at_depth(1)),
    ]
    assert_close(found[0], found[1])
    for name in found[0]:
        changed = float(found[2][name].detach()) != float(found[0][name].detach())
        assert changed == (name in ("naming", "mentioning", "locating"))


@pytest.mark.parametrize(
    ("kind", "head", "said"),
    [
        ("patches", "naming", "a stage of patches needs a model with a naming head"),
        ("questions", "vqa", "this model has no vqa head"),
    ],
)
def test_a_batch_that_asks_for_a_missing_head_is_refused(tiny_bundle, batch, kind, head, said):
    mute = copy.deepcopy(tiny_bundle.model)
    setattr(mute, head, None)
    with pytest.raises(ValueError, match=said):
        losses(mute, batch(kind), STAGE)


def test_some_losses_are_weighted_and_the_rest_is_summed():
    values = {"naming": 4.0, "mentioning": 8.0, "mlm": 2.0, "itm": 0.5, "wpa": -1.0}
    found = {name: torch.tensor(value) for name, value in values.items()}
    stage = replace(STAGE, mentioning_weight=0.125)
    assert_close(weighted_sum(found, stage), torch.tensor(0.25 * 4 + 1 + 2 + 0.5 - 0.1))


def test_naming_alone_counts_in_full():
    assert_close(weighted_sum({"naming": torch.tensor(4.0)}, STAGE), torch.tensor(4.0))


def test_every_part_of_the_model_gets_a_gradient(tiny_bundle, batch):
    model = copy.deepcopy(tiny_bundle.model)
    for kind in ("captions", "questions"):
        weighted_sum(losses(model, batch(kind), STAGE), STAGE).backward()
    without = [name for name, p in model.named_parameters() if p.grad is None]
    assert without == []


@pytest.mark.parametrize("kind", ["captions", "questions", "statements"])
def test_to_keep_every_patch_is_to_read_the_whole_picture(tiny_bundle, kind):
    """However the patches are chosen, with as many kept as there are nothing is lost."""
    model = copy.deepcopy(tiny_bundle.model)
    add_heads(model, nlvr2=True)
    found = []
    for kept in (None, 16):
        stage = replace(STAGE, mix={kind: 1.0}, kept_patches=kept)
        source = StickerRows(
            stage, tokenizer=tiny_bundle.tokenizer, image_size=64, patch_size=16, seed=0
        )
        batch = collate(kind, source.rows(0, range(8)), pad=tiny_bundle.tokenizer.pad)
        found.append(losses(model, batch, stage))
    for name, loss in found[0].items():
        assert_close(loss, found[1][name])


def test_nouns_are_asked_where_they_look_only_where_the_stage_says_so(tiny_bundle, batch):
    model, asked = tiny_bundle.model, batch("questions")
    assert "gathering" not in losses(model, asked, STAGE)
    found = []
    for block in (1, model.config.depth, None):
        stage = replace(STAGE, gathering_weight=1.0, gathering_block=block)
        found.append(losses(model, asked, stage)["gathering"].detach())
    assert_close(found[1], found[2])
    assert found[0] != found[1]
