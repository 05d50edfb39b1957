"""From a model, a text and a picture to their word-patch alignment."""

from collections.abc import Iterable
from dataclasses import replace

import torch

from vilt_core.data.text import Tokenizer, Word
from vilt_core.explain.alignment import Alignment, AlignmentTrace
from vilt_core.layers import split
from vilt_core.models.vilt import Vilt
from vilt_core.transport import Trace, cosine_cost, ipot, transport_cost
from vilt_core.transport.problem import check_count
from vilt_core.types import ImageBatch


def chosen_iterations(total: int, count: int = 60) -> tuple[int, ...]:
    """Which iterations of ``total`` to look at: the first, the last, and ever fewer between.

    ``count`` of them, or all where there are no more. A solver moves fastest at its start: there
    they are one apart, later they grow by a constant factor.

    Raises:
        ValueError: A total or a count that is no integer of at least 1.
    """
    check_count("iterations", total)
    check_count("count", count)
    chosen = [1]
    while chosen[-1] < total:
        factor = (total / chosen[-1]) ** (1 / max(count - len(chosen), 1))
        chosen.append(max(chosen[-1] + 1, round(chosen[-1] * factor)))
    return tuple(chosen)


@torch.inference_mode()
def align(
    model: Vilt,
    tokenizer: Tokenizer,
    text: str,
    image: ImageBatch,
    *,
    beta: float = 0.5,
    iterations: int = 50,
    trace: bool = False,
    trace_at: Iterable[int] | None = None,
    layer: int = -1,
) -> Alignment:
    """Lay one text on one picture by IPOT over the cosine cost of their states.

    In float64 from the states on: the numbers of a step-through then fall on where float32 would
    level off, and beta may be small.

    Args:
        model: In evaluation mode.
        tokenizer: The model's own.
        text: What to lay out; [CLS] and [SEP] take no part.
        image: A batch of one; its [class] takes no part.
        beta: IPOT's proximal weight, the inverse of a step size.
        iterations: Of IPOT; iterations / beta says how far it gets to the exact optimum.
        trace: Keep what IPOT was on its way.
        trace_at: The iterations to keep; ``chosen_iterations(iterations)`` by default.
        layer: Whose states, under the final norm: 0 is the embedding, i the output of block i, -1
            the last block, which is what the model was trained on.

    Raises:
        ValueError: A text that cannot be read (``Tokenizer.check``), more than one image, no such
            layer, or settings out of range.
    """
    depth = len(model.encoder.blocks)
    if not -depth - 1 <= layer <= depth:
        raise ValueError(f"layer must lie in {-depth - 1} to {depth}, got {layer}")
    if trace_at is not None and not trace:
        raise ValueError("trace_at needs trace=True, got trace=False")
    text = tokenizer.check(text)
    batch = tokenizer.encode([text]).batch
    device = next(model.parameters()).device
    output = model(batch.to(device), image.to(device), return_states=True)
    states = model.encoder.norm(output.states[layer])
    text_states, _, image_states = split(states, text_tokens=batch.ids.shape[1])
    cost = cosine_cost(text_states[:, 1:-1].double(), image_states.double()).cpu()
    image_mask = output.image_mask.cpu()
    if trace:
        kept = chosen_iterations(iterations) if trace_at is None else trace_at
        plan, found = ipot(
            cost, None, image_mask, beta=beta, iterations=iterations, trace=True, trace_at=kept
        )
    else:
        plan, found = ipot(cost, None, image_mask, beta=beta, iterations=iterations), None
    return Alignment(
        words=tuple(_on_rows(word) for word in tokenizer.words(text)),
        tokens=tuple(tokenizer.token(index) for index in batch.ids[0, 1:-1].tolist()),
        grid=output.grid,
        cost=cost[0].numpy(),
        plan=plan[0].numpy(),
        transport_cost=transport_cost(cost, plan).item(),
        beta=beta,
        iterations=iterations,
        trace=None if found is None else _trace_of_one(found),
    )


def _on_rows(word: Word) -> Word:
    """The word with its tokens counted without [CLS]."""
    return replace(word, tokens=tuple(token - 1 for token in word.tokens))


def _trace_of_one(trace: Trace) -> AlignmentTrace:
    return AlignmentTrace(
        iterations=trace.iterations,
        plans=trace.plans[:, 0].numpy(),
        text_scaling=trace.sigma[:, 0].numpy(),
        image_scaling=trace.delta[:, 0].numpy(),
        transport_cost=trace.transport_cost[:, 0].numpy(),
        text_error=trace.text_marginal_error[:, 0].numpy(),
        image_error=trace.image_marginal_error[:, 0].numpy(),
        entropy=trace.entropy[:, 0].numpy(),
    )
