"""Words become vectors: equation 1 of the paper, in BERT's published form, and CLIP's plain one."""

from jaxtyping import Float, Int
from torch import Tensor, nn


class TextEmbedding(nn.Module):
    """Word + position embedding, normalised.

    As published, ViLT keeps BERT's own sentence-type table inside its text embedding, although
    only row 0 is ever used: here a constant vector, kept so that checkpoints fit.
    """

    def __init__(
        self,
        vocab_size: int,
        width: int,
        *,
        max_tokens: int,
        segment_types: int = 2,
        dropout: float = 0.0,
        norm_eps: float = 1e-12,
    ):
        super().__init__()
        self.words = nn.Embedding(vocab_size, width)
        self.positions = nn.Embedding(max_tokens, width)
        self.segments = nn.Embedding(segment_types, width)
        self.norm = nn.LayerNorm(width, eps=norm_eps)
        self.dropout = nn.Dropout(dropout)

    def forward(self, ids: Int[Tensor, "b l"]) -> Float[Tensor, "b l d"]:
        """Embed token ids.

        Raises:
            ValueError: The texts are longer than the position table.
        """
        places = _places(self.positions, ids) + self.segments.weight[0]
        return self.dropout(self.norm(self.words(ids) + places))


class PlainTextEmbedding(nn.Module):
    """Word + position embedding and nothing else, as CLIP's text transformer begins."""

    def __init__(self, vocab_size: int, width: int, *, max_tokens: int):
        super().__init__()
        self.words = nn.Embedding(vocab_size, width)
        self.positions = nn.Embedding(max_tokens, width)

    def forward(self, ids: Int[Tensor, "b l"]) -> Float[Tensor, "b l d"]:
        """Embed token ids.

        Raises:
            ValueError: The texts are longer than the position table.
        """
        return self.words(ids) + _places(self.positions, ids)


def _places(table: nn.Embedding, ids: Int[Tensor, "b l"]) -> Float[Tensor, "l d"]:
    """The first rows of a position table, one a token."""
    length, limit = ids.shape[1], table.num_embeddings
    if length > limit:
        raise ValueError(f"text must have at most {limit} tokens, got {length}")
    return table.weight[:length]
