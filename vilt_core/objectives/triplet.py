"""Ranking with a margin: a pair above the pairs that a batch makes by mistake (VSE++, SCAN).

Faghri et al., BMVC 2018, section 3: the hinge of the hardest of them in place of the sum of all.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def triplet(
    scores: Float[Tensor, "b b"],
    *,
    margin: float = 0.2,
    hardest: bool = True,
    matches: Bool[Tensor, "b b"] | None = None,
) -> Float[Tensor, ""]:
    """Hinges of every text among the pictures plus those of every picture among the texts.

    The mean over the pairs of the batch, where the published code sums; 0 where there is no pair.

    Args:
        scores: Of every text, a row each, with every picture; the pairs lie on the diagonal.
        margin: By which a pair must be above the others.
        hardest: Of each text and of each picture, only the worst mistake counts; else, as in VSE,
            the sum of all.
        matches: Texts that suit other pictures too, as captions of the sticker world may: these
            pairs are left out, neither right nor wrong.
    """
    scores = scores.float()
    if not len(scores):
        return scores.sum()
    own = scores.diagonal()
    right = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
    if matches is not None:
        right = right | matches
    total = scores.new_zeros(())
    for side, left_out in ((scores, right), (scores.mT, right.mT)):
        hinges = (margin + side - own[:, None]).clamp(min=0).masked_fill(left_out, 0.0)
        total = total + (hinges.amax(dim=1) if hardest else hinges.sum(dim=1)).sum()
    return total / len(scores)
