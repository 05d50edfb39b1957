"""Image-text contrast (CLIP, Radford et al., ICML 2021): who belongs to whom in a batch?"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import cross_entropy


def contrastive(
    scores: Float[Tensor, "b b"], *, matches: Bool[Tensor, "b b"] | None = None
) -> Float[Tensor, ""]:
    """Cross-entropy of each text's picture among all, and of each picture's text; their mean.

    0 where there is no pair.

    Args:
        scores: Of every text, a row each, with every picture, at the model's scale; the pairs lie
            on the diagonal.
        matches: Texts that suit other pictures too, as captions of the sticker world may: these
            pairs are left out, neither right nor wrong. The diagonal is right whatever it says.
    """
    scores = scores.float()
    if matches is not None:
        pairs = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
        scores = scores.masked_fill(matches & ~pairs, -torch.inf)
    own = torch.arange(len(scores), device=scores.device)
    of_texts = cross_entropy(scores, own, reduction="sum")
    of_images = cross_entropy(scores.mT, own, reduction="sum")
    return (of_texts + of_images) / max(2 * len(scores), 1)
