"""Laws of beginning with what was learned before."""

import copy

import pytest
import torch
from torch.nn.functional import cosine_similarity, gelu
from torch.testing import assert_close

from vilt_core.config import ViltConfig
from vilt_core.layers.positions import sines
from vilt_core.models.vilt import Vilt
from vilt_core.training.transfer import (
    add_heads,
    seed_words_from_pictures,
    start_rank_from_itm,
    start_second_image_type,
    strengthen_positions,
)
from vilt_core.types import ImageBatch, TextBatch
from vilt_core.world.sprites import sprites


@pytest.fixture
def seeded(tiny_bundle):
    model = copy.deepcopy(tiny_bundle.model)
    touched = seed_words_from_pictures(model, tiny_bundle.tokenizer, tiny_bundle.answers)
    return model, touched


def directions(model) -> torch.Tensor:
    rows = model.naming.weight.detach()[1:]
    return rows - rows.mean(dim=0)


def test_a_noun_points_to_its_own_pictures(tiny_bundle, seeded):
    model, _ = seeded
    mean = directions(model)
    found = []
    for sprite in (s for s in sprites() if s.color is None):
        pieces = tiny_bundle.tokenizer.backend.encode(sprite.name, add_special_tokens=False).ids
        moved = (
            model.text_embedding.words.weight[pieces]
            - tiny_bundle.model.text_embedding.words.weight[pieces]
        ).sum(0)
        likeness = cosine_similarity(moved.detach()[None], mean)
        found.append(int(likeness.argmax()) == sprite.index)
    # Nouns in several pieces share them with others.
    assert sum(found) > 0.8 * len(found)


def test_only_words_of_pictures_move(tiny_bundle, seeded):
    model, touched = seeded
    before, after = (m.text_embedding.words.weight for m in (tiny_bundle.model, model))
    moved = (before != after).any(dim=1)
    assert int(moved.sum()) == touched
    known = tiny_bundle.tokenizer.backend.token_to_id
    assert not moved[[known(word) for word in ("[PAD]", "[MASK]", "the", "is", "what")]].any()
    decoder = (tiny_bundle.model.mlm.decoder.weight != model.mlm.decoder.weight).any(dim=1)
    assert torch.equal(decoder, moved)


def test_the_answer_head_first_passes_the_pooled_state_on(seeded):
    model, _ = seeded
    pooled = torch.randn(3, model.config.width, generator=torch.Generator().manual_seed(0))
    expanded = model.vqa.expand(pooled) - model.vqa.expand.bias
    up, down = gelu(expanded).chunk(2, dim=1)
    torch.testing.assert_close(up - down, pooled)


def test_an_answer_that_is_a_noun_likes_the_noun_s_picture(tiny_bundle, seeded):
    model, _ = seeded
    answers = tiny_bundle.answers
    rows = model.vqa.classify.weight.detach()
    for sprite in [s for s in sprites() if s.color is None][::29]:
        row = rows[answers.index(sprite.name)]
        up, down = row.chunk(2)
        torch.testing.assert_close(up, -down)
        assert int(cosine_similarity(up[None], directions(model)).argmax()) == sprite.index
    same = (rows == tiny_bundle.model.vqa.classify.weight).all(dim=1)
    assert same[[answers.index(word) for word in ("yes", "no", "3")]].all()


def test_the_same_model_gets_the_same_words(tiny_bundle, seeded):
    again = copy.deepcopy(tiny_bundle.model)
    seed_words_from_pictures(again, tiny_bundle.tokenizer, tiny_bundle.answers)
    for one, other in zip(seeded[0].parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(one, other)


@pytest.fixture
def pretrained():
    """A small model away from its start, a text and a picture."""
    torch.manual_seed(0)
    config = ViltConfig(
        vocab_size=30, width=12, depth=2, heads=3, image_size=16, patch_size=8, dropout=0.0
    )
    model = Vilt(config).eval()
    for parameter in model.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    ids = torch.randint(1, 30, (4, 6))
    text = TextBatch(ids=ids, mask=torch.ones_like(ids, dtype=torch.bool))
    return model, text, ImageBatch(pixels=torch.randn(4, 3, 16, 16))


def reopened(model):
    """The same weights in a model that is built from the config alone."""
    again = Vilt(model.config).eval()
    again.load_state_dict(model.state_dict(), strict=True)
    return again


def test_ranking_begins_as_the_score_of_a_match(pretrained):
    model, text, image = pretrained
    pooled = model(text, image).pooled
    start_rank_from_itm(model)
    torch.testing.assert_close(model.rank(pooled), model.itm(pooled)[:, 1])
    assert model.config.tasks == ("itm", "mlm", "rank")
    torch.testing.assert_close(reopened(model).rank(pooled), model.rank(pooled))


def test_ranking_learns_and_matching_no_more(pretrained):
    model, text, image = pretrained
    matching = model.itm.dense.weight.detach().clone()
    start_rank_from_itm(model)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    before = model.rank.dense.weight.detach().clone()
    model.rank(model(text, image).pooled).sum().backward()
    optimizer.step()
    assert (model.rank.dense.weight != before).any()
    torch.testing.assert_close(model.itm.dense.weight, matching)


def test_the_second_picture_begins_as_the_first(pretrained):
    model, text, image = pretrained
    alone = model(text, image).pooled
    start_second_image_type(model)
    assert model.config.modality_types == 3
    torch.testing.assert_close(model(text, image).pooled, alone)
    torch.testing.assert_close(model(text, image, image_type=2).pooled, alone)
    torch.testing.assert_close(reopened(model)(text, image, image_type=2).pooled, alone)


def test_the_second_type_is_its_own_from_then_on(pretrained):
    model, text, image = pretrained
    start_second_image_type(model)
    model(text, image, image_type=2).pooled.sum().backward()
    gradient = model.fusion.types.weight.grad
    assert (gradient[1] == 0).all()
    assert (gradient[2] != 0).any()


def test_starting_draws_no_chance_of_others(pretrained):
    model, _, _ = pretrained
    state = torch.get_rng_state()
    start_rank_from_itm(model)
    start_second_image_type(model)
    assert torch.equal(torch.get_rng_state(), state)


def test_models_that_cannot_start_so_are_refused(pretrained):
    model, _, _ = pretrained
    start_second_image_type(model)
    with pytest.raises(ValueError, match="2 modality types, got 3"):
        start_second_image_type(model)
    model.itm = None
    with pytest.raises(ValueError, match="with an ITM head"):
        start_rank_from_itm(model)


def test_new_heads_leave_the_rest_as_it_was(pretrained):
    model, text, image = pretrained
    before, state = model(text, image).pooled, torch.get_rng_state()
    add_heads(model, nlvr2=True, patch_classes=5)
    assert torch.equal(torch.get_rng_state(), state)
    torch.testing.assert_close(model(text, image).pooled, before)
    assert model.config.tasks[-1] == "nlvr2"
    assert model.naming(before).shape == (len(before), 5)
    again = reopened(model)
    torch.testing.assert_close(again.nlvr2.pair(before, before), model.nlvr2.pair(before, before))


def test_heads_that_are_there_stay(pretrained):
    model, _, _ = pretrained
    add_heads(model, nlvr2=True, patch_classes=5)
    heads = model.nlvr2, model.naming, model.config
    add_heads(model, nlvr2=True, patch_classes=5)
    assert (model.nlvr2, model.naming, model.config) == heads


def test_places_that_were_never_learned_can_be_told_apart_afterwards(tiny_bundle):
    """What is added depends on the place alone, and once is enough; all else stays as it was."""
    model = copy.deepcopy(tiny_bundle.model)
    with torch.no_grad():
        model.patch_embedding.positions.table *= 0.1  # of 1/2: next to nothing
    before = copy.deepcopy(model.state_dict())
    for _ in range(2):
        strengthen_positions(model)
        table = model.state_dict()["patch_embedding.positions.table"]
        added = table - before["patch_embedding.positions.table"]
        assert_close(added, sines(len(table), table.shape[-1]))
    for name, value in model.state_dict().items():
        if name != "patch_embedding.positions.table":
            assert_close(value, before[name])
