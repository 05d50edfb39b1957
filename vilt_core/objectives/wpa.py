"""Word-patch alignment (section 3.2): the optimal transport distance between words and patches."""

import math

from jaxtyping import Bool, Float
from torch import Tensor

from vilt_core.transport import cosine_cost, ipot, transport_cost


def content_mask(mask: Bool[Tensor, "b l"]) -> Bool[Tensor, "b l"]:
    """The mask of the words proper: real tokens without [CLS] at the front and [SEP] at the end."""
    content = mask.clone()
    content[:, 0] = False
    content[:, :-1] &= mask[:, 1:]
    content[:, -1] = False
    return content


def wpa(
    text: Float[Tensor, "b l d"],
    image: Float[Tensor, "b n d"],
    text_mask: Bool[Tensor, "b l"],
    image_mask: Bool[Tensor, "b n"],
    matched: Bool[Tensor, " b"],
    *,
    beta: float = 0.5,
    iterations: int = 50,
) -> Float[Tensor, ""]:
    """Transport distance of the matching pairs minus that of the others, over the batch size.

    The plan is a constant: gradients flow through the costs alone, as published. The value may be
    negative, since it rewards distance where text and image do not belong together; of no pairs at
    all it is 0. Of states that are not finite it is not a number.

    Args:
        text: final states of the text tokens.
        image: final states of the patches.
        text_mask: the tokens that take part; see ``content_mask``.
        image_mask: the patches that take part.
        matched: which pairs belong together.
        beta: inverse of the step size of IPOT.
        iterations: outer iterations of IPOT.
    """
    if not len(text):
        return text.sum() * 0.0
    cost = cosine_cost(text.float(), image.float())
    if cost.device.type == "cpu" and not cost.isfinite().all():
        return cost.sum() * math.nan  # as on a GPU, where nobody waits to look
    plan = ipot(cost.detach(), text_mask, image_mask, beta=beta, iterations=iterations)
    distance = transport_cost(cost, plan)
    return (distance * (matched.to(distance.dtype) * 2 - 1)).sum() / len(distance)
