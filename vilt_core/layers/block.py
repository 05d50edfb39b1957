"""The transformer block of the paper's equations 4 and 5."""

from jaxtyping import Bool, Float
from torch import Tensor, nn

from vilt_core.layers.attention import SelfAttention


class Mlp(nn.Module):
    """Two linear layers with an exact GELU between them, the MLP of equation 5."""

    def __init__(self, width: int, *, hidden: int, dropout: float = 0.0):
        super().__init__()
        self.expand = nn.Linear(width, hidden)
        self.contract = nn.Linear(hidden, width)
        self.activation = nn.GELU()
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
        """Transform every token by itself."""
        hidden = self.dropout(self.activation(self.expand(tokens)))
        return self.dropout(self.contract(hidden))


class PreNormBlock(nn.Module):
    """Normalise, then attend or transform, then add: the block of ViT and ViLT.

    Equation 4: ``z' = MSA(LN(z)) + z``; equation 5: ``z = MLP(LN(z')) + z'``. BERT, and with it
    most rivals of ViLT, normalises after the sum instead.
    """

    def __init__(
        self,
        width: int,
        *,
        heads: int,
        mlp_width: int,
        dropout: float = 0.0,
        norm_eps: float = 1e-6,
    ):
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=norm_eps)
        self.attention = SelfAttention(width, heads=heads, dropout=dropout)
        self.norm2 = nn.LayerNorm(width, eps=norm_eps)
        self.mlp = Mlp(width, hidden=mlp_width, dropout=dropout)

    def forward(
        self,
        tokens: Float[Tensor, "b s d"],
        *,
        mask: Bool[Tensor, "b s"] | None = None,
        return_weights: bool = False,
        first: int | None = None,
    ) -> tuple[Float[Tensor, "b queries d"], Float[Tensor, "b h queries s"] | None]:
        """One step of depth; the attention weights come along when asked for.

        With ``first``, only so many tokens, from the first on, are computed: the same numbers as
        without, at a fraction of the work where nobody reads the rest.
        """
        update, weights = self.attention(
            self.norm1(tokens), mask=mask, return_weights=return_weights, first=first
        )
        tokens = tokens[:, :first] + update
        return tokens + self.mlp(self.norm2(tokens)), weights
