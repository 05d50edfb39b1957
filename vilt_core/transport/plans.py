"""Transport plans and their measures: marginals, cost, entropy, and the plan read as a picture.

Every function takes plans with any leading axes, so that the plans of a trace, (t, b, l, n), are
measured in one call.
"""

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor


def uniform_marginals(
    cost: Float[Tensor, "b l n"],
    text_mask: Bool[Tensor, "b l"] | None = None,
    image_mask: Bool[Tensor, "b n"] | None = None,
) -> tuple[Float[Tensor, "b l"], Float[Tensor, "b n"]]:
    """The mass of each token and of each patch: equal among the real ones, 0 on padding.

    Args:
        cost: gives the shape, the dtype and the device; its values do not matter.
        text_mask: True where a token is real; every token by default.
        image_mask: True where a patch is real; every patch by default.
    """
    b, l, n = cost.shape
    text = cost.new_ones(b, l) if text_mask is None else text_mask.to(cost.dtype)
    image = cost.new_ones(b, n) if image_mask is None else image_mask.to(cost.dtype)
    return text / text.sum(-1, keepdim=True), image / image.sum(-1, keepdim=True)


def transport_cost(
    cost: Float[Tensor, "b l n"],
    plan: Float[Tensor, "*t b l n"],
    text_mask: Bool[Tensor, "b l"] | None = None,
    image_mask: Bool[Tensor, "b n"] | None = None,
) -> Float[Tensor, "*t b"]:
    """The transport distance <C, T>: the sum over all pairs of cost times mass moved.

    The plans of this package carry no gradient, so the gradient with respect to the cost is the
    plan itself, as published. The masks are needed only where the cost of padding is not finite.
    """
    if text_mask is not None:
        cost = cost.masked_fill(~rearrange(text_mask, "b l -> b l 1"), 0)
    if image_mask is not None:
        cost = cost.masked_fill(~rearrange(image_mask, "b n -> b 1 n"), 0)
    return (cost * plan).sum((-2, -1))


def marginal_error(
    plan: Float[Tensor, "*t b l n"],
    text_mask: Bool[Tensor, "b l"] | None = None,
    image_mask: Bool[Tensor, "b n"] | None = None,
) -> tuple[Float[Tensor, "*t b"], Float[Tensor, "*t b"]]:
    """How far a plan's sums are from uniform, text side and image side.

    Each is the L1 distance, between 0 and 2 for a plan of mass 1.
    """
    text, image = uniform_marginals(plan[(0,) * (plan.ndim - 3)], text_mask, image_mask)
    return (plan.sum(-1) - text).abs().sum(-1), (plan.sum(-2) - image).abs().sum(-1)


def entropy(plan: Float[Tensor, "*t b l n"]) -> Float[Tensor, "*t b"]:
    """-sum T log T in nats, with 0 log 0 = 0.

    At most log(l n), where every word looks everywhere; an exact optimum, which has at most
    l + n - 1 entries that are not 0, stays below log(l + n - 1).
    """
    return torch.special.entr(plan).sum((-2, -1))


def hard_assignment(plan: Float[Tensor, "*t b l n"]) -> Int[Tensor, "*t b n"]:
    """The strongest token of each patch, and -1 where a patch carries no mass: padding."""
    mass, token = plan.max(dim=-2)
    return token.masked_fill(mass == 0, -1)


def row_normalised(plan: Float[Tensor, "*t b l n"]) -> Float[Tensor, "*t b l n"]:
    """Where each token looks: its row as a distribution over patches, 0 on padding."""
    return _divide(plan, plan.sum(-1, keepdim=True))


def column_normalised(plan: Float[Tensor, "*t b l n"]) -> Float[Tensor, "*t b l n"]:
    """Which words explain each patch: its column as a distribution over tokens, 0 on padding."""
    return _divide(plan, plan.sum(-2, keepdim=True))


def _divide(plan: Tensor, total: Tensor) -> Tensor:
    return plan / total.masked_fill(total == 0, 1)
