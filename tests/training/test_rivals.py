"""Laws of how rivals learn: their own objectives, from the same rows as ViLT's."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from vilt_core import objectives
from vilt_core.config import detector_mini
from vilt_core.evaluation.scoring import judge_of
from vilt_core.interop.detectors import save_detector
from vilt_core.interop.lab import load_folder, save_folder
from vilt_core.objectives.mlm import IGNORED
from vilt_core.training.batches import Batch, collate, counts, matching_rows
from vilt_core.training.detecting import fresh_detector
from vilt_core.training.loop import new_bundle, source_of
from vilt_core.training.rivals import FURTHER, RIVALS
from vilt_core.training.step import losses, weighted_sum

OWN = {  # what each learns from captions
    "vse-mini": {"triplet"},
    "scan-mini": {"triplet"},
    "clip-mini": {"contrastive"},
    "pixelbert-mini": {"mlm", "itm"},
    "vilbert-mini": {"mlm", "itm", "region_kl"},
    "uniter-mini": {"mlm", "itm", "wpa", "region_kl", "region_regression"},
    "xlxmert-mini": {"mlm", "itm", "region_class"},
    "vilt-plain-mini": {"mlm", "itm", "wpa"},
}

UNASKED = ("mentioning.", "locating.", "comparing.")  # of vilt-mini's own training


@pytest.fixture(scope="module")
def detectors(tmp_path_factory) -> Iterator[Path]:
    """In place of what ships, a detector that knows nothing, and a codebook of few scenes."""
    folder, config = tmp_path_factory.mktemp("models"), detector_mini()
    state = fresh_detector(config).state_dict()
    save_detector(config, state, folder / "detector-mini")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vilt_core.interop.detectors.SHIPPED", folder)
        patch.setattr("vilt_core.training.naming_cells.SCENES", 64)
        yield folder


@pytest.fixture(scope="module", params=RIVALS)
def rival(request, detectors):
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
        if not name.startswith(UNASKED)
    ]
    assert not still


@pytest.mark.parametrize("rival", ["clip-mini"], indirect=True)
def test_a_pair_is_a_scene_with_a_sentence_that_is_true_of_it(rival):
    batch = batch_of(rival, "pairs", size=4)
    assert len(batch.text.ids) == len(batch.image.pixels) == 4
    assert batch.matched is None
    assert batch.masked is None


@torch.no_grad()
@pytest.mark.parametrize("rival", ["vse-mini", "scan-mini", "clip-mini"], indirect=True)
def test_the_hinge_and_the_softmax_read_the_same_scores(rival):
    recipe, bundle = rival
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


@torch.no_grad()
def test_what_is_saved_sees_again_and_by_no_other_eyes(rival, tmp_path):
    _, bundle = rival
    save_folder(bundle, tmp_path / "model")
    found = load_folder(tmp_path / "model")
    batch = batch_of(rival, "questions", size=2)
    bundle.model.eval()
    expected = bundle.model(batch.text, batch.image).pooled
    assert_close(found.model(batch.text, batch.image).pooled, expected)
    if bundle.sight is None:
        return
    config = detector_mini()
    other = fresh_detector(config, seed=1).state_dict()
    save_detector(config, other, tmp_path / "detector-mini")  # beside the model it comes first
    with pytest.raises(ValueError, match="another detector than this model learned to read"):
        load_folder(tmp_path / "model")


@pytest.mark.parametrize("rival", ["uniter-mini"], indirect=True)
def test_uniter_hides_either_words_or_regions(rival):
    batch = batch_of(rival, "captions", size=16)
    free = ~matching_rows(batch)
    hidden = (batch.masked != IGNORED).any(dim=1)
    assert hidden[free].sum() == free.sum() // 2
    assert not hidden[~free].any()


def test_whoever_reads_pairs_learns_to_rank_from_how_it_matches(rival, tmp_path):
    recipe, bundle = rival
    save_folder(bundle, tmp_path / "model")
    if f"{recipe.name}-ranking" not in FURTHER:
        assert bundle.model.dual, "it ranks as it is"
        return
    further = FURTHER[f"{recipe.name}-ranking"](scale=0.001)
    assert further.start == recipe.name
    taught = further.prepare(load_folder(tmp_path / "model"))
    batch = batch_of((further, taught), "ranking", size=2)
    assert len(batch.text.ids) == 2 * 16
    with torch.no_grad():
        pictures = taught.model.eval().look(batch.image).take([0] * 16 + [1] * 16)
        pooled = taught.model.pool(batch.text, pictures)
        no, yes = taught.model.itm(pooled).unbind(dim=1)
        assert_close(taught.model.rank(pooled), yes)
        assert not torch.equal(no, yes)
    taught.model.train()
    found = losses(taught.model, batch, further.stages[-1])
    assert set(found) == {"ranking"} <= set(counts(batch))
    weighted_sum(found, further.stages[-1]).backward()
    assert taught.model.rank.dense.weight.grad.any()
    assert taught.model.itm.dense.weight.grad is None
    save_folder(taught, tmp_path / "taught")
    again = load_folder(tmp_path / "taught")
    assert judge_of(again.model)[0] == "rank"
    assert_close(again.model.rank.dense.weight, taught.model.rank.dense.weight)


def test_a_model_of_regions_learns_its_further_tasks_from_where_it_was_compared(rival, tmp_path):
    recipe, bundle = rival
    save_folder(bundle, tmp_path / "model")
    if f"{recipe.name}-tasks" not in FURTHER:
        with pytest.raises(ValueError, match="needs a model of regions"):
            FURTHER["vilbert-mini-tasks"]().prepare(load_folder(tmp_path / "model"))
        return
    further = FURTHER[f"{recipe.name}-tasks"](scale=0.001)
    assert further.start == recipe.name
    taught = further.prepare(load_folder(tmp_path / "model"))
    before, after = bundle.model.state_dict(), taught.model.state_dict()
    assert {name.split(".")[0] for name in after.keys() - before.keys()} == {"referring", "choice"}
    assert all(torch.equal(before[name], after[name]) for name in before)
    for kind in ("referring", "choices"):
        batch = batch_of((further, taught), kind)
        found = losses(taught.model, batch, further.stages[-1])
        assert set(found) == {kind.removesuffix("s")}
        assert set(found) <= set(counts(batch))
        weighted_sum(found, further.stages[-1]).backward()
    still = [
        name
        for name, parameter in taught.model.named_parameters()
        if name.startswith(("referring", "choice", "image_embedding.features", "words", "encoder"))
        and (parameter.grad is None or not parameter.grad.any())
    ]
    assert not still
    save_folder(taught, tmp_path / "taught")
    again = further.prepare(load_folder(tmp_path / "taught"))
    assert again.name == further.name
    for name, value in again.model.state_dict().items():
        assert torch.equal(value, after[name]), "what was learned stays"


@pytest.mark.parametrize("rival", ["vilbert-mini"], indirect=True)
def test_choices_are_one_true_text_and_three_that_are_not(rival):
    batch = batch_of(rival, "choices", size=4)
    assert len(batch.image.pixels) == len(batch.chosen) == 4
    assert len(batch.text.ids) == 16
    texts = [
        rival[1].tokenizer.backend.decode(ids.tolist(), skip_special_tokens=True)
        for ids in batch.text.ids
    ]
    assert len(set(texts)) == 16
    reasons = [text.split("?")[1].count(":") for text in texts]
    assert reasons == [0] * 4 + [1] * 4 + [0] * 4 + [1] * 4


@pytest.mark.parametrize("rival", ["vilbert-mini"], indirect=True)
def test_what_is_referred_to_is_among_the_boxes(rival):
    batch = batch_of(rival, "referring")
    real = (batch.boxes[..., 2:] > batch.boxes[..., :2]).all(dim=-1)
    assert real.gather(1, batch.meant[:, None]).all()
    assert len(batch.text.ids) == len(batch.image.pixels) == len(batch.boxes)
