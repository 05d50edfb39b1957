"""Masked region modelling, of the rivals that read a detector's regions: what was in a hidden one?

Each loss takes hidden regions alone, one a row, whatever images they are of; of no region it is 0.
Which regions are hidden: ``vilt_core.data.regions``.
"""

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, mse_loss


def region_kl(logits: Float[Tensor, "m k"], classes: Float[Tensor, "m k"]) -> Float[Tensor, ""]:
    """Mean KL divergence of the model's distribution from the detector's.

    ViLBERT's (Lu et al., 2019), and UNITER's MRC-kl (Chen et al., 2020), whose code also divides by
    the number of classes.

    Args:
        logits: Scores of the detector's classes.
        classes: How sure the detector is of each; every row sums to 1.
    """
    chances = logits.float().log_softmax(dim=-1)
    return kl_div(chances, classes.float(), reduction="sum") / max(len(logits), 1)


def region_regression(
    found: Float[Tensor, "m features"], features: Float[Tensor, "m features"]
) -> Float[Tensor, ""]:
    """Mean squared difference from the detector's features: UNITER's MRFR."""
    return mse_loss(found.float(), features.float(), reduction="sum") / max(features.numel(), 1)


def region_class(logits: Float[Tensor, "m k"], entries: Int[Tensor, " m"]) -> Float[Tensor, ""]:
    """Mean cross-entropy of the true entry of a codebook: X-LXMERT's (Cho et al., 2020).

    Args:
        logits: Scores of the entries.
        entries: The true ones.
    """
    return cross_entropy(logits.float(), entries, reduction="sum") / max(len(logits), 1)
