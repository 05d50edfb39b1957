"""Does a patch know where it is? A linear reader asks its state after every block.

A transformer sees a set of patches; what lies left of what it can only tell from the positions that
were added to them (equation 2), and only as long as these are not drowned by what the patches show.
"""

import time
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from vilt_core.evaluation.inference import Progress, evaluating, read_batches, said_first
from vilt_core.evaluation.sets import Source
from vilt_core.evaluation.sources import Paired, Picture, pairs_of
from vilt_core.interop.bundle import Bundle
from vilt_core.layers.fusion import split

PICTURES = 256  # that are read, where nobody says how many
_LEARNED = 0.75  # of them: the reader is fitted on these, and scored on the rest
_RIDGE = 1e-3  # of the reader, beside normalised states


def place_readability(
    bundle: Bundle,
    *,
    on: Source = "world:test",
    limit: int | None = None,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """How well a linear map tells the row and the column of a patch from its state.

    Args:
        bundle: the model.
        on: a set of the world, or captions on disk; pictures are read with their true captions.
        limit: how many pictures at most; 256 otherwise.
        batch_size: pictures read at once; no result depends on it.
        progress: told (done, total) after every batch.

    Returns:
        "rows" and "columns": the share of variance that is explained on pictures the reader has not
        seen, at most 1, first of the embedding and then after each block; "examples": pictures.

    Raises:
        ValueError: a set that cannot be read, or fewer than 4 pictures.
    """
    limit = limit or PICTURES
    once: dict[Picture, Paired] = {}  # a picture has several captions
    for pair in pairs_of(on, limit=4 * limit):
        if pair.matched:
            once.setdefault(pair.picture, pair)
    pairs = list(once.values())[:limit]
    if len(pairs) < 4:
        raise ValueError(f"a reader needs at least 4 pictures with captions, got {len(pairs)}")
    begun = time.perf_counter()
    seen, places, owners = _states(bundle, pairs, batch_size=batch_size, progress=progress)
    fitted = owners < _LEARNED * len(pairs)
    scores = torch.stack([explained(one, places, fitted=fitted) for one in seen])
    seconds = time.perf_counter() - begun
    rows, columns = ([round(value, 6) for value in axis] for axis in scores.T.tolist())
    return {
        **said_first("places", bundle, on, examples=len(pairs), seconds=seconds),
        "rows": rows,
        "columns": columns,
    }


def _states(
    bundle: Bundle, pairs: Sequence[Paired], *, batch_size: int, progress: Progress | None
) -> tuple[list[Tensor], Tensor, Tensor]:
    """Every patch's normalised state after each block, its place, and which picture it is of."""
    states: list[list[Tensor]] = [[] for _ in range(bundle.vilt.config.depth + 1)]
    places, owners = [], []
    pictures, texts = [pair.picture for pair in pairs], [pair.text for pair in pairs]
    with evaluating(bundle.model):
        for read in read_batches(
            bundle, pictures, texts, batch_size=batch_size, return_states=True, progress=progress
        ):
            real = read.output.image_mask
            assert read.output.states is not None
            for kept, state in zip(states, read.output.states, strict=True):
                patches = split(state, text_tokens=read.output.text.shape[1])[2]
                kept.append(bundle.vilt.encoder.norm(patches)[real].double().cpu())
            places.append(read.output.positions[real].double().cpu())
            rows = torch.tensor(list(read.rows))[:, None].expand(real.shape)
            owners.append(rows[real.cpu()])
    return [torch.cat(kept) for kept in states], torch.cat(places), torch.cat(owners)


def explained(
    states: Float[Tensor, "n d"], values: Float[Tensor, "n k"], *, fitted: Tensor
) -> Float[Tensor, " k"]:
    """R2 of a ridge regression on rows that it was not fitted to; 0 is a reader of the mean.

    Args:
        states: what is read.
        values: what is to be told from it.
        fitted: True on the rows that the reader learns from.
    """
    ones = torch.ones_like(states[:, :1])
    known = torch.cat([states, ones], dim=1)
    own = known[fitted]
    ridge = _RIDGE * len(own) * torch.eye(known.shape[1], dtype=known.dtype)
    reader = torch.linalg.solve(own.T @ own + ridge, own.T @ values[fitted])
    asked = values[~fitted]
    missed = (known[~fitted] @ reader - asked).square().mean(dim=0)
    spread = (asked - values[fitted].mean(dim=0)).square().mean(dim=0)
    return 1 - missed / spread.clamp(min=torch.finfo(spread.dtype).tiny)
