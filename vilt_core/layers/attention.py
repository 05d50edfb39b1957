"""Multi-head self-attention, the MSA of the paper's equation 4."""

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
) -> Float[Tensor, "b h queries keys"]:
    """softmax(Q K^T / sqrt(head_dim)) over the real keys.

    Every row sums to 1 and padding gets exactly 0. The softmax is taken in float32 whatever the
    dtype of the inputs, and the weights come back in the dtype of the scores.

    Args:
        query: What each token looks for.
        key: What each token offers.
        mask: True where the key is a real token; each row of the batch needs at least one.
    """
    scores = (query * query.shape[-1] ** -0.5) @ key.mT
    if mask is not None:
        # One row of bias a text is cheaper than masked_fill over all scores, backward most of all.
        bias = torch.zeros(mask.shape, dtype=scores.dtype, device=mask.device)
        scores = scores + rearrange(bias.masked_fill(~mask, float("-inf")), "b keys -> b 1 1 keys")
    return scores.softmax(dim=-1, dtype=torch.float32).to(scores.dtype)


def attend(
    query: Float[Tensor, "b h queries head_dim"],
    key: Float[Tensor, "b h keys head_dim"],
    value: Float[Tensor, "b h keys head_dim"],
    *,
    mask: Bool[Tensor, "b keys"] | None = None,
) -> Float[Tensor, "b h queries head_dim"]:
    """The values averaged by :func:`attention_weights`, by the fastest road on this device."""
    if query.device.type == "cpu" and torch.is_grad_enabled():
        # PyTorch's fused CPU kernel has a slow backward in bfloat16: on short sequences plain
        # products are four times faster, and training as a whole 2.4 times.
        return attention_weights(query, key, mask=mask) @ value
    bias = None if mask is None else rearrange(mask, "b keys -> b 1 1 keys")
    return F.scaled_dot_product_attention(query, key, value, attn_mask=bias)


class SelfAttention(nn.Module):
    """Every token asks every real token; the heads' answers are concatenated and projected."""

    def __init__(self, width: int, *, heads: int, dropout: float = 0.0):
        super().__init__()
        if width % heads:
            raise ValueError(f"width must be a multiple of heads, got {width} and {heads}")
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        tokens: Float[Tensor, "b s d"],
        *,
        mask: Bool[Tensor, "b s"] | None = None,
        return_weights: bool = False,
    ) -> tuple[Float[Tensor, "b s d"], Float[Tensor, "b h s s"] | None]:
        """Mix the tokens.

        Args:
            tokens: The sequence.
            mask: True where a token is real; None says that all of them are, and is faster.
            return_weights: Also give the weights, rows are queries; this takes the plain path.
        """
        query, key, value = rearrange(
            self.qkv(tokens),
            "b s (three h head_dim) -> three b h s head_dim",
            three=3,
            h=self.heads,
        ).unbind(0)
        weights = attention_weights(query, key, mask=mask) if return_weights else None
        mixed = attend(query, key, value, mask=mask) if weights is None else weights @ value
        merged = rearrange(mixed, "b h s head_dim -> b s (h head_dim)")
        return self.dropout(self.projection(merged)), weights
