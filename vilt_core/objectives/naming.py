"""Patch naming: which sticker lies under this patch?

Not in the paper, which starts from a ViT trained on ImageNet instead. The sticker world knows the
owner of every patch, and these dense labels teach the backbone many times faster than captions do.
"""

from jaxtyping import Float, Int
from torch import Tensor

from vilt_core.objectives.mlm import mlm


def naming(logits: Float[Tensor, "b n k"], kinds: Int[Tensor, "b n"]) -> Float[Tensor, ""]:
    """Mean cross-entropy over the patches with one clear owner (others are labelled -100)."""
    return mlm(logits, kinds)
