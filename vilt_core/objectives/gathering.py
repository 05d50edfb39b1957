"""Gathering: in one head of one block, every noun looks at the patches of its own object.

Not in the paper. A noun can tell where its object is, and how many there are, once it looks at them
(``locating``); an attention that starts out even over all patches is slow to find them. Likewise
Liu et al. (AAAI 2017) supervise the attention of captions by the boxes of their words.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def gathering(attention: Float[Tensor, "b l n"], truth: Bool[Tensor, "b l n"]) -> Float[Tensor, ""]:
    """Mean over nouns of -log(the attention on the patches of the object); 0 without nouns.

    Where there is no attention at all, not even the smallest float32, there is no slope either.

    Args:
        attention: weights from text tokens to patches, of one head; the rest of each row's 1 lies
            on other tokens.
        truth: the patches of the objects that each token speaks of; rows without any are not asked.
    """
    asked = truth.any(dim=-1)
    on_object = (attention.float() * truth).sum(dim=-1)[asked]
    losses = -on_object.clamp(min=torch.finfo(torch.float32).tiny).log()
    return losses.sum() / asked.sum().clamp(min=1)
