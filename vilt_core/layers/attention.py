"""Multi-head attention: within a sequence, the MSA of the paper's equation 4, and across two."""

from functools import partial

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn


def attention_weights(
    query: Float[Tensor, "b h queries head_dim"],
    key: Float[Tensor, "b h keys head_dim"],
    *,
    mask: Bool[Tensor, "b keys"] | None = None,
    causal: bool = False,
) -> Float[Tensor, "b h queries keys"]:
    """softmax(Q K^T / sqrt(head_dim)) over the real keys.

    Every row sums to 1 and padding gets exactly 0. The softmax sums in float32 whatever the dtype
    of the inputs, as PyTorch's kernels do, and the weights come back in the dtype of the scores.

    Args:
        query: What each token looks for.
        key: What each token offers.
        mask: True where the key is a real token; each row of the batch needs at least one.
        causal: A token looks at itself and at those before it alone.
    """
    scores = (query * query.shape[-1] ** -0.5) @ key.mT
    if causal:
        scores = scores.masked_fill(~_past(query, key), float("-inf"))
    if mask is not None:
        # One row of bias a text is cheaper than masked_fill over all scores, backward most of all.
        bias = torch.zeros(mask.shape, dtype=scores.dtype, device=mask.device)
        scores = scores + rearrange(bias.masked_fill(~mask, float("-inf")), "b keys -> b 1 1 keys")
    return scores.softmax(dim=-1).to(scores.dtype)  # autocast would leave them in float32


def attend(
    query: Float[Tensor, "b h queries head_dim"],
    key: Float[Tensor, "b h keys head_dim"],
    value: Float[Tensor, "b h keys head_dim"],
    *,
    mask: Bool[Tensor, "b keys"] | None = None,
    causal: bool = False,
) -> Float[Tensor, "b h queries head_dim"]:
    """The values averaged by :func:`attention_weights`, by the fastest road on this device."""
    if query.is_cpu and (torch.is_grad_enabled() or query.dtype == torch.bfloat16):
        # PyTorch's fused CPU kernel is slow in bfloat16, its backward most of all: on short
        # sequences plain products are four times faster, and training as a whole 2.4 times.
        return attention_weights(query, key, mask=mask, causal=causal) @ value
    bias = None if mask is None else rearrange(mask, "b keys -> b 1 1 keys")
    if causal:
        past = _past(query, key)
        bias = past if bias is None else past & bias
    return F.scaled_dot_product_attention(query, key, value, attn_mask=bias)


def mixed(
    query: Float[Tensor, "b h queries head_dim"],
    key: Float[Tensor, "b h keys head_dim"],
    value: Float[Tensor, "b h keys head_dim"],
    *,
    mask: Bool[Tensor, "b keys"] | None = None,
    causal: bool = False,
    return_weights: bool = False,
    gates: Float[Tensor, "b h"] | None = None,
) -> tuple[Float[Tensor, "b queries d"], Float[Tensor, "b h queries keys"] | None]:
    """What all heads found, side by side; and the weights when asked for, by the plain path.

    ``gates`` scale what each head found: 1 leaves it as it is, 0 silences it (Michel, Levy and
    Neubig, NeurIPS 2019, section 2.3).
    """
    seen = {"mask": mask, "causal": causal}
    weights = attention_weights(query, key, **seen) if return_weights else None
    found = attend(query, key, value, **seen) if weights is None else weights @ value
    if gates is not None:
        found = found * gates[..., None, None]
    return rearrange(found, "b h queries head_dim -> b queries (h head_dim)"), weights


def _past(query: Tensor, key: Tensor) -> Bool[Tensor, "queries keys"]:
    """True where a key is not after its query."""
    every = torch.ones(query.shape[-2], key.shape[-2], dtype=torch.bool, device=query.device)
    return every.tril()


class SelfAttention(nn.Module):
    """Every token asks every real token; the heads' answers are concatenated and projected.

    Causal, as CLIP's text transformer is, it asks itself and those before it alone.
    """

    def __init__(self, width: int, *, heads: int, dropout: float = 0.0, causal: bool = False):
        super().__init__()
        if width % heads:
            raise ValueError(f"width must be a multiple of heads, got {width} and {heads}")
        self.heads = heads
        self.causal = causal
        self.qkv = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        tokens: Float[Tensor, "b s d"],
        *,
        mask: Bool[Tensor, "b s"] | None = None,
        return_weights: bool = False,
        first: int | None = None,
        gates: Float[Tensor, "b h"] | None = None,
    ) -> tuple[Float[Tensor, "b queries d"], Float[Tensor, "b h queries s"] | None]:
        """Mix the tokens.

        Args:
            tokens: The sequence.
            mask: True where a token is real; None says that all of them are, and is faster.
            return_weights: Also give the weights, rows are queries; this takes the plain path.
            first: How many tokens ask, from the first on; all of them by default.
            gates: What each head's find is multiplied with; 0 silences a head.
        """
        query, key, value = self._asked_and_offered(tokens, first)
        found, weights = mixed(
            query,
            key,
            value,
            mask=mask,
            causal=self.causal,
            return_weights=return_weights,
            gates=gates,
        )
        return self.dropout(self.projection(found)), weights

    def _asked_and_offered(self, tokens: Tensor, first: int | None) -> tuple[Tensor, ...]:
        """Query, key and value of every head; queries of the first tokens alone where so wanted."""
        split = partial(rearrange, pattern="b s (of h head_dim) -> of b h s head_dim", h=self.heads)
        if first is None:
            query, key, value = split(self.qkv(tokens), of=3).unbind(0)
            return query, key, value
        d = tokens.shape[-1]
        weight, bias = self.qkv.weight, self.qkv.bias
        key, value = split(F.linear(tokens, weight[d:], bias[d:]), of=2).unbind(0)
        return split(F.linear(tokens[:, :first], weight[:d], bias[:d]), of=1)[0], key, value


class CrossAttention(nn.Module):
    """The tokens of one sequence ask those of another, which may be of another width.

    The heads work at a width of their own: ViLBERT's co-attention does at 1024, whatever the two
    streams have.
    """

    def __init__(
        self,
        width: int,
        *,
        heads: int,
        context_width: int | None = None,
        inner_width: int | None = None,
        dropout: float = 0.0,
    ):
        super().__init__()
        inner = inner_width or width
        if inner % heads:
            raise ValueError(f"width must be a multiple of heads, got {inner} and {heads}")
        self.heads = heads
        self.query = nn.Linear(width, inner)
        self.key_value = nn.Linear(context_width or width, 2 * inner)
        self.projection = nn.Linear(inner, width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        tokens: Float[Tensor, "b queries d"],
        context: Float[Tensor, "b keys _c"],
        *,
        mask: Bool[Tensor, "b keys"] | None = None,
        return_weights: bool = False,
    ) -> tuple[Float[Tensor, "b queries d"], Float[Tensor, "b h queries keys"] | None]:
        """What the tokens learn from the context.

        Args:
            tokens: Those that ask.
            context: Those that are asked.
            mask: True where a token of the context is real.
            return_weights: Also give the weights, rows are queries; this takes the plain path.
        """
        split = partial(rearrange, pattern="b s (of h head_dim) -> of b h s head_dim", h=self.heads)
        query = split(self.query(tokens), of=1)[0]
        key, value = split(self.key_value(context), of=2).unbind(0)
        found, weights = mixed(query, key, value, mask=mask, return_weights=return_weights)
        return self.dropout(self.projection(found)), weights
