"""Grounding: a noun's state lies near the states of its own object's patches.

Not in the paper, whose alignment is learned from pairs alone; like the contrastive alignment of
MDETR (Kamath et al., ICCV 2021), with the sticker world's truth in place of annotated boxes.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vilt_core.transport import cosine_cost


def grounding(
    text: Float[Tensor, "b l d"],
    image: Float[Tensor, "b n d"],
    truth: Bool[Tensor, "b l n"],
    *,
    temperature: float = 0.1,
) -> Float[Tensor, ""]:
    """Mean over nouns of -log(the share of similarity on the object's patches); 0 without nouns.

    Args:
        text: final states of the text tokens.
        image: final states of the patches.
        truth: the patches of the objects that each token speaks of; rows without any are not asked.
        temperature: of the softmax of cosines over patches.
    """
    share = torch.log_softmax(-cosine_cost(text.float(), image.float()) / temperature, dim=-1)
    inside = share.masked_fill(~truth, -torch.inf)
    asked = truth.any(dim=-1)
    losses = -torch.logsumexp(inside[asked], dim=-1)
    return losses.sum() / asked.sum().clamp(min=1)
