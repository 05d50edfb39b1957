"""A solver watched at work: its plan and how good it is, after every iteration or a chosen few."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from numbers import Integral

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vilt_core.transport.plans import entropy, marginal_error, transport_cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A solver's state after one iteration.

    The scalings are kept as logarithms, which no choice of beta or epsilon can overflow; on
    padding they are minus infinity.
    """

    plan: Float[Tensor, "b l n"]
    log_sigma: Float[Tensor, "b l"]  # of the text
    log_delta: Float[Tensor, "b n"]  # of the image


# One item an iteration: a function that copies the state, so that nobody pays for a copy unasked.
Steps = Iterator[Callable[[], Snapshot]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What a solver was at the iterations kept, the first axis of every tensor."""

    iterations: tuple[int, ...]  # counted from 1
    plans: Float[Tensor, "t b l n"]
    log_sigma: Float[Tensor, "t b l"]
    log_delta: Float[Tensor, "t b n"]
    text_marginal_error: Float[Tensor, "t b"]
    image_marginal_error: Float[Tensor, "t b"]
    transport_cost: Float[Tensor, "t b"]
    entropy: Float[Tensor, "t b"]

    @property
    def sigma(self) -> Float[Tensor, "t b l"]:
        """The text scaling, 0 on padding."""
        return self.log_sigma.exp()

    @property
    def delta(self) -> Float[Tensor, "t b n"]:
        """The image scaling, 0 on padding."""
        return self.log_delta.exp()


def run(
    steps: Steps, *, iterations: int, keep: Iterable[int] = ()
) -> tuple[Float[Tensor, "b l n"], list[Snapshot]]:
    """Iterate a solver; return its last plan, and the snapshots of the iterations to keep."""
    keep, snapshots, iteration = frozenset(keep), [], 0
    while True:
        snapshot, iteration = next(steps), iteration + 1
        if iteration in keep:
            snapshots.append(snapshot())
        if iteration == iterations:
            return snapshot().plan, snapshots


def kept_iterations(
    *, iterations: int, trace: bool, trace_at: Iterable[int] | None
) -> tuple[int, ...]:
    """The iterations a trace keeps, in order: every one, or those of ``trace_at``.

    Raises:
        ValueError: for ``trace_at`` without ``trace``, empty, no whole numbers, or outside 1 to
            ``iterations``.
    """
    if trace_at is None:
        return tuple(range(1, iterations + 1)) if trace else ()
    named = tuple(trace_at) if isinstance(trace_at, Iterable) else None
    if named is None or not all(isinstance(iteration, Integral) for iteration in named):
        raise ValueError(f"trace_at must hold whole numbers, got {trace_at!r:.60}")
    chosen = tuple(sorted(set(named)))
    if not trace:
        raise ValueError("trace_at needs trace=True, got trace=False")
    if not chosen or chosen[0] < 1 or chosen[-1] > iterations:
        raise ValueError(f"trace_at must lie in 1 to {iterations}, got {list(chosen)}")
    return chosen


def trace_of(
    snapshots: list[Snapshot],
    cost: Float[Tensor, "b l n"],
    text_mask: Bool[Tensor, "b l"] | None = None,
    image_mask: Bool[Tensor, "b n"] | None = None,
    *,
    iterations: tuple[int, ...],
) -> Trace:
    """Stack the snapshots of these iterations and measure their plans."""
    plans = torch.stack([snapshot.plan for snapshot in snapshots])
    text_error, image_error = marginal_error(plans, text_mask, image_mask)
    return Trace(
        iterations=iterations,
        plans=plans,
        log_sigma=torch.stack([snapshot.log_sigma for snapshot in snapshots]),
        log_delta=torch.stack([snapshot.log_delta for snapshot in snapshots]),
        text_marginal_error=text_error,
        image_marginal_error=image_error,
        transport_cost=transport_cost(cost.detach().to(plans.dtype), plans, text_mask, image_mask),
        entropy=entropy(plans),
    )
