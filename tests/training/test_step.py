"""Laws of one step: which losses a batch brings, and how they add up."""

import copy
from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from vilt_core import objectives
from vilt_core.config import TRAINING_HEADS
from vilt_core.training.batches import NOT_ASKED, Batch, collate, counts
from vilt_core.training.stages import Stage
from vilt_core.training.step import losses, weighted_sum
from vilt_core.training.stickers import StickerRows
from vilt_core.training.transfer import add_heads

TOLD = {"naming", "mentioning", "grounding", "locating", "comparing"}  # by the sticker world
STAGE = Stage(
    name="any",
    steps=9,
    mix={"captions": 1.0},
    batch_size=8,
    naming_weight=0.25,
    mentioning_weight=1.0,
    grounding_weight=1.0,
    locating_weight=1.0,
    comparing_weight=1.0,
)


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
        ("captions", TOLD | {"mlm", "itm", "wpa"}),
        ("questions", TOLD | {"vqa"}),
    ],
)
def test_a_loss_appears_where_its_truth_is_given(tiny_bundle, batch, kind, expected):
    found = losses(tiny_bundle.model, batch(kind), STAGE)
    assert set(found) == expected
    assert all(loss.ndim == 0 and loss.isfinite() for loss in found.values())


def test_words_proper_and_patches_are_aligned_of_the_pairs_that_matching_asks_about(
    tiny_bundle, batch, monkeypatch
):
    """Neither [CLS] nor [SEP] nor padding has mass, as published, nor rows with hidden words."""
    asked, aligned = batch("captions"), []
    monkeypatch.setattr(objectives, "wpa", lambda *given: aligned.append(given) or torch.zeros(()))
    losses(tiny_bundle.model, asked, STAGE)
    [(text, image, words, patches, matched)] = aligned
    rows = asked.matched != NOT_ASKED
    assert len(text) == len(image) == rows.sum()
    assert_close(matched, asked.matched[rows] == 1)
    assert_close(words, asked.text.mask[rows] & words)
    assert_close(words.sum(dim=1), asked.text.mask[rows].sum(dim=1) - 2)
    assert not words[:, 0].any()
    assert patches.all()


def test_what_has_no_weight_is_not_computed(tiny_bundle, batch):
    plain = Stage(name="any", steps=9, mix={"captions": 1.0}, batch_size=8)
    assert set(losses(tiny_bundle.model, batch("captions"), plain)) == {"mlm", "itm", "wpa"}


@pytest.mark.parametrize("kind", ["captions", "questions"])
def test_a_model_that_cannot_name_patches_learns_the_rest(tiny_bundle, batch, kind):
    mute = copy.deepcopy(tiny_bundle.model)
    expected = losses(tiny_bundle.model, batch(kind), STAGE)
    for head in TRAINING_HEADS:
        setattr(mute, head, None)
        del expected[head]
    found = losses(mute, batch(kind), STAGE)
    assert found.keys() == expected.keys()
    for name, loss in found.items():
        assert_close(loss, expected[name])


def at_depth(depth: int) -> Stage:
    return replace(STAGE, **{f"{head}_depth": depth for head in TRAINING_HEADS})


def test_a_depth_is_counted_in_blocks(tiny_bundle, batch):
    model, asked = tiny_bundle.model, batch("questions")
    depth = model.config.depth
    found = [
        losses(model, asked, STAGE),
        losses(model, asked, at_depth(depth)),
        losses(model, asked, at_depth(1)),
    ]
    assert_close(found[0], found[1])
    for name in found[0]:
        changed = float(found[2][name].detach()) != float(found[0][name].detach())
        assert changed == (name in TRAINING_HEADS)


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
    values |= {"locating": 16.0, "gathering": 32.0, "comparing": 64.0}
    found = {name: torch.tensor(value) for name, value in values.items()}
    weights = {"mentioning": 0.125, "locating": 0.25, "gathering": 0.5, "comparing": 0.125}
    stage = replace(STAGE, **{f"{name}_weight": weight for name, weight in weights.items()})
    told = 0.25 * 4 + 1 + 4 + 16 + 8
    assert_close(weighted_sum(found, stage), torch.tensor(told + 2 + 0.5 - 0.1))


def test_naming_alone_counts_in_full():
    assert_close(weighted_sum({"naming": torch.tensor(4.0)}, STAGE), torch.tensor(4.0))


def test_every_part_of_the_model_gets_a_gradient(tiny_bundle, batch):
    model = copy.deepcopy(tiny_bundle.model)
    stage = replace(STAGE, **{f"{head}_weight": 1.0 for head in TRAINING_HEADS})
    for kind in ("captions", "questions"):
        weighted_sum(losses(model, batch(kind), stage), stage).backward()
    without = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_each_picture_of_a_statement_is_read_under_a_type_of_its_own(tiny_bundle, batch):
    model = copy.deepcopy(tiny_bundle.model)
    add_heads(model, nlvr2=True)
    losses(model, batch("statements"), STAGE)["nlvr2"].backward()
    types = model.fusion.types.weight
    assert types.grad.shape == (3, model.config.width)
    assert types.grad.any(dim=1).tolist() == [True, True, True]
    model.zero_grad()
    losses(model, batch("questions"), STAGE)["vqa"].backward()
    assert types.grad.any(dim=1).tolist() == [True, True, False]


@pytest.mark.parametrize("kind", ["captions", "questions", "statements"])
def test_the_model_reads_the_kept_patches_and_truths_are_theirs(tiny_bundle, kind):
    """Losses with some patches kept are those of the whole picture with the others padded away."""
    model = copy.deepcopy(tiny_bundle.model)
    add_heads(model, nlvr2=True)
    stage = replace(STAGE, mix={kind: 1.0}, kept_patches=6, gathering_weight=1.0)
    source = StickerRows(
        stage, tokenizer=tiny_bundle.tokenizer, image_size=64, patch_size=16, seed=0
    )
    some = collate(kind, source.rows(0, range(8)), pad=tiny_bundle.tokenizer.pad)
    read = []
    embed = model.embed_image

    def watching(*args, **kwargs):
        read.append(embed(*args, **kwargs))
        return read[-1]

    model.embed_image = watching
    found = losses(model, some, stage)
    assert all(loss.isfinite() for loss in found.values())
    for seen, kept in zip(read, (some.kept, some.second_kept), strict=False):
        assert seen.tokens.shape[1] == 6
        places = kept.flatten(1).nonzero()[:, 1].reshape(8, 6)
        assert torch.equal(seen.positions[..., 0] * 4 + seen.positions[..., 1], places)
    assert len(read) == (2 if kind == "statements" else 1)


def test_a_batch_costs_what_its_halves_cost_by_their_counts(tiny_bundle):
    """So that a batch may be split into parts and processes; WPA's plans are of single pairs."""
    model = tiny_bundle.model
    for kind in ("captions", "questions"):
        stage = replace(
            STAGE, mix={kind: 1.0}, kept_patches=6, gathering_weight=1.0, patch_mask_rate=0.0
        )
        source = StickerRows(
            stage, tokenizer=tiny_bundle.tokenizer, image_size=64, patch_size=16, seed=0
        )
        parts = [range(8), range(4), range(4, 8)]
        batches = [
            collate(kind, source.rows(0, part), pad=tiny_bundle.tokenizer.pad) for part in parts
        ]
        whole, *halves = [(losses(model, one, stage), counts(one)) for one in batches]
        for name, loss in whole[0].items():
            shared = [
                found[name] * counted[name] / max(whole[1][name], 1)
                for found, counted in halves
                if name in found
            ]
            assert_close(torch.stack(shared).sum(), loss)


def test_attention_is_read_from_the_words_to_the_patches(tiny_bundle, batch, monkeypatch):
    """All of one head's weight on one patch: whoever speaks of that patch pays nothing."""
    model, asked = tiny_bundle.model, batch("questions")
    words = asked.text.ids.shape[1]
    piece = asked.grounded.any(dim=2).nonzero()[0].tolist()
    patch = int(asked.grounded[piece[0], piece[1]].nonzero()[0])
    forward = model.encoder.forward

    def looking(*args, **kwargs):
        found = forward(*args, **kwargs)
        weights = torch.zeros_like(found.attentions[0])
        weights[:, 0, :, words + 1 + patch] = 1.0
        return replace(found, attentions=(weights,))

    monkeypatch.setattr(model.encoder, "forward", looking)
    only = torch.zeros_like(asked.grounded)
    only[piece[0], piece[1]] = asked.grounded[piece[0], piece[1]]
    stage = replace(STAGE, gathering_weight=1.0)
    assert float(losses(model, replace(asked, grounded=only), stage)["gathering"].detach()) == 0


def test_nouns_are_asked_where_they_look_only_where_the_stage_says_so(tiny_bundle, batch):
    model, asked = tiny_bundle.model, batch("questions")
    assert "gathering" not in losses(model, asked, STAGE)
    found = []
    for block in (1, model.config.depth, None):
        stage = replace(STAGE, gathering_weight=1.0, gathering_block=block)
        found.append(losses(model, asked, stage)["gathering"].detach())
    assert_close(found[1], found[2])
    assert found[0] != found[1]
