import pytest
import torch

from vilt_core.explain.relevance import answer_relevance, relevance


def random_blocks(blocks, *, tokens=6, heads=3, batch=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, heads, tokens, tokens)
    weights = [torch.rand(shape, generator=generator).softmax(dim=-1) for _ in range(blocks)]
    return weights, [torch.randn(shape, generator=generator) for _ in range(blocks)]


def test_one_block_in_closed_form():
    (weights,), (gradient,) = random_blocks(1)
    expected = torch.eye(6) + (weights * gradient).clamp(min=0).mean(dim=1)
    torch.testing.assert_close(relevance([weights], [gradient]), expected)


def test_the_recursion_is_a_product_of_identities_and_more():
    """R_D = (I + Ā_D) ... (I + Ā_1): unrolled by hand, one number at a time."""
    weights, gradients = ([x.double() for x in xs] for xs in random_blocks(3, batch=1, tokens=4))
    found = torch.eye(4, dtype=torch.float64)
    for weight, gradient in zip(weights, gradients, strict=True):
        following = found.clone()
        for query in range(4):
            for key in range(4):
                counts = sum(
                    max(0.0, float(weight[0, head, query, key] * gradient[0, head, query, key]))
                    for head in range(3)
                )
                following[query] += counts / 3 * found[key]
        found = following
    torch.testing.assert_close(relevance(weights, gradients)[0], found)


def test_what_speaks_against_counts_for_nothing():
    weights, gradients = random_blocks(2)
    against = [-gradient.abs() for gradient in gradients]
    torch.testing.assert_close(relevance(weights, against), torch.eye(6).expand(2, -1, -1))


def test_an_answer_takes_the_row_of_cls_with_gradients_of_its_own_logit(inquiry, model):
    """Against weights perturbed by hand: the gradient of the last block is a finite difference."""
    row = answer_relevance(inquiry, 2)
    assert row.shape == (inquiry.text_tokens + 25,)
    assert row[0] == 0
    assert (row >= 0).all()
    joint = inquiry.joint().detach().requires_grad_()
    encoded = model.encoder(joint, return_attentions=True)
    logit = model.vqa(model.pooler(encoded.tokens[:, 0]))[0, 2]
    gradients = torch.autograd.grad(logit, encoded.attentions)
    expected = relevance([w.detach() for w in encoded.attentions], gradients)[0, 0]
    torch.testing.assert_close(row[1:], expected[1:])
    assert not torch.allclose(row, answer_relevance(inquiry, 0))


def test_no_gradient_is_left_with_the_model(inquiry, model):
    with torch.inference_mode():
        answer_relevance(inquiry, 1)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_weights_without_their_gradients():
    weights, gradients = random_blocks(2)
    with pytest.raises(ValueError, match="got 2 and 1"):
        relevance(weights, gradients[:1])
    with pytest.raises(ValueError, match="got 0 and 0"):
        relevance([], [])
