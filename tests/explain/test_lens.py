import torch

from vilt_core.explain.lens import answers_by_layer, lens
from vilt_core.layers.encoder import Encoder

ANSWERS = ("cat", "dog", "yes", "no", "two")


def test_the_last_layer_is_the_models_answer(inquiry):
    found = answers_by_layer(inquiry)
    assert found.shape == (4, 5)
    torch.testing.assert_close(found[-1], inquiry.logits()[0].double().softmax(-1))
    torch.testing.assert_close(found.sum(-1), torch.ones(4).double())


def test_each_layer_is_a_model_that_ends_there(inquiry, model):
    found = answers_by_layer(inquiry)
    for depth in range(4):
        short = Encoder(list(model.encoder.blocks)[:depth], norm=model.encoder.norm)
        with torch.no_grad():
            logits = model.vqa(model.pooler(short(inquiry.joint()).tokens[:, 0]))
        torch.testing.assert_close(found[depth], logits[0].double().softmax(-1))


def test_final_answers_come_first_and_early_leaders_are_among_them(inquiry):
    found = lens(inquiry, ANSWERS, top_k=2)
    assert found.answers[0] == found.said[-1]
    assert set(found.said) <= set(found.answers)
    assert len(set(found.answers)) == len(found.answers) == found.probabilities.shape[1]
    assert found.probabilities[-1, 0] >= found.probabilities[-1, 1]
