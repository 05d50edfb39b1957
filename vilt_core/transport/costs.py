"""What it costs to move a word's mass to a patch: the C of word-patch alignment (section 3.2)."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def cosine_cost(
    text: Float[Tensor, "b l d"], image: Float[Tensor, "b n d"], *, eps: float = 1e-5
) -> Float[Tensor, "b l n"]:
    """One minus the cosine similarity of every token with every patch, in [0, 2].

    The cost of UNITER (Chen et al., 2020, section 3.2), which ViLT took over. Differentiable
    everywhere: a vector shorter than ``eps`` is divided by ``eps``, so a zero vector costs 1.
    At least float32, also under autocast: differences between costs are what the plan is made of,
    and bfloat16 would round them to 0.004.

    Args:
        text: states of the text tokens.
        image: states of the image patches.
        eps: the shortest length that still counts as a direction.
    """
    dtype = torch.promote_types(text.dtype, torch.float32)
    with torch.autocast(text.device.type, enabled=False):
        text_direction = F.normalize(text.to(dtype), dim=-1, eps=eps)
        image_direction = F.normalize(image.to(dtype), dim=-1, eps=eps)
        return 1 - text_direction @ image_direction.mT
