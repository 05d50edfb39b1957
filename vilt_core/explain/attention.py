"""Raw attention as an explanation: how much each word looks at each patch.

The plainest picture that a transformer gives of itself. It says where a block fetched something
from, not what came of it; rollout.py follows the weights through the whole depth.
"""

from collections.abc import Sequence

import torch
from einops import reduce
from jaxtyping import Float
from torch import Tensor


def raw_attention(
    attentions: Sequence[Float[Tensor, "b h s s"]], *, text_tokens: int, blocks: int = 1
) -> Float[Tensor, "b l n"]:
    """The weights from words to patches, averaged over the heads of the last blocks.

    Args:
        attentions: the weights of every block over [text; class; patches], rows are queries:
            ``ModelOutput.attentions``.
        text_tokens: l, the length of the text in the joint sequence, padding included.
        blocks: how many blocks count, from the last one down.

    Returns:
        Not a distribution over patches: a word's row lacks what it gave to words and the class.

    Raises:
        ValueError: fewer blocks than asked for, or none.
    """
    if not 1 <= blocks <= len(attentions):
        raise ValueError(f"blocks must be in 1 .. {len(attentions)}, got {blocks}")
    mean = torch.stack([head_mean(weights) for weights in attentions[-blocks:]]).mean(dim=0)
    return words_to_patches(mean, text_tokens=text_tokens)


def head_mean(weights: Float[Tensor, "b h s s"]) -> Float[Tensor, "b s s"]:
    """The mean over the heads; its rows sum to 1 as theirs do."""
    return reduce(weights, "b h queries keys -> b queries keys", "mean")


def words_to_patches(
    weights: Float[Tensor, "b s s"], *, text_tokens: int
) -> Float[Tensor, "b l n"]:
    """The rows of the words and the columns of the patches of a joint (query, key) matrix.

    Raises:
        ValueError: a text that leaves no room for the class token.
    """
    if not 0 < text_tokens < weights.shape[1]:
        raise ValueError(f"text_tokens must be in 1 .. {weights.shape[1] - 1}, got {text_tokens}")
    return weights[:, :text_tokens, text_tokens + 1 :]
