"""The transport problem that both solvers start from: checked, detached, padding priced out."""

from dataclasses import dataclass
from numbers import Integral, Real

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from vilt_core.transport.plans import uniform_marginals


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A cost between masses, shaped to broadcast against it."""

    cost: Float[Tensor, "b l n"]  # infinite wherever the token or the patch is padding
    cheapest: Float[Tensor, "b 1 1"]  # the lowest cost of a real pair ...
    dearest: Float[Tensor, "b 1 1"]  # ... and the highest
    text_marginal: Float[Tensor, "b l 1"]  # 0 on padding
    image_marginal: Float[Tensor, "b 1 n"]


def uniform_problem(
    cost: Float[Tensor, "b l n"],
    text_mask: Bool[Tensor, "b l"] | None = None,
    image_mask: Bool[Tensor, "b n"] | None = None,
) -> Problem:
    """Equal mass for every real token and every real patch.

    Shapes are checked on every device. Values are checked on the CPU alone, where reading them
    waits for nothing; elsewhere a row without a real token, or a cost that is not finite, gives a
    plan of NaN for its own pair.

    Raises:
        ValueError: for a cost or mask of another shape or dtype, a row of the batch with no real
            token or no real patch, or a cost that is not finite between real ones.
    """
    check_problem(cost, text_mask, image_mask)
    cost = ceiling = cost.detach().to(torch.promote_types(cost.dtype, torch.float32)).contiguous()
    if text_mask is not None or image_mask is not None:
        padding = torch.zeros((), dtype=torch.bool, device=cost.device)
        if text_mask is not None:
            padding = padding | ~rearrange(text_mask, "b l -> b l 1")
        if image_mask is not None:
            padding = padding | ~rearrange(image_mask, "b n -> b 1 n")
        cost, ceiling = cost.masked_fill(padding, torch.inf), cost.masked_fill(padding, -torch.inf)
    cheapest, dearest = cost.amin((1, 2), keepdim=True), ceiling.amax((1, 2), keepdim=True)
    if cost.is_cpu and not (cheapest.isfinite() & dearest.isfinite()).all():
        raise ValueError("cost must be finite between real tokens and patches, got inf or NaN")

    text_marginal, image_marginal = uniform_marginals(cost, text_mask, image_mask)
    return Problem(
        cost=cost,
        cheapest=cheapest,
        dearest=dearest,
        text_marginal=rearrange(text_marginal, "b l -> b l 1"),
        image_marginal=rearrange(image_marginal, "b n -> b 1 n"),
    )


def check_problem(
    cost: Float[Tensor, "b l n"],
    text_mask: Bool[Tensor, "b l"] | None = None,
    image_mask: Bool[Tensor, "b n"] | None = None,
) -> None:
    """Raise the ValueErrors of ``uniform_problem``, but for those about the values of the cost."""
    if cost.ndim != 3 or 0 in cost.shape[1:] or not cost.is_floating_point():
        raise ValueError(
            "cost must be floating point with shape (batch, tokens, patches), "
            f"got {cost.dtype} with shape {tuple(cost.shape)}"
        )
    b, l, n = cost.shape
    _check_mask(text_mask, name="text_mask", noun="token", shape=(b, l))
    _check_mask(image_mask, name="image_mask", noun="patch", shape=(b, n))


def check_positive(name: str, value: float) -> None:
    """Raise a ValueError unless the value is a finite number above 0."""
    if not isinstance(value, Real) or not 0 < value < float("inf"):
        raise ValueError(f"{name} must be finite and greater than 0, got {value!r:.60}")


def check_count(name: str, value: int) -> None:
    """Raise a ValueError unless the value is an integer of at least 1."""
    if not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} must be an integer of at least 1, got {value!r:.60}")


def _check_mask(mask: Tensor | None, *, name: str, noun: str, shape: tuple[int, int]) -> None:
    if mask is None:
        return
    if mask.shape != shape or mask.dtype != torch.bool:
        raise ValueError(
            f"{name} must be torch.bool with shape {shape}, "
            f"got {mask.dtype} with shape {tuple(mask.shape)}"
        )
    if mask.is_cpu and not mask.any(-1).all():
        empty = int((~mask.any(-1)).nonzero()[0])
        raise ValueError(
            f"{name} needs at least one real {noun} in every row, row {empty} has none"
        )
