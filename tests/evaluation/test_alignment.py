import json
import random

import pytest
import torch
from PIL import Image

from vilt_core.evaluation import alignment_scores, evaluate
from vilt_core.evaluation.alignment import (
    METHODS,
    even,
    ipot_plan,
    last_attention,
    measured,
    mention_batches,
    object_shares,
)
from vilt_core.evaluation.inference import evaluating, pixels_of
from vilt_core.evaluation.localisation import patches_in_boxes
from vilt_core.evaluation.sources import captions_of
from vilt_core.explain.align import align
from vilt_core.types import ImageBatch
from vilt_core.world.export import export


@pytest.fixture(scope="module")
def captions():
    return captions_of("world:test", limit=24)


@pytest.fixture(scope="module")
def batches(bundle, captions):
    with evaluating(bundle.model):
        return list(
            mention_batches(
                bundle, captions, batch_size=9, return_states=True, return_attentions=True
            )
        )


def test_the_truth_points_perfectly(batches):
    for batch in batches:
        weights = torch.zeros(len(batch.output.text), batch.tokens.shape[1], 64)
        for row, tokens, showing in zip(batch.rows, batch.tokens, batch.showing, strict=True):
            weights[row, tokens] = showing.float()
        scores = measured(batch, weights)
        assert (scores["pointing"] == 1).all()
        assert (scores["average_precision"] == 1).all()
        assert (scores["mass"] > 0.99).all()


def test_an_even_heatmap_is_chance(batches):
    for batch in batches:
        scores = measured(batch, even(batch.output))
        chance = batch.inside.float().mean(-1)
        torch.testing.assert_close(scores["pointing"], chance)
        torch.testing.assert_close(scores["mass"], chance)
        torch.testing.assert_close(scores["average_precision"], batch.showing.float().mean(-1))


def test_tokens_are_the_noun(bundle, captions, batches):
    mentions = [(one, mention) for one in captions for mention in one.mentions]
    masks = [
        (batch.output, row, tokens)
        for batch in batches
        for row, tokens in zip(batch.rows, batch.tokens, strict=True)
    ]
    assert len(masks) == len(mentions)
    for (one, mention), (_, _, tokens) in zip(mentions, masks, strict=True):
        encoded = bundle.tokenizer.encode([one.text])
        ids, read = encoded.batch.ids[0], int(encoded.spans.max())  # a long text is cut
        pieces = [bundle.tokenizer.token(int(i)) for i in ids[tokens[: len(ids)]]]
        spelled = "".join(piece.removeprefix("##") for piece in pieces)
        noun = one.text[mention.noun_start : min(mention.noun_end, read)]
        assert spelled == noun.replace(" ", "")


def test_patches_that_show_an_object_lie_in_its_box(captions):
    inside, showing = 0, 0
    for one in captions:
        shares = object_shares(one, grid=(8, 8), size=64)
        mostly = shares >= 0.5
        in_box = patches_in_boxes(torch.tensor(one.boxes), grid=(8, 8))
        showing += int(mostly.sum())
        inside += int((mostly & in_box).sum())
    assert showing > 50
    assert inside == showing


def test_what_is_scored_is_what_the_lab_shows(bundle, captions, batches):
    """The plan of ``align``, one picture at a time and in float64, row for row."""
    batch = batches[0]
    plans = ipot_plan(batch.output)
    for row, one in enumerate(captions[:4]):
        with evaluating(bundle.model):
            image = ImageBatch(pixels=pixels_of(one.picture, bundle)[None])
            shown = align(bundle.model, bundle.tokenizer, one.text, image)
        expected = torch.from_numpy(shown.plan).float()
        torch.testing.assert_close(
            plans[row, 1 : 1 + len(expected)], expected, atol=1e-6, rtol=1e-3
        )


def test_plans_leave_out_cls_and_sep(batches):
    for method in ("ipot", "sinkhorn"):
        plan = METHODS[method](batches[0].output)
        words = plan.sum(-1) > 0
        assert not words[:, 0].any()
        assert (words.sum(1) == batches[0].output.text_mask.sum(1) - 2).all()


def test_a_heatmap_sums_its_pieces(batches):
    batch = batches[0]
    weights = last_attention(batch.output)
    for heat, row, tokens in zip(batch.heat(weights), batch.rows, batch.tokens, strict=True):
        torch.testing.assert_close(heat, weights[row][tokens].sum(0))


def test_what_is_reported(bundle):
    found = evaluate(bundle, task="alignment", on="world:style", limit=12)
    assert json.loads(json.dumps(found)) == found
    assert found["captions"] == 12
    told = sum(len(one.mentions) for one in captions_of("world:style", limit=12))
    assert found["examples"] + found["left_out"] == told
    for measure in ("pointing", "mass", "average_precision"):
        assert list(found[measure]) == list(METHODS)
        assert all(0 <= share <= 1 for share in found[measure].values())


def test_batch_size_changes_nothing(bundle):
    first, second = (alignment_scores(bundle, limit=12, batch_size=size) for size in (5, 12))
    for measure in ("pointing", "mass", "average_precision"):
        assert first[measure] == pytest.approx(second[measure], abs=0.03)


def test_a_written_world_scores_as_the_world_does(bundle, tmp_path):
    """Through PNG and JSON, with boxes for the truth."""
    for _ in export(tmp_path, seed=3, count=4, size=64):
        pass
    path = tmp_path / "captions.jsonl"
    captions = captions_of(path)
    assert len(captions) == 4
    assert evaluate(bundle, task="alignment", on=path)["captions"] == 4
    assert evaluate(bundle, task="vqa", on=tmp_path / "questions.jsonl")["examples"] == 12
    assert evaluate(bundle, task="matching", on=path)["hard_negatives"] is not None
    for one in captions:
        shares = object_shares(one, grid=(8, 8), size=64)
        assert shares.shape == (len(one.boxes), 64)


def test_captions_that_mention_nothing(bundle, tmp_path):
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    path = tmp_path / "captions.jsonl"
    path.write_text(json.dumps({"image": "a.png", "caption": "a cat"}))
    with pytest.raises(ValueError, match="must say what its captions mention"):
        alignment_scores(bundle, on=path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"mentions": [{"start": 0, "end": 5}]},
        {"mentions": 3},
        {"mentions": [{"start": 0, "end": 5, "noun_start": 2, "noun_end": 5, "objects": [1]}]},
        {"mentions": [{"start": 0, "end": 5, "noun_start": 5, "noun_end": 5, "objects": []}]},
        {"scene": {"objects": [{"box": [0, 1]}]}},
        {"scene": [], "mentions": [1]},
    ],
)
def test_a_bad_line_is_named(tmp_path, wrong):
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    path = tmp_path / "captions.jsonl"
    line = {"image": "a.png", "caption": "a cat", "scene": {"objects": [{"box": [0, 0, 1, 1]}]}}
    path.write_text(json.dumps(line | wrong))
    with pytest.raises(ValueError, match=r"captions\.jsonl line 1: expected mentions and boxes"):
        captions_of(path)


def test_chance_is_not_drawn(bundle):
    random.seed(1)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    alignment_scores(bundle, limit=4)
    assert torch.equal(torch.get_rng_state(), state)
