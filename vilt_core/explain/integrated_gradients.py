"""Integrated gradients: what moves an answer on the straight way from nothing to the question.

Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", ICML 2017, equation 1. The
way lies in the embedded sequence (equation 3 of ViLT): from a grey picture and masked words to the
picture and the words. The patch projection is affine and positions are the same at both ends, so
that for a fixed text this is the integral over the pixels, summed over each patch.

Completeness (their proposition 1): the attributions of all tokens sum to the difference of the
answer's logits at the two ends, up to the error of the quadrature.
"""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from vilt_core.explain.inquiry import Inquiry, chunks

STEPS = 32  # points on the way


def integrated_gradients(
    function: Callable[[Float[Tensor, "b s d"]], Float[Tensor, " b"]],
    inputs: Float[Tensor, "s d"],
    baseline: Float[Tensor, "s d"],
    *,
    steps: int = STEPS,
) -> Float[Tensor, "s d"]:
    """(x - x') times the mean gradient between them, by Gauss-Legendre quadrature.

    Args:
        function: one number a row of a batch, each row by itself.
        inputs: x.
        baseline: x'.
        steps: points of the quadrature; polynomials of degree 2 steps - 1 are integrated exactly.

    Raises:
        ValueError: fewer than one step.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    points, weights = (
        torch.from_numpy(values).to(inputs) / 2 for values in np.polynomial.legendre.leggauss(steps)
    )
    way = inputs - baseline
    mean = torch.zeros_like(inputs)
    for some in chunks(steps):
        with torch.inference_mode(mode=False), torch.enable_grad():
            at = baseline + (points[some, None, None] + 0.5) * way
            at = at.detach().requires_grad_()
            (gradients,) = torch.autograd.grad(function(at).sum(), at)
        mean = mean + (weights[some, None, None] * gradients).sum(dim=0)
    return way * mean


def answer_gradients(inquiry: Inquiry, answer: int, *, steps: int = STEPS) -> Float[Tensor, " s"]:
    """What each token adds to the logit of an answer, against a grey picture and masked words.

    [CLS], [SEP] and the image's class are the same at both ends and get 0.
    """
    with torch.inference_mode(mode=False), torch.no_grad():
        inputs, baseline = inquiry.joint()[0], inquiry.blank()[0]
    found = integrated_gradients(
        lambda joint: inquiry.read(joint)[:, answer], inputs, baseline, steps=steps
    )
    return found.sum(dim=-1)
