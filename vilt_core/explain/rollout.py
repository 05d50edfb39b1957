"""Attention rollout: attention followed through all blocks (Abnar and Zuidema, ACL 2020).

"Quantifying Attention Flow in Transformers", section 3. A block hands on a token's own state beside
what it attended to, so its map of inputs to outputs is taken to be a mixture of the identity and
the mean head; the map of the whole network is the product over the blocks.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from vilt_core.explain.attention import head_mean


def rollout(
    attentions: Sequence[Float[Tensor, "b h s s"]], *, residual: float = 0.5
) -> Float[Tensor, "b s s"]:
    """How much of each input token arrives at each output token: rows are outputs and sum to 1.

    The product A_D ... A_1 of A = residual I + (1 - residual) mean over heads. Padding that no
    token attends to arrives nowhere but at itself.

    Args:
        attentions: the weights of every block, first to last: ``ModelOutput.attentions``.
        residual: share of the identity; 0.5 as published.

    Raises:
        ValueError: no block, or a share outside [0, 1].
    """
    if not attentions:
        raise ValueError("rollout needs the attention of at least one block, got none")
    if not 0 <= residual <= 1:
        raise ValueError(f"residual must be in [0, 1], got {residual}")
    first = attentions[0]
    identity = torch.eye(first.shape[-1], dtype=first.dtype, device=first.device)
    arrived = identity.expand(len(first), -1, -1)
    for weights in attentions:
        arrived = (residual * identity + (1 - residual) * head_mean(weights)) @ arrived
    return arrived
