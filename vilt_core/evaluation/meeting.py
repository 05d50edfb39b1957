"""Where a word looks, in whatever a model makes of the picture: patches, grid cells or regions.

alignment.py asks a ViLT, six ways; here every model in which words meet the picture is asked the
same, so that one table holds them all. A dual encoder that has one vector of each is not asked.
"""

import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from vilt_core.evaluation.alignment import ipot_heat, mean_of, noun_tokens
from vilt_core.evaluation.inference import Progress, Read, evaluating, read_batches, said_first
from vilt_core.evaluation.localisation import patches_in_boxes, pointing
from vilt_core.evaluation.sets import Source, name_of
from vilt_core.evaluation.sources import Captioned, captions_of
from vilt_core.explain.attention import raw_attention
from vilt_core.interop.bundle import Bundle
from vilt_core.layers.reader import PairReader
from vilt_core.models.clip import Clip
from vilt_core.models.uniter import Uniter
from vilt_core.models.vilt import Vilt
from vilt_core.models.vse import Vse
from vilt_core.types import ModelOutput

APART = (Vse, Clip)  # a text and a picture meet as one vector each
ALIGNED = (Vilt, Uniter)  # whose papers train words to lie near what they name, by transport


def meets(model: PairReader) -> bool:
    """Whether single words meet single pieces of the picture."""
    return not isinstance(model, APART)


def word_pointing(
    bundle: Bundle,
    *,
    on: Source = "world:test",
    limit: int | None = None,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """How often the piece of the picture that a noun looks at most is what it names.

    Args:
        bundle: a model of any family in which words meet the picture.
        on: a set of the world, or a file of captions with their truth.
        limit: how many captions at most; 1,000 of the world, or all otherwise.
        batch_size: captions read at once; no result depends on it.
        progress: told (captions done, total) after every batch.

    Returns:
        "pointing" by "attention" (of the last place where words look at the picture, mean over
        heads), by "transport" (of models that were trained to align by it) and by "chance" (every
        piece alike); "examples" are nouns, "pieces" how many there are of a picture at most.
        A patch is right as in localisation.py; a region is, whose centre lies in the box.

    Raises:
        ValueError: a dual encoder with one vector a picture, or a set that cannot be read.
    """
    if not meets(bundle.model):
        raise ValueError(f"no word of {bundle.name} meets any piece of a picture")
    captions = captions_of(on, limit=limit)
    begun = time.perf_counter()
    hits: dict[str, list[Tensor]] = defaultdict(list)
    pieces = 0
    with evaluating(bundle.model):
        for read in read_batches(
            bundle,
            [one.picture for one in captions],
            [one.text for one in captions],
            batch_size=batch_size,
            return_attentions=True,
            progress=progress,
        ):
            pieces = max(pieces, read.output.image_mask.shape[1])
            found = heats(bundle.model, read.output)
            for row, one in enumerate(captions[read.rows.start : read.rows.stop]):
                for tokens, inside in named_pieces(one, read, row):
                    for name, heat in found.items():
                        noun = heat[row, tokens].sum(dim=0, keepdim=True).cpu()
                        hits[name].append(pointing(noun, inside[None]))
    if not hits:
        raise ValueError(f"{name_of(on)} must mention something that can be seen, it does not")
    seconds = time.perf_counter() - begun
    return {
        **said_first("pointing", bundle, on, examples=len(hits["chance"]), seconds=seconds),
        "pieces": pieces,
        "pointing": {name: mean_of(found) for name, found in hits.items()},
    }


def heats(model: PairReader, output: ModelOutput) -> dict[str, Float[Tensor, "b l n"]]:
    """What every word makes of every piece of the picture, by every way in which it does."""
    real = rearrange(output.image_mask, "b n -> b 1 n")
    found = {
        "attention": _attention(output),
        "chance": torch.ones_like(real, dtype=output.text.dtype).expand(
            -1, output.text.shape[1], -1
        ),
    }
    if isinstance(model, ALIGNED):
        found["transport"] = ipot_heat(output)
    return {name: heat.masked_fill(~real, -torch.inf) for name, heat in found.items()}


def _attention(output: ModelOutput) -> Float[Tensor, "b l n"]:
    if output.text_to_image is not None:  # without the column of the image's own [class]
        return output.text_to_image[-1].mean(dim=1)[..., 1:]
    assert output.attentions is not None
    text_tokens = output.text.shape[1]
    if output.attentions[-1].shape[-1] == text_tokens + output.image.shape[1]:  # no [class]
        return output.attentions[-1].mean(dim=1)[:, :text_tokens, text_tokens:]
    return raw_attention(output.attentions, text_tokens=text_tokens)


def named_pieces(
    one: Captioned, read: Read, row: int
) -> Iterator[tuple[Bool[Tensor, " l"], Bool[Tensor, " n"]]]:
    """Of one caption: the tokens of every noun, and the pieces of the picture that it names."""
    boxes = torch.tensor(one.boxes).reshape(-1, 4)
    inside = pieces_in_boxes(boxes, read.output, row=row)
    for mention in one.mentions:
        tokens = noun_tokens(read.text, row, mention)
        if mention.objects and tokens.any():
            yield tokens, inside[list(mention.objects)].any(dim=0)


def in_grid(output: ModelOutput) -> bool:
    """Patches and cells lie in a grid, even where they have boxes; regions are a row of one."""
    return output.boxes is None or output.grid[0] > 1


def pieces_in_boxes(
    boxes: Float[Tensor, "objects 4"], output: ModelOutput, *, row: int
) -> Bool[Tensor, "objects n"]:
    """Which pieces of a picture lie in each box.

    Patches and cells as ``patches_in_boxes`` has it; regions whose own centre lies in the box.
    """
    if in_grid(output):
        return patches_in_boxes(boxes, grid=output.grid)
    assert output.boxes is not None
    left, top, right, bottom = output.boxes[row].cpu().unbind(dim=-1)
    x, y = (left + right) / 2, (top + bottom) / 2
    x0, y0, x1, y1 = boxes[:, :, None].unbind(dim=1)
    return (x0 <= x) & (x <= x1) & (y0 <= y) & (y <= y1) & output.image_mask[row].cpu()
