"""What is read off the transformer: the pooler (equation 6) and the task heads."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Pooler(nn.Module):
    """Equation 6: ``p = tanh(W z_0)``, the first token as the whole pair's summary."""

    def __init__(self, width: int):
        super().__init__()
        self.dense = nn.Linear(width, width)

    def forward(self, first: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """Pool the normalised state of token 0."""
        return torch.tanh(self.dense(first))


class ItmHead(nn.Module):
    """Image-text matching: logits of (no match, match) from the pooled pair."""

    def __init__(self, width: int):
        super().__init__()
        self.dense = nn.Linear(width, 2)

    def forward(self, pooled: Float[Tensor, "b d"]) -> Float[Tensor, "b 2"]:
        """Two logits a pair."""
        return self.dense(pooled)


class MlmHead(nn.Module):
    """Masked language modelling: BERT's transform and a decoder of its own.

    The decoder is not tied to the word embedding, as in the published checkpoints. Any leading
    axes do: hand it the masked positions alone and the large product shrinks with them.
    """

    def __init__(self, width: int, *, vocab_size: int, norm_eps: float = 1e-12):
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.activation = nn.GELU()
        self.norm = nn.LayerNorm(width, eps=norm_eps)
        self.decoder = nn.Linear(width, vocab_size)

    def forward(self, tokens: Float[Tensor, "*b d"]) -> Float[Tensor, "*b k"]:
        """One logit for each word of the vocabulary."""
        return self.decoder(self.norm(self.activation(self.dense(tokens))))


class VqaHead(nn.Module):
    """Visual question answering: a two-layer classifier over a fixed list of answers."""

    def __init__(self, width: int, *, answers: int):
        super().__init__()
        self.expand = nn.Linear(width, 2 * width)
        self.norm = nn.LayerNorm(2 * width)
        self.activation = nn.GELU()
        self.classify = nn.Linear(2 * width, answers)

    def forward(self, pooled: Float[Tensor, "b d"]) -> Float[Tensor, "b k"]:
        """One logit for each answer."""
        return self.classify(self.activation(self.norm(self.expand(pooled))))
