"""Laws of starting words where their pictures are."""

import copy

import pytest
import torch
from torch.nn.functional import cosine_similarity, gelu

from vilt_core.training.transfer import seed_words_from_pictures
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
