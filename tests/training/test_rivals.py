"""Laws of how rivals learn: their own objectives, from the same rows as ViLT's."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from torch.testing import assert_close

from vilt_core import objectives
from vilt_core.training.batches import Batch, collate, counts
from vilt_core.training.loop import new_bundle, source_of
from vilt_core.training.rivals import RIVALS
from vilt_core.training.step import losses, weighted_sum

OWN = {  # what each learns from captions
    "vse-mini": {"triplet"},
    "clip-mini": {"contrastive"},
    "pixelbert-mini": {"mlm", "itm"},
}


@pytest.fixture(scope="module", params=RIVALS)
def rival(request):
    recipe = RIVALS[request.param](scale=0.001)
    return recipe, new_bundle(replace(recipe, vocab_size=400))


def batch_of(rival, kind: str, *, size: int = 6) -> Batch:
    recipe, bundle = rival
    stage = replace(recipe.stages[-1], mix={kind: 1.0}, batch_size=size)
    source = source_of(stage, bundle=bundle, data=None, seed=0)
    return collate(kind, source.rows(0, range(size)), pad=bundle.tokenizer.pad)


def kinds(rival) -> list[str]:
    return [kind for stage in rival[0].stages for kind in stage.mix]


def test_every_kind_of_batch_brings_its_losses(rival):
    recipe, bundle = rival
    expected = {"patches": {"naming"}, "questions": {"vqa"}, "statements": {"nlvr2"}}
    for kind in kinds(rival):
        batch = batch_of(rival, kind)
        found = losses(bundle.model, batch, recipe.stages[-1])
        assert set(found) == expected.get(kind, OWN[recipe.name])
        assert all(loss.ndim == 0 and loss.isfinite() for loss in found.values())
        assert set(found) <= set(counts(batch)), "every loss must be counted"


def test_every_weight_learns_in_one_stage_or_the_other(rival):
    recipe, bundle = rival
    bundle.model.zero_grad()
    for kind in kinds(rival):
        stage = recipe.stages[-1]
        weighted_sum(losses(bundle.model, batch_of(rival, kind), stage), stage).backward()
    still = [
        name
        for name, parameter in bundle.model.named_parameters()
        if parameter.requires_grad and (parameter.grad is None or not parameter.grad.any())
    ]
    assert not still


def test_a_pair_is_a_scene_with_a_sentence_that_is_true_of_it(rival):
    if "pairs" not in kinds(rival):
        pytest.skip("this rival reads pairs one by one")
    batch = batch_of(rival, "pairs", size=4)
    assert len(batch.text.ids) == len(batch.image.pixels) == 4
    assert batch.matched is None
    assert batch.masked is None


@torch.no_grad()
def test_the_hinge_and_the_softmax_read_the_same_scores(rival):
    recipe, bundle = rival
    if not bundle.model.dual:
        pytest.skip("this rival is no dual encoder")
    batch = batch_of(rival, "pairs")
    scores = bundle.model.score_all(batch.text, batch.image)
    for contrast, objective in (
        ("softmax", objectives.contrastive),
        ("hinges", partial(objectives.triplet, hardest=False)),
        ("hardest", objectives.triplet),
    ):
        stage = replace(recipe.stages[-1], contrast=contrast)
        [loss] = losses(bundle.model, batch, stage).values()
        assert_close(loss, objective(scores))
