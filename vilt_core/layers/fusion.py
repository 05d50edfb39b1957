"""Two sequences become one: the modal-type embedding and concatenation of equation 3."""

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn


def split(
    joint: Float[Tensor, "b s d"], *, text_tokens: int
) -> tuple[Float[Tensor, "b l d"], Float[Tensor, "b d"], Float[Tensor, "b n d"]]:
    """Text, image [class] and patches of a joint sequence: the inverse of the concatenation.

    Of a text alone, the class is zero and there are no patches.
    """
    text, image_class, patches = joint.tensor_split((text_tokens, text_tokens + 1), dim=1)
    return text, image_class.sum(dim=1), patches  # a sum over one token, or over none


def with_class(patches: Bool[Tensor, "b n"]) -> Bool[Tensor, "b 1+n"]:
    """The mask of [class; patches]: the class token is always real."""
    return torch.cat([patches.new_ones(len(patches), 1), patches], dim=1)


def mask_of(*parts: Bool[Tensor, "b _s"]) -> Bool[Tensor, "b s"] | None:
    """The mask of a concatenation; None where nothing is padding, which is faster.

    A GPU is not stopped to find that out.
    """
    mask = torch.cat(parts, dim=1)
    return None if mask.is_cpu and bool(mask.all()) else mask


class Fusion(nn.Module):
    """Tell text from image by a learned vector each, then put them side by side.

    Equation 3: ``z = [t + t_type; v + v_type]``. Row 0 of the table is for text, row 1 for images,
    row 2, where there is one, for the second image of a pair.
    """

    def __init__(self, width: int, *, types: int = 2):
        super().__init__()
        self.types = nn.Embedding(types, width)

    def text(self, tokens: Float[Tensor, "b l d"]) -> Float[Tensor, "b l d"]:
        """The text half of the joint sequence."""
        return tokens + self.types.weight[0]

    def image(
        self, image_class: Float[Tensor, "b d"], patches: Float[Tensor, "b n d"], *, row: int = 1
    ) -> Float[Tensor, "b 1+n d"]:
        """The image half of the joint sequence, its [class] first.

        Raises:
            ValueError: The table has no such row for images.
        """
        if not 1 <= row < self.types.num_embeddings:
            raise ValueError(
                f"an image's type must lie in 1 to {self.types.num_embeddings - 1}, got {row}"
            )
        whole = torch.cat([rearrange(image_class, "b d -> b 1 d"), patches], dim=1)
        return whole + self.types.weight[row]

    def forward(
        self,
        text: Float[Tensor, "b l d"],
        image_class: Float[Tensor, "b d"],
        patches: Float[Tensor, "b n d"],
        *,
        row: int = 1,
    ) -> Float[Tensor, "b l+1+n d"]:
        """[text; class; patches], the image of type ``row``."""
        return torch.cat([self.text(text), self.image(image_class, patches, row=row)], dim=1)
