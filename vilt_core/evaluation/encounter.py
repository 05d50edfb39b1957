"""One text and one picture meet in a model: as two vectors, or by looking at each other.

    found = encounter(model, tokenizer, "a cat next to a dog", image)
    found.looks.weights["text", "image"]  # of every word, what it looks at

What is read here comes of a pass of its own, the slow one that keeps its weights: nothing of it is
timed (``cost.py`` times).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cosine_similarity

from vilt_core.data.text import Tokenizer
from vilt_core.evaluation.inference import evaluating
from vilt_core.evaluation.meeting import heats, in_grid, meets
from vilt_core.evaluation.scoring import judge_of
from vilt_core.evaluation.sources import Box
from vilt_core.explain.attention import head_mean
from vilt_core.layers.reader import PairReader
from vilt_core.layers.stacked_attention import pooled
from vilt_core.models.clip import Clip
from vilt_core.models.scan import Scan
from vilt_core.models.vilbert import Vilbert
from vilt_core.models.vilt import Vilt
from vilt_core.models.vse import Vse
from vilt_core.types import ImageBatch, ModelOutput

Side = Literal["text", "image"]

WITH_CLASS = (Vilt, Vilbert)  # whose picture has a token of its own in front of its pieces


@dataclass(frozen=True, slots=True, kw_only=True)
class Vectors:
    """What a dual encoder makes of both: the sum of their products is the cosine."""

    text: Float[np.ndarray, " e"]  # of length 1
    image: Float[np.ndarray, " e"]  # of length 1
    factor: float  # of the cosine, in the score


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """Who looks at whom, and how much, in the last place where words and picture meet.

    ``weights["text", "image"]`` are the looks of words at the picture, a row a word. A row of all
    blocks that a side has sums to 1. The picture's own [class], where it has one, comes before its
    pieces.
    """

    how: Literal["stacked", "across", "joint"]
    layers: int  # in which both meet, of which this is the last
    heads: int  # over which this is the mean
    weights: Mapping[tuple[Side, Side], Float[np.ndarray, "_rows _columns"]]
    heat: Float[np.ndarray, "l n"]  # of words over the pieces alone
    # Of SCAN: the cosines of words with what each found, and of regions ...
    found: Mapping[Side, Float[np.ndarray, " _found"]]
    # ... and what the model makes of them, in each direction that counts: the score is the mean.
    pooled: Mapping[Side, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Encounter:
    """How one text and one picture meet in one model."""

    tokens: tuple[str, ...]
    grid: tuple[int, int] | None  # rows and columns of patches or cells
    boxes: tuple[Box, ...]  # of regions
    image_class: bool  # whether the picture has a token of its own, before its pieces
    vectors: Vectors | None  # of a dual encoder with one vector of each
    looks: Looks | None  # of all others
    score: float | None  # of a dual encoder
    matched: float | None  # the probability of the head that tells pairs, where there is one


def encounter(model: PairReader, tokenizer: Tokenizer, text: str, image: ImageBatch) -> Encounter:
    """Read one pair, and tell how its halves met.

    Args:
        model: Of any family.
        tokenizer: Its own.
        text: In words that it knows.
        image: A batch of one, without padding.

    Raises:
        ValueError: A text that cannot be read, in one sentence (``Tokenizer.check``).
    """
    device = next(model.parameters()).device
    batch = tokenizer.encode([tokenizer.check(text, noun="sentence")]).batch.to(device)
    image = image.to(device)
    with evaluating(model):
        output = model(batch, image, **({"return_attentions": True} if meets(model) else {}))
        return Encounter(
            tokens=tuple(tokenizer.token(one) for one in batch.ids[0].tolist()),
            grid=output.grid if in_grid(output) else None,
            boxes=() if in_grid(output) else _boxes(output),
            image_class=isinstance(model, WITH_CLASS),
            vectors=_vectors(model, output) if isinstance(model, Vse | Clip) else None,
            looks=_looks(model, output) if meets(model) else None,
            score=float(model.score_all(batch, image)) if model.dual else None,
            matched=_matched(model, output),
        )


def _boxes(output: ModelOutput) -> tuple[Box, ...]:
    assert output.boxes is not None
    return tuple(map(tuple, output.boxes[0][output.image_mask[0]].tolist()))


def _matched(model: PairReader, output: ModelOutput) -> float | None:
    judge = judge_of(model)
    return None if judge is None else float(judge[1](output.pooled).sigmoid())


def _vectors(model: Vse | Clip, output: ModelOutput) -> Vectors:
    text, image = output.text_vector, output.image_vector
    assert text is not None
    assert image is not None
    factor = float(model.score(text, text))  # whose cosine is 1
    return Vectors(text=_array(text[0]), image=_array(image[0]), factor=factor)


def _looks(model: PairReader, output: ModelOutput) -> Looks:
    pieces = output.image_mask[0]
    heat = _array(heats(model, output)["attention"][0][:, pieces])
    if output.text_to_image is None:
        assert output.attentions is not None
        return Looks(
            how="joint",
            layers=len(output.attentions),
            heads=output.attentions[-1].shape[1],
            weights=_joint(output),
            heat=heat,
            found={},
            pooled={},
        )
    assert output.image_to_text is not None
    own = pieces.new_tensor([isinstance(model, WITH_CLASS)])  # padding, where it has none
    real = torch.cat([own, pieces])
    found = _found(output) if isinstance(model, Scan) else {}
    return Looks(
        how="stacked" if isinstance(model, Scan) else "across",
        layers=len(output.text_to_image),
        heads=output.text_to_image[-1].shape[1],
        weights={
            ("text", "image"): _array(output.text_to_image[-1][0].mean(dim=0)[:, real]),
            ("image", "text"): _array(output.image_to_text[-1][0].mean(dim=0)[real]),
        },
        heat=heat,
        found={side: _array(cosines) for side, cosines in found.items()},
        pooled=_pooled(model, found) if isinstance(model, Scan) else {},
    )


def _joint(output: ModelOutput) -> dict[tuple[Side, Side], np.ndarray]:
    assert output.attentions is not None
    whole = head_mean(output.attentions[-1])[0]
    words, pieces = output.text.shape[1], output.image_mask[0]
    own = pieces.new_ones(len(whole) - words - len(pieces))  # the picture's [class], or nobody
    kept = torch.cat([output.text_mask[0], own, pieces])
    whole = _array(whole[kept][:, kept])
    parts: dict[Side, slice] = {"text": slice(words), "image": slice(words, None)}
    return {(a, b): whole[parts[a], parts[b]] for a in parts for b in parts}


def _found(output: ModelOutput) -> dict[Side, Tensor]:
    """The cosine of every word with the mean of the regions that it looks at, and back."""
    assert output.text_to_image is not None
    assert output.image_to_text is not None
    words, regions = output.text[0], output.image[0]
    of_regions = output.text_to_image[-1][0, 0][:, 1:] @ regions
    of_words = output.image_to_text[-1][0, 0][1:] @ words
    real = output.image_mask[0]
    return {
        "text": cosine_similarity(words, of_regions, dim=-1),
        "image": cosine_similarity(regions, of_words, dim=-1)[real],
    }


def _pooled(model: Scan, found: Mapping[Side, Tensor]) -> dict[Side, float]:
    """One number of all that was found, in each direction by which the model scores."""
    config = model.config
    steepness = {"text": config.text_steepness, "image": config.image_steepness}
    return {
        side: float(pooled(cosines, torch.ones_like(cosines).bool(), steepness=steepness[side]))
        for side, cosines in found.items()
        if any(direction.startswith(side) for direction in config.directions)
    }


def _array(values: Tensor) -> np.ndarray:
    return values.float().cpu().numpy()
