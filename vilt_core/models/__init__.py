"""Whole models, one file each, and the one door to build them by name."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from vilt_core.config import vilt_b32, vilt_mini
from vilt_core.models.vilt import Vilt


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A model and its presets."""

    model: Callable[[Any], nn.Module]  # takes the preset's config
    presets: dict[str, Callable[..., Any]]  # size -> function of vocab_size and answers


MODELS = {
    "vilt": Family(model=Vilt, presets={"published": vilt_b32, "mini": vilt_mini}),
}


def build(name: str, *, size: str = "published", **overrides) -> nn.Module:
    """A freshly initialised model.

    Args:
        name: One of ``MODELS``.
        size: ``published`` as in its paper, or ``mini``, which trains on a laptop.
        overrides: Fields of the model's config to set otherwise, such as ``answers=3129``. Without
            ``vocab_size`` the model speaks BERT's 30,522 word pieces.

    Raises:
        ValueError: No such model or size.
    """
    if name not in MODELS:
        raise ValueError(f"model must be one of {sorted(MODELS)}, got {name!r}")
    family = MODELS[name]
    if size not in family.presets:
        raise ValueError(f"size must be one of {sorted(family.presets)}, got {size!r}")
    config = family.presets[size](vocab_size=30522, answers=0)
    return family.model(replace(config, **overrides))
