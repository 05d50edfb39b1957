"""What is read off the transformer: the pooler (equation 6) and the task heads."""

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn


class Pooler(nn.Module):
    """Equation 6: ``p = tanh(W z_0)``, the first token as the whole pair's summary.

    ViLBERT pools each stream to one width, by a ReLU.
    """

    def __init__(
        self, width: int, *, pooled_width: int | None = None, activation: nn.Module | None = None
    ):
        super().__init__()
        self.dense = nn.Linear(width, pooled_width or width)
        self.activation = activation or nn.Tanh()

    def forward(self, first: Float[Tensor, "b d"]) -> Float[Tensor, "b _pooled"]:
        """Pool the normalised state of token 0."""
        return self.activation(self.dense(first))


class ItmHead(nn.Module):
    """Image-text matching: logits of (no match, match) from the pooled pair."""

    def __init__(self, width: int):
        super().__init__()
        self.dense = nn.Linear(width, 2)

    def forward(self, pooled: Float[Tensor, "b d"]) -> Float[Tensor, "b 2"]:
        """Two logits a pair."""
        return self.dense(pooled)


class RankHead(nn.Module):
    """Retrieval: one score a pair, by which texts or images are ranked.

    It begins as the "match" row of the ITM head (section 4.4 of the paper).
    """

    def __init__(self, width: int):
        super().__init__()
        self.dense = nn.Linear(width, 1)

    def forward(self, pooled: Float[Tensor, "b d"]) -> Float[Tensor, " b"]:
        """One score a pair."""
        return rearrange(self.dense(pooled), "b 1 -> b")


class ChoiceHead(RankHead):
    """Multiple choice: one score a candidate, read as a text with the picture (ViLBERT on VCR)."""


class ReferringHead(nn.Module):
    """Referring expressions: how well each region fits the text (ViLBERT, section 3.2)."""

    def __init__(self, width: int):
        super().__init__()
        self.dense = nn.Linear(width, 1)

    def forward(self, regions: Float[Tensor, "*b d"]) -> Float[Tensor, "*b"]:
        """One score a region, from its final state."""
        return rearrange(self.dense(regions), "... 1 -> ...")


class LocatingHead(nn.Module):
    """How many objects a word speaks of and where they are; the sticker world trains with it."""

    def __init__(self, width: int, *, most: int = 6):
        super().__init__()
        self.number = nn.Linear(width, most + 1)
        self.centre = nn.Linear(width, 2)

    def forward(
        self, tokens: Float[Tensor, "*b d"]
    ) -> tuple[Float[Tensor, "*b k"], Float[Tensor, "*b 2"]]:
        """A logit for each number, 0 to ``most``, and the objects' mean centre (x, y)."""
        return self.number(tokens), self.centre(tokens)


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


class MppHead(MlmHead):
    """Masked patch prediction: BERT's transform, then for each colour channel its levels."""

    def __init__(self, width: int, *, levels: int = 256, norm_eps: float = 1e-12):
        super().__init__(width, vocab_size=3 * levels, norm_eps=norm_eps)

    def forward(self, tokens: Float[Tensor, "*b d"]) -> Float[Tensor, "*b 3 k"]:
        """One logit for each level of red, green and blue."""
        logits = super().forward(tokens)
        return rearrange(logits, "... (channels levels) -> ... channels levels", channels=3)


class ClusterHead(nn.Module):
    """Which entry of a codebook was hidden: BERT's transform, a feature, and its scores.

    ``features`` guesses what was hidden, the decoder compares it with every entry: its weight is
    the codebook itself, to which the whole that has both ties it (X-LXMERT, section 4.2).
    """

    def __init__(self, width: int, *, region_width: int, clusters: int, norm_eps: float = 1e-12):
        super().__init__()
        self.features = MlmHead(width, vocab_size=region_width, norm_eps=norm_eps)
        self.decoder = nn.Linear(region_width, clusters)

    def forward(self, tokens: Float[Tensor, "*b d"]) -> Float[Tensor, "*b k"]:
        """One logit for each entry."""
        return self.decoder(self.features(tokens))


class Classifier(nn.Module):
    """A two-layer classifier of pooled states, the head of VQA and of NLVR2.

    LXMERT's, with ``norm_last``, normalises what the activation gives instead of what it is given.
    """

    def __init__(
        self,
        width: int,
        *,
        hidden: int,
        classes: int,
        norm_last: bool = False,
        norm_eps: float = 1e-5,
    ):
        super().__init__()
        self.norm_last = norm_last
        self.expand = nn.Linear(width, hidden)
        self.norm = nn.LayerNorm(hidden, eps=norm_eps)
        self.activation = nn.GELU()
        self.classify = nn.Linear(hidden, classes)

    def forward(self, pooled: Float[Tensor, "b d"]) -> Float[Tensor, "b k"]:
        """One logit for each class."""
        hidden = self.expand(pooled)
        if self.norm_last:
            return self.classify(self.norm(self.activation(hidden)))
        return self.classify(self.activation(self.norm(hidden)))


def last_of(tokens: Float[Tensor, "b s d"], *, mask: Bool[Tensor, "b s"]) -> Float[Tensor, "b d"]:
    """The last real token, of sequences that are padded at the end."""
    return tokens[torch.arange(len(tokens), device=tokens.device), mask.sum(dim=1) - 1]


def mean_of(tokens: Float[Tensor, "b s d"], *, mask: Bool[Tensor, "b s"]) -> Float[Tensor, "b d"]:
    """The mean of the real tokens; 0 where there is none."""
    real = mask[..., None]
    return (tokens * real).sum(dim=1) / real.sum(dim=1).clamp(min=1)


def joined(text: Float[Tensor, "b e"], image: Float[Tensor, "b e"]) -> Float[Tensor, "b joined"]:
    """Two vectors for a classifier: side by side, with their product and their distance.

    So a dual encoder, whose towers never meet, is asked about a pair: the paper puts an MLP on
    CLIP's vectors to try it on NLVR2 (section 2.2).
    """
    return torch.cat([text, image, text * image, (text - image).abs()], dim=-1)


class VqaHead(Classifier):
    """Visual question answering: a choice from a fixed list of answers."""

    def __init__(
        self,
        width: int,
        *,
        answers: int,
        hidden: int | None = None,
        norm_last: bool = False,
        norm_eps: float = 1e-5,
    ):
        super().__init__(
            width,
            hidden=hidden or 2 * width,
            classes=answers,
            norm_last=norm_last,
            norm_eps=norm_eps,
        )


class Nlvr2Head(Classifier):
    """Is a statement true of two images: the pair method of UNITER, as ViLT uses it (section 4.3).

    The text is read twice, once with each image; the two pooled states side by side are classified.
    """

    def __init__(
        self,
        width: int,
        *,
        hidden: int | None = None,
        norm_last: bool = False,
        norm_eps: float = 1e-5,
    ):
        super().__init__(
            2 * width,
            hidden=hidden or 2 * width,
            classes=2,
            norm_last=norm_last,
            norm_eps=norm_eps,
        )

    def pair(self, left: Float[Tensor, "b d"], right: Float[Tensor, "b d"]) -> Float[Tensor, "b 2"]:
        """Logits of (false, true)."""
        return self(torch.cat([left, right], dim=-1))
