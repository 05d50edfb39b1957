"""Mention: does the text speak of the sticker under this patch?

Not in the paper. To tell "there is no cat" from "there is a cat" a patch and a word must recognise
each other, and one bit for a whole picture is a slow teacher of that. The sticker world knows which
objects every phrase speaks of, so each patch can be asked.
"""

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from vilt_core.objectives.mlm import IGNORED


def mentioning(logits: Float[Tensor, "b n"], mentioned: Int[Tensor, "b n"]) -> Float[Tensor, ""]:
    """Mean binary cross-entropy over the patches asked about; 0 where there is none.

    Args:
        logits: the score of "spoken of" for each patch.
        mentioned: 1 spoken of, 0 not, ``IGNORED`` where nothing is asked.
    """
    asked = (mentioned != IGNORED).float()
    losses = binary_cross_entropy_with_logits(
        logits.float(), mentioned.clamp(min=0).float(), reduction="none"
    )
    return (losses * asked).sum() / asked.sum().clamp(min=1)
