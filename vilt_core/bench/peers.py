"""Whom we race against: transformers' ViLT, and word-patch alignment as it was published."""

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import torch
from jaxtyping import Bool, Float
from torch import Tensor

_PACKAGES = {"transformers": "transformers", "ot": "POT"}
_FAR = 1e4  # what stands for infinity in the published code


def need(module: str) -> ModuleType:
    """A module of a package that the lab itself can do without.

    Raises:
        ValueError: It is not installed.
    """
    if find_spec(module) is None:
        raise ValueError(
            f"this race is against {_PACKAGES[module]}, which is not installed: "
            "pip install -e '.[dev]'"
        )
    return import_module(module)


def transformers_quietly() -> ModuleType:
    """transformers, without a progress bar for every file that it opens.

    Raises:
        ValueError: It is not installed.
    """
    transformers = need("transformers")
    transformers.utils.logging.disable_progress_bar()
    return transformers


def original_ipot(
    cost: Float[Tensor, "b l n"],
    text_mask: Bool[Tensor, "b l"] | None = None,
    image_mask: Bool[Tensor, "b n"] | None = None,
    *,
    beta: float,
    iterations: int,
) -> Float[Tensor, "b l n"]:
    """IPOT operation by operation as UNITER published it and ViLT took it over.

    Its plan lies with patches in rows; padding is kept out by zeros and by 1e4 in the denominators.
    """
    b, l, n = cost.shape
    text_mask = cost.new_ones(b, l, dtype=torch.bool) if text_mask is None else text_mask
    image_mask = cost.new_ones(b, n, dtype=torch.bool) if image_mask is None else image_mask
    padding = ~(image_mask[:, :, None] & text_mask[:, None, :])
    words = text_mask.sum(dim=1).to(cost.dtype)[:, None, None]
    patches = image_mask.sum(dim=1).to(cost.dtype)[:, None, None]
    far_words = _FAR * (~text_mask).to(cost.dtype)[:, None, :]
    far_patches = _FAR * (~image_mask).to(cost.dtype)[:, None, :]

    sigma = (cost.new_ones(b, l) / words[:, 0]).masked_fill(~text_mask, 0)
    T = cost.new_ones(b, n, l).masked_fill(padding, 0)
    A = torch.exp(-cost.mT / beta).masked_fill(padding, 0)
    for _ in range(iterations):
        Q = A * T
        delta = 1 / (patches * (Q @ sigma.view(b, l, 1)).view(b, 1, n) + far_patches)
        sigma = 1 / (words * (delta @ Q) + far_words)
        T = delta.view(b, n, 1) * Q * sigma
    return T.masked_fill(padding, 0).mT
