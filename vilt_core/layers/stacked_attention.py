"""Stacked cross attention: words and regions, vectors of length 1, look at each other.

SCAN, Lee et al., ECCV 2018, section 3.1. Text to image the words ask and the regions are asked;
image to text it is the other way round, by the same functions. Nothing here is learned.
"""

import torch
from einops import einsum
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import leaky_relu

EPS = 1e-8  # under every length, as published
CELLS = 2**25  # of the similarities that are held at a time: 128 MiB


def stacked_attention(
    similarity: Float[Tensor, "*b queries keys"],
    query_mask: Bool[Tensor, "*#b queries"],
    key_mask: Bool[Tensor, "*#b keys"],
    *,
    sharpness: float,
) -> Float[Tensor, "*b queries keys"]:
    """How much each query looks at each key; every row sums to 1, and padding gets exactly 0.

    What is below 0 counts a tenth (nothing in the paper; its code is followed). The
    queries compete for each key, by a length of 1 over all of them, before a softmax over the keys.

    Args:
        similarity: Cosines.
        query_mask: True where a query is real.
        key_mask: True where a key is; each pair needs at least one.
        sharpness: Factor under the softmax: lambda_1.
    """
    clipped = leaky_relu(similarity, 0.1).masked_fill(~query_mask[..., None], 0.0)
    shared = clipped / (clipped.norm(dim=-2, keepdim=True) + EPS)
    return (sharpness * shared).masked_fill(~key_mask[..., None, :], -torch.inf).softmax(dim=-1)


def pooled(
    cosines: Float[Tensor, "*b queries"],
    mask: Bool[Tensor, "*#b queries"],
    *,
    steepness: float | None = None,
) -> Float[Tensor, "*b"]:
    """One score of what all real queries found.

    Args:
        cosines: Of each query with what it found.
        mask: True where a query is real.
        steepness: lambda_2 of LogSumExp, the logarithm of the sum of exp(lambda_2 cosine) over
            lambda_2; the mean, without.
    """
    if steepness is None:
        return (cosines * mask).sum(dim=-1) / mask.sum(dim=-1)
    return (steepness * cosines).masked_fill(~mask, -torch.inf).logsumexp(dim=-1) / steepness


def stacked_scores(
    queries: Float[Tensor, "a queries d"],
    keys: Float[Tensor, "b keys d"],
    query_mask: Bool[Tensor, "a queries"],
    key_mask: Bool[Tensor, "b keys"],
    *,
    sharpness: float,
    steepness: float | None = None,
    cells: int = CELLS,
) -> Float[Tensor, "a b"]:
    """The score of everything that asks with everything that is asked, in float32.

    The vector that a query finds, the mean of the keys by its weights, is never made: its product
    with the query and its length follow from cosines, which takes d times less memory.

    Args:
        queries: Vectors of length 1, of texts or of pictures.
        keys: Likewise, of the others.
        query_mask: True where a query is real; each row needs one.
        key_mask: True where a key is; each row needs one.
        sharpness: See ``stacked_attention``.
        steepness: See ``pooled``.
        cells: How many similarities are worked on at a time, where rows of queries are fewer.
    """
    rows = max(1, cells // max(1, keys.shape[0] * keys.shape[1] * queries.shape[1]))
    with torch.autocast(queries.device.type, enabled=False):
        keys = keys.float()
        among = keys @ keys.mT
        found = []
        for part, real in zip(queries.float().split(rows), query_mask.split(rows), strict=True):
            similarity = einsum(part, keys, "a q d, b k d -> a b q k")
            asking = real[:, None]
            weights = stacked_attention(similarity, asking, key_mask[None], sharpness=sharpness)
            product = (weights * similarity).sum(dim=-1)
            square = (einsum(weights, among, "a b q k, b k m -> a b q m") * weights).sum(dim=-1)
            cosines = product / square.clamp(min=EPS**2).sqrt()
            found.append(pooled(cosines, asking, steepness=steepness))
        return torch.cat(found)
