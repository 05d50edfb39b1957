import numpy as np
import pytest
import torch

from vilt_core.explain.align import align
from vilt_core.explain.attention import head_mean
from vilt_core.explain.explanation import METHOD_NAMES, METHODS, explain, likeliest
from vilt_core.explain.integrated_gradients import answer_gradients
from vilt_core.explain.rollout import rollout

ANSWERS = ("cat", "dog", "yes", "no", "two")
WORDS = ("is", "there", "a", "cat", "above", "the", "hearted", "?")


def test_every_method_has_a_name():
    assert list(METHODS) == list(METHOD_NAMES)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_explains_a_picture_of_any_shape(inquiry, method):
    found = explain(inquiry, ANSWERS, method=method)
    assert found.heat.shape == (4, 6)
    assert found.words == WORDS
    assert found.word_heat.shape == (8,)
    assert found.answer == ANSWERS[likeliest(inquiry)]
    assert np.isfinite(found.heat).all()
    assert found.heat.std() > 0


@pytest.mark.parametrize("method", METHODS)
def test_only_three_methods_know_the_answer(inquiry, method):
    first, second = (explain(inquiry, ANSWERS, method=method, answer=at) for at in (0, 3))
    knows = method in ("relevance", "gradients", "occlusion")
    assert np.allclose(first.heat, second.heat) != knows


def test_patches_keep_their_places_and_words_sum_their_pieces(inquiry):
    found = explain(inquiry, ANSWERS, method="gradients", answer=1)
    tokens = answer_gradients(inquiry, 1).double().numpy()
    assert found.heat[2, 4] == tokens[inquiry.text_tokens + 1 + 2 * 6 + 4]
    for word, heat in zip(inquiry.words, found.word_heat, strict=True):
        assert heat == pytest.approx(tokens[list(word.tokens)].sum())


def test_transport_is_the_alignment_over_all_words(inquiry, model, tokenizer, image):
    question = "is there a cat above the hearted?"
    aligned = align(model, tokenizer, question, image)
    heat = sum(aligned.heatmap(at) for at in range(len(aligned.words)))
    found = explain(inquiry, ANSWERS, method="transport")
    np.testing.assert_allclose(found.heat, heat, atol=1e-7)
    carried = [aligned.heatmap(at).sum() for at in range(len(aligned.words))]
    np.testing.assert_allclose(found.word_heat, carried, atol=1e-7)


def test_attention_and_rollout_are_rows_of_cls(inquiry, model, image):
    with torch.no_grad():
        attentions = model(inquiry.text, image, return_attentions=True).attentions
    first = inquiry.text_tokens + 1
    for method, rows in (
        ("attention", head_mean(attentions[-1])),
        ("rollout", rollout(attentions)),
    ):
        found = explain(inquiry, ANSWERS, method=method)
        np.testing.assert_allclose(found.heat.ravel(), rows[0, 0, first:].numpy(), rtol=1e-5)


def test_what_cannot_be_explained(inquiry):
    with pytest.raises(ValueError, match=r"method must be one of transport, .*, got 'magic'"):
        explain(inquiry, ANSWERS, method="magic")
    with pytest.raises(ValueError, match="5 answers, got number 5"):
        explain(inquiry, ANSWERS, method="attention", answer=5)
