"""Hidden words: which are hidden, and what knowing all, or nothing, scores."""

import json

import pytest
import torch
from torch import nn

from vilt_core.evaluation import evaluate, hidden_words
from vilt_core.evaluation.hidden_words import (
    CONDITIONS,
    KINDS,
    guessed,
    hidden_word_steps,
    kind_of,
    words_to_hide,
)
from vilt_core.evaluation.sources import captions_of
from vilt_core.world.grammar import NUMBERS
from vilt_core.world.scenes import BACKGROUNDS
from vilt_core.world.sprites import COLORS


@pytest.fixture(scope="module")
def captions():
    return captions_of("world:test", limit=60)


def test_words_are_of_the_kind_they_are_hidden_as(captions, bundle):
    met = set()
    for one in captions:
        found = words_to_hide(one, bundle.tokenizer)
        kinds = [hidden.kind for hidden in found]
        assert kinds == [kind for kind in KINDS if kind in kinds]
        met |= set(kinds)
        for hidden in found:
            word = hidden.word
            assert one.text[word.start : word.end] == word.text
            inside = any(m.noun_start <= word.start < m.noun_end for m in one.mentions)
            assert inside == (hidden.kind == "noun")
            if hidden.kind == "color":
                assert word.text in {*COLORS, *BACKGROUNDS}
            if hidden.kind == "number":
                assert word.text in NUMBERS
            if hidden.kind == "relation":
                assert not any(m.start <= word.start < m.end for m in one.mentions)
                assert one.form != "ordered"
        assert words_to_hide(one, bundle.tokenizer) == found
    assert met == set(KINDS)


def test_words_between_are_of_no_kind(captions, bundle):
    one = captions[0]
    kinds = {word.text: kind_of(one, word) for word in bundle.tokenizer.words(one.text)}
    assert {kinds.get(word) for word in ("a", "of", "the", "and", ",")} == {None}
    assert set(kinds.values()) - {None} <= set(KINDS)


class Knowing(nn.Module):
    """An MLM head that says the right piece wherever it is asked, or the pad everywhere."""

    def __init__(self, ids, pieces, *, right):
        super().__init__()
        self.ids, self.pieces, self.right = ids, pieces, right

    def forward(self, states):
        logits = torch.zeros(*states.shape[:2], self.pieces)
        answer = self.ids if self.right else torch.zeros_like(self.ids)
        return logits.scatter(2, answer[..., None], 9.0)


@pytest.mark.parametrize("right", [True, False])
def test_whoever_knows_is_always_right_and_whoever_does_not_never(captions, spare, right):
    words = [word for one in captions[:6] for word in words_to_hide(one, spare.tokenizer)]
    ids = spare.tokenizer.encode([word.captioned.text for word in words]).batch.ids
    spare.model.mlm = Knowing(ids, len(spare.tokenizer), right=right)
    assert guessed(spare, words) == {condition: [right] * len(words) for condition in CONDITIONS}


def test_the_picture_counts_and_only_where_it_is_shown(captions, bundle, monkeypatch):
    seen = {}
    model = bundle.model

    def spy(text, image, **settings):
        seen.setdefault("images", []).append(image)
        assert (text.ids == bundle.tokenizer.mask).any(dim=1).all()
        return type(model).forward(model, text, image, **settings)

    monkeypatch.setattr(model, "forward", spy)
    guessed(bundle, words_to_hide(captions[0], bundle.tokenizer))
    sharp, soft, none = seen["images"]
    assert none is None
    assert sharp.pixels.shape == soft.pixels.shape
    assert soft.pixels.std() < sharp.pixels.std()


def test_batches_change_nothing_and_the_last_step_has_all(captions, bundle):
    one = list(hidden_word_steps(bundle, captions[:20], batch_size=7))
    other = list(hidden_word_steps(bundle, captions[:20], batch_size=64))
    assert one[-1].found == other[-1].found
    assert [step.done for step in one] == sorted({step.done for step in one})
    assert one[-1].done == one[-1].total == other[-1].total
    found = one[-1].found
    words = sum(scores["words"] for scores in found["by_kind"].values())
    assert words == one[-1].total
    for condition in CONDITIONS:
        right = sum(s["words"] * s[condition] for s in found["by_kind"].values())
        assert found["accuracy"][condition] == pytest.approx(right / words, abs=1e-5)


def test_what_is_reported(bundle):
    told = []
    found = evaluate(
        bundle, task="masks", limit=8, batch_size=8, progress=lambda *at: told.append(at)
    )
    assert json.loads(json.dumps(found)) == found
    assert (found["task"], found["examples"]) == ("masks", 8)
    assert set(found["accuracy"]) == set(CONDITIONS)
    assert told[-1][0] == told[-1][1]


def test_without_a_head_or_a_word(spare, captions):
    with pytest.raises(ValueError, match="at least one word to hide"):
        list(hidden_word_steps(spare, []))
    spare.model.mlm = None
    with pytest.raises(ValueError, match="no head for masked words"):
        list(hidden_word_steps(spare, captions))


def test_relations_are_words_that_tell_something():
    assert {"above", "left", "under", "middle"} <= hidden_words._RELATIONS
    assert not {"the", "of", "to", "on"} & hidden_words._RELATIONS
