"""The transformer block of the paper's equations 4 and 5, and those of its rivals."""

from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from vilt_core.layers.attention import CrossAttention, SelfAttention


class QuickGelu(nn.Module):
    """``x * sigmoid(1.702 x)``, CLIP's approximation of the GELU."""

    def forward(self, tokens: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
        """Number by number."""
        return tokens * torch.sigmoid(1.702 * tokens)


class Mlp(nn.Module):
    """Two linear layers with an exact GELU between them, the MLP of equation 5."""

    def __init__(
        self,
        width: int,
        *,
        hidden: int,
        dropout: float = 0.0,
        activation: nn.Module | None = None,
    ):
        super().__init__()
        self.expand = nn.Linear(width, hidden)
        self.contract = nn.Linear(hidden, width)
        self.activation = activation or nn.GELU()
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
        activation: nn.Module | None = None,
        causal: bool = False,
    ):
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=norm_eps)
        self.attention = SelfAttention(width, heads=heads, dropout=dropout, causal=causal)
        self.norm2 = nn.LayerNorm(width, eps=norm_eps)
        self.mlp = Mlp(width, hidden=mlp_width, dropout=dropout, activation=activation)

    def forward(
        self,
        tokens: Float[Tensor, "b s d"],
        *,
        mask: Bool[Tensor, "b s"] | None = None,
        return_weights: bool = False,
        first: int | None = None,
        gates: Float[Tensor, "b h"] | None = None,
    ) -> tuple[Float[Tensor, "b queries d"], Float[Tensor, "b h queries s"] | None]:
        """One step of depth; the attention weights come along when asked for.

        With ``first``, only so many tokens, from the first on, are computed: the same numbers as
        without, at a fraction of the work where nobody reads the rest. ``gates`` scale the heads.
        """
        looked, weights = self.mix(
            tokens, mask=mask, return_weights=return_weights, first=first, gates=gates
        )
        return self.transform(looked), weights

    def mix(
        self,
        tokens: Float[Tensor, "b s d"],
        *,
        mask: Bool[Tensor, "b s"] | None = None,
        return_weights: bool = False,
        first: int | None = None,
        gates: Float[Tensor, "b h"] | None = None,
    ) -> tuple[Float[Tensor, "b queries d"], Float[Tensor, "b h queries s"] | None]:
        """Equation 4: the tokens look at each other."""
        update, weights = self.attention(
            self.norm1(tokens), mask=mask, return_weights=return_weights, first=first, gates=gates
        )
        return tokens[:, :first] + update, weights

    def transform(self, tokens: Float[Tensor, "b queries d"]) -> Float[Tensor, "b queries d"]:
        """Equation 5: every token by itself."""
        return tokens + self.mlp(self.norm2(tokens))


class PostNormBlock(nn.Module):
    """Attend or transform, add, then normalise: the block of BERT, and of most rivals of ViLT.

    ``z' = LN(MSA(z) + z)``; ``z = LN(MLP(z') + z')`` (Devlin et al., NAACL 2019).
    """

    def __init__(
        self,
        width: int,
        *,
        heads: int,
        mlp_width: int,
        dropout: float = 0.0,
        norm_eps: float = 1e-12,
    ):
        super().__init__()
        self.attention = SelfAttention(width, heads=heads, dropout=dropout)
        self.norm1 = nn.LayerNorm(width, eps=norm_eps)
        self.mlp = Mlp(width, hidden=mlp_width, dropout=dropout)
        self.norm2 = nn.LayerNorm(width, eps=norm_eps)

    def forward(
        self,
        tokens: Float[Tensor, "b s d"],
        *,
        mask: Bool[Tensor, "b s"] | None = None,
        return_weights: bool = False,
        first: int | None = None,
    ) -> tuple[Float[Tensor, "b queries d"], Float[Tensor, "b h queries s"] | None]:
        """One step of depth, as :class:`PreNormBlock` takes it."""
        update, weights = self.attention(
            tokens, mask=mask, return_weights=return_weights, first=first
        )
        tokens = self.norm1(tokens[:, :first] + update)
        return self.norm2(tokens + self.mlp(tokens)), weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """Two streams after they met, and how each looked at the other."""

    text: Float[Tensor, "b l d"]
    image: Float[Tensor, "b n v"]
    text_to_image: Float[Tensor, "b h l n"] | None
    image_to_text: Float[Tensor, "b h n l"] | None


class CoAttentionBlock(nn.Module):
    """ViLBERT's co-attentional layer: each stream asks the other, then transforms what it learned.

    The streams keep their own widths; the heads of both directions share one width between them
    (Lu et al., NeurIPS 2019, figure 2b). Nobody attends to his own stream here.
    """

    def __init__(
        self,
        *,
        text_width: int,
        image_width: int,
        inner_width: int,
        heads: int,
        text_mlp_width: int,
        image_mlp_width: int,
        dropout: float = 0.0,
        norm_eps: float = 1e-12,
    ):
        super().__init__()
        asking = partial(CrossAttention, inner_width=inner_width, heads=heads, dropout=dropout)
        self.text_asks = asking(text_width, context_width=image_width)
        self.image_asks = asking(image_width, context_width=text_width)
        self.text_norm1 = nn.LayerNorm(text_width, eps=norm_eps)
        self.text_mlp = Mlp(text_width, hidden=text_mlp_width, dropout=dropout)
        self.text_norm2 = nn.LayerNorm(text_width, eps=norm_eps)
        self.image_norm1 = nn.LayerNorm(image_width, eps=norm_eps)
        self.image_mlp = Mlp(image_width, hidden=image_mlp_width, dropout=dropout)
        self.image_norm2 = nn.LayerNorm(image_width, eps=norm_eps)

    def forward(
        self,
        text: Float[Tensor, "b l d"],
        image: Float[Tensor, "b n v"],
        *,
        text_mask: Bool[Tensor, "b l"] | None = None,
        image_mask: Bool[Tensor, "b n"] | None = None,
        return_weights: bool = False,
    ) -> Met:
        """Both streams at once: each reads the other as it was before."""
        of_image, looks = self.text_asks(
            text, image, mask=image_mask, return_weights=return_weights
        )
        of_text, back = self.image_asks(image, text, mask=text_mask, return_weights=return_weights)
        text = self.text_norm1(text + of_image)
        image = self.image_norm1(image + of_text)
        return Met(
            text=self.text_norm2(text + self.text_mlp(text)),
            image=self.image_norm2(image + self.image_mlp(image)),
            text_to_image=looks,
            image_to_text=back,
        )


class CrossModalBlock(nn.Module):
    """LXMERT's cross-modality layer: ask the other stream, then the own one, then transform.

    Both directions of the cross-attention share their weights, as published
    (Tan and Bansal, EMNLP 2019, section 2.2).
    """

    def __init__(
        self,
        width: int,
        *,
        heads: int,
        mlp_width: int,
        dropout: float = 0.0,
        norm_eps: float = 1e-12,
    ):
        super().__init__()
        self.asks = CrossAttention(width, heads=heads, dropout=dropout)
        self.norm = nn.LayerNorm(width, eps=norm_eps)
        own = partial(
            PostNormBlock,
            width,
            heads=heads,
            mlp_width=mlp_width,
            dropout=dropout,
            norm_eps=norm_eps,
        )
        self.text = own()
        self.image = own()

    def forward(
        self,
        text: Float[Tensor, "b l d"],
        image: Float[Tensor, "b n d"],
        *,
        text_mask: Bool[Tensor, "b l"] | None = None,
        image_mask: Bool[Tensor, "b n"] | None = None,
        return_weights: bool = False,
    ) -> Met:
        """Both streams at once: each reads the other as it was before."""
        of_image, looks = self.asks(text, image, mask=image_mask, return_weights=return_weights)
        of_text, back = self.asks(image, text, mask=text_mask, return_weights=return_weights)
        return Met(
            text=self.text(self.norm(text + of_image), mask=text_mask)[0],
            image=self.image(self.norm(image + of_text), mask=image_mask)[0],
            text_to_image=looks,
            image_to_text=back,
        )
