"""Locating: a noun's state tells how many objects it speaks of, and where they are.

Not in the paper. Almost every question of the sticker world comes down to these three numbers: "is
there a cat" to whether the number is 0, "more cats than dogs" to two numbers, "left of the dog" to
two places. One answer for a whole text is a slow teacher of them; here every noun is asked.
"""

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy, smooth_l1_loss

from vilt_core.objectives.mlm import IGNORED


def locating(
    numbers: Float[Tensor, "b l k"],
    centres: Float[Tensor, "b l 2"],
    true_numbers: Int[Tensor, "b l"],
    true_centres: Float[Tensor, "b l 2"],
) -> Float[Tensor, ""]:
    """Cross-entropy of the number plus the smooth L1 distance of the centre; the mean over nouns.

    Args:
        numbers: logits of how many objects a token speaks of, 0 to k - 1.
        centres: their mean centre, (x, y) from -2 at the left and at the top to 2.
        true_numbers: of every token; ``IGNORED`` where nothing is asked.
        true_centres: likewise; where the number is 0 there is none to tell.

    Returns:
        0 where no token is asked.
    """
    asked = true_numbers != IGNORED
    counted = cross_entropy(numbers[asked].float(), true_numbers[asked], reduction="sum")
    placed = true_numbers > 0
    missed = smooth_l1_loss(
        centres[placed].float(), true_centres[placed].float(), reduction="sum", beta=0.5
    )
    return (counted + missed) / asked.sum().clamp(min=1)


def scaled(centres: Float[Tensor, "*b 2"]) -> Float[Tensor, "*b 2"]:
    """Centres of the unit square as ``locating`` wants them: from -2 to 2, so that they vary by 1.

    Args:
        centres: (x, y) from 0 to 1, y downwards.
    """
    return 4 * (centres - 0.5)
