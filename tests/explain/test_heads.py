import numpy as np
import torch

from vilt_core.explain.heads import head_maps


def test_what_looks_and_what_is_seen_sums_to_one_with_the_special_tokens(inquiry, model, image):
    found = head_maps(inquiry)
    with torch.no_grad():
        attentions = model(inquiry.text, image, return_attentions=True).attentions
    weights, l = torch.cat(attentions), inquiry.text_tokens
    assert found.to_patches.shape == (3, 3, 9, 24)
    assert found.queries == ("[CLS]", *found.words)
    np.testing.assert_allclose(found.to_patches[:, :, 0], weights[:, :, 0, l + 1 :], rtol=1e-5)
    special = weights[:, :, 0, [0, l - 1, l]].sum(-1).numpy()
    whole = found.to_patches.sum(-1)[:, :, 0] + found.to_words.sum(-1)[:, :, 0] + special
    np.testing.assert_allclose(whole, 1, rtol=1e-5)


def test_a_word_looks_as_the_mean_of_its_pieces_and_is_seen_as_their_sum(inquiry, model, image):
    found = head_maps(inquiry)
    with torch.no_grad():
        weights = torch.cat(model(inquiry.text, image, return_attentions=True).attentions)
    at = next(at for at, word in enumerate(inquiry.words) if len(word.tokens) > 1)
    pieces = list(inquiry.words[at].tokens)
    mean = weights[:, :, pieces, inquiry.text_tokens + 1 :].mean(2)
    np.testing.assert_allclose(found.to_patches[:, :, at + 1], mean, rtol=1e-5)
    seen = weights[:, :, 0, pieces].sum(-1)
    np.testing.assert_allclose(found.to_words[:, :, 0, at], seen, rtol=1e-5)
