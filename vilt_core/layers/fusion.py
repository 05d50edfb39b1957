"""Two sequences become one: the modal-type embedding and concatenation of equation 3."""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn


def split(
    joint: Float[Tensor, "b s d"], *, text_tokens: int
) -> tuple[Float[Tensor, "b l d"], Float[Tensor, "b d"], Float[Tensor, "b n d"]]:
    """Text, image [class] and patches of a joint sequence: the inverse of the concatenation.

    Of a text alone, the class is zero and there are no patches.
    """
    text, image_class, patches = joint.tensor_split((text_tokens, text_tokens + 1), dim=1)
    return text, image_class.sum(dim=1), patches  # a sum over one token, or over none


class Fusion(nn.Module):
    """Tell text from image by a learned vector each, then put them side by side.

    Equation 3: ``z = [t + t_type; v + v_type]``. Row 0 of the table is for text, row 1 for images.
    """

    def __init__(self, width: int, *, types: int = 2):
        super().__init__()
        self.types = nn.Embedding(types, width)

    def text(self, tokens: Float[Tensor, "b l d"]) -> Float[Tensor, "b l d"]:
        """The text half of the joint sequence."""
        return tokens + self.types.weight[0]

    def image(
        self, image_class: Float[Tensor, "b d"], patches: Float[Tensor, "b n d"]
    ) -> Float[Tensor, "b 1+n d"]:
        """The image half of the joint sequence, its [class] first."""
        whole = torch.cat([rearrange(image_class, "b d -> b 1 d"), patches], dim=1)
        return whole + self.types.weight[1]

    def forward(
        self,
        text: Float[Tensor, "b l d"],
        image_class: Float[Tensor, "b d"],
        patches: Float[Tensor, "b n d"],
    ) -> Float[Tensor, "b l+1+n d"]:
        """[text; class; patches]."""
        return torch.cat([self.text(text), self.image(image_class, patches)], dim=1)
