"""Optimal transport between the words of a text and the patches of an image, on plain tensors.

A cost (b, l, n) becomes a plan (b, l, n): rows are text tokens, columns are image patches, and the
entries say how much of a word's mass goes to a patch. Every token carries mass 1 / tokens and every
patch 1 / patches; padding carries none. Masks are boolean, and ``True`` means a real token.
"""

from vilt_core.transport.costs import cosine_cost
from vilt_core.transport.ipot import ALGORITHM, ipot, ipot_steps
from vilt_core.transport.plans import (
    column_normalised,
    entropy,
    hard_assignment,
    marginal_error,
    row_normalised,
    transport_cost,
    uniform_marginals,
)
from vilt_core.transport.sinkhorn import sinkhorn, sinkhorn_steps
from vilt_core.transport.trace import Snapshot, Trace

__all__ = [
    "ALGORITHM",
    "Snapshot",
    "Trace",
    "column_normalised",
    "cosine_cost",
    "entropy",
    "hard_assignment",
    "ipot",
    "ipot_steps",
    "marginal_error",
    "row_normalised",
    "sinkhorn",
    "sinkhorn_steps",
    "transport_cost",
    "uniform_marginals",
]
