"""Every head of every layer by itself: where [CLS] and each word look."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from vilt_core.explain.inquiry import Inquiry


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadMaps:
    """Attention weights by layer, head and who looks; the special tokens' share is left out."""

    queries: tuple[str, ...]  # "[CLS]", then the words
    words: tuple[str, ...]
    to_patches: Float[np.ndarray, "depth h q n"]
    to_words: Float[np.ndarray, "depth h q m"]


@torch.no_grad()
def head_maps(inquiry: Inquiry) -> HeadMaps:
    """The weights of all heads: a word looks as its pieces do on average, and is seen as their sum.

    Row and columns are those of ``inquiry.joint()``; what a query gave to [CLS], [SEP] and the
    image's class is what its two maps lack to 1.
    """
    attentions = inquiry.model.encoder(inquiry.joint(), return_attentions=True).attentions
    assert attentions is not None
    weights = torch.cat(attentions).float()
    pieces = weights.new_zeros(len(inquiry.words), weights.shape[-1])
    for row, word in zip(pieces, inquiry.words, strict=True):
        row[list(word.tokens)] = 1
    first = torch.zeros_like(pieces[:1])
    first[0, 0] = 1
    looks = torch.cat([first, pieces / pieces.sum(dim=1, keepdim=True)]) @ weights
    words = tuple(word.text for word in inquiry.words)
    return HeadMaps(
        queries=("[CLS]", *words),
        words=words,
        to_patches=looks[..., inquiry.text_tokens + 1 :].cpu().numpy(),
        to_words=(looks @ pieces.T).cpu().numpy(),
    )
