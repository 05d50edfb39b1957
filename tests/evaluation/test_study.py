import pytest
import torch

from vilt_core.evaluation.alignment import alignment_scores, ipot_plan, mention_batches
from vilt_core.evaluation.inference import evaluating
from vilt_core.evaluation.sources import captions_of
from vilt_core.evaluation.study import (
    alignment_study,
    centred,
    claimed,
    nouns,
    study_markdown,
    variants,
)
from vilt_core.objectives import content_mask


@pytest.fixture(scope="module")
def batch(bundle):
    captions = captions_of("world:train", limit=8)
    with evaluating(bundle.model):
        return next(mention_batches(bundle, captions, return_states=True, return_attentions=True))


@pytest.fixture(scope="module")
def study(bundle):
    return alignment_study(bundle, limit=8)


def test_the_papers_setting_stands_in_every_question(bundle, batch):
    """Last layer under the final norm, all words, beta 0.5 and 50 iterations: always the same."""
    plan = ipot_plan(batch.output)
    found = dict(variants(bundle.model, batch))
    for question, setting in (
        ("Which method?", "IPOT, mass alone"),
        ("Which words carry mass?", "all but [CLS] and [SEP]"),
        ("How far does IPOT go?", "beta 0.5, 50 iterations (ratio 100)"),
        ("Which layer's states?", "layer 2, final norm"),
    ):
        torch.testing.assert_close(found[question, setting], plan, atol=1e-6, rtol=1e-3)


def test_scores_are_those_of_the_evaluation(bundle, study):
    rows = {row["setting"]: row for row in study["rows"] if row["question"] == "Which method?"}
    scores = alignment_scores(bundle, on="world:train", limit=8)
    assert scores["examples"] == study["examples"]
    for measure in ("pointing", "mass", "average_precision"):
        assert rows["rollout"][measure] == pytest.approx(scores[measure]["rollout"], abs=1e-6)
        assert rows["chance"][measure] == pytest.approx(scores[measure]["chance"], abs=1e-6)


def test_every_layer_is_there(study):
    layers = {row["setting"][:7] for row in study["rows"] if "layer" in row["question"]}
    assert layers == {"layer 0", "layer 1", "layer 2"}


def test_one_noun_alone_has_no_choice(bundle):
    """A balanced plan of one word must cover every patch evenly: it points by chance."""
    for one in captions_of("world:train", limit=60):
        if len(one.mentions) == 1:
            with evaluating(bundle.model):
                batch = next(
                    mention_batches(bundle, [one], return_states=True, return_attentions=True)
                )
            if batch.tokens.sum() == 1:
                break
    plan = dict(variants(bundle.model, batch))["Which words carry mass?", "nouns alone"]
    torch.testing.assert_close(batch.heat(plan), torch.full((1, 64), 1 / 64))


def test_nouns_are_the_pieces_of_all_mentions(batch):
    words = content_mask(batch.output.text_mask)
    mask = nouns(batch, otherwise=words)
    assert not (mask & ~words).any()
    for row, tokens in zip(batch.rows, batch.tokens, strict=True):
        assert mask[row][tokens].all()


def test_centred_states_have_no_mean():
    states = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0))
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0]], dtype=torch.bool)
    left = centred(states, mask) * mask[..., None]
    torch.testing.assert_close(left.sum(1), torch.zeros(3, 4), atol=1e-5, rtol=0)
    shifted = centred(states + 100, mask) * mask[..., None]
    torch.testing.assert_close(shifted, left, atol=1e-4, rtol=0)


def test_nobody_else_claims_what_only_the_noun_covers(batch):
    weights = torch.zeros(len(batch.output.text), batch.tokens.shape[1], 64)
    weights[batch.rows[0], batch.tokens[0]] = 1.0
    assert claimed(batch, weights)[0] == 1
    assert ((claimed(batch, ipot_plan(batch.output)) > 0).float().mean()) > 0.9


def test_the_page(study):
    page = study_markdown(study, command="python -m vilt_core evaluate m --study docs")
    assert page.count("\n## ") == 5
    assert "`python -m vilt_core evaluate m --study docs`" in page
    for row in study["rows"]:
        assert row["setting"] in page
