"""Knock-outs: the answer without a head, a layer, a type embedding, a word or a patch.

Ablation is the plainest experiment on a network; of heads it is that of Michel, Levy and Neubig
("Are Sixteen Heads Really Better than One?", NeurIPS 2019). Nothing of the model is changed: parts
are left out of one computation.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from vilt_core.explain.inquiry import Inquiry, chunks
from vilt_core.explain.occlusion import without_words
from vilt_core.layers.encoder import Encoder
from vilt_core.layers.fusion import mask_of, with_class

SIDES = ("text", "image")


@dataclass(frozen=True, slots=True, kw_only=True)
class Knockout:
    """What is left out; nothing by default."""

    heads: tuple[tuple[int, int], ...] = ()  # (layer, head), both counted from 1
    layers: tuple[int, ...] = ()  # counted from 1: the block hands on what it was given
    types: tuple[str, ...] = ()  # "text" or "image": rows of the table of equation 3
    words: tuple[int, ...] = ()  # by their places in the question
    patches: tuple[tuple[int, int], ...] = ()  # (row, column)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """P(answer) without each part by itself, and as it is."""

    whole: float
    heads: Float[np.ndarray, "depth h"]
    layers: Float[np.ndarray, " depth"]
    types: Float[np.ndarray, " 2"]  # text, image
    words: Float[np.ndarray, " m"]


@torch.no_grad()
def knocked_out(inquiry: Inquiry, without: Knockout) -> Float[Tensor, " k"]:
    """Logits of all answers without some parts.

    Raises:
        ValueError: the model, the question or the picture has no such part.
    """
    _check(inquiry, without)
    model = inquiry.model
    joint, text_tokens = inquiry.joint(), inquiry.text_tokens
    for side in without.types:
        part = slice(None, text_tokens) if side == "text" else slice(text_tokens, None)
        joint[:, part] -= model.fusion.types.weight[SIDES.index(side)]
    said, kept = inquiry.text.mask.clone(), inquiry.patches.mask.clone()
    said[:, [token for at in without.words for token in inquiry.words[at].tokens]] = False
    columns = inquiry.patches.grid[1]
    kept[:, [row * columns + column for row, column in without.patches]] = False
    blocks = model.encoder.blocks
    gates = joint.new_ones(1, len(blocks), model.config.heads)
    for layer, head in without.heads:
        gates[:, layer - 1, head - 1] = 0
    left = [at for at in range(len(blocks)) if at + 1 not in without.layers]
    encoder = Encoder([blocks[at] for at in left], norm=model.encoder.norm)
    mask = mask_of(said, with_class(kept))
    tokens = encoder(joint, mask=mask, gates=gates[:, left]).tokens
    return model.head("vqa")(model.pooler(tokens[:, 0]))[0]


@torch.no_grad()
def effects(inquiry: Inquiry, answer: int) -> Effects:
    """One knock-out after the other: every head, every layer, both types, every word.

    Args:
        inquiry: the question.
        answer: its place among the model's answers.
    """
    model = inquiry.model
    depth, heads = len(model.encoder.blocks), model.config.heads
    every = torch.eye(depth * heads, device=inquiry.text.ids.device).reshape(-1, depth, heads)
    joint = inquiry.joint()
    gates = (1 - every).to(joint.dtype)
    silenced = torch.cat(
        [
            inquiry.read(joint.expand(len(gates[some]), -1, -1), gates=gates[some])
            for some in chunks(len(gates))
        ]
    )
    layers = [knocked_out(inquiry, Knockout(layers=(at + 1,))) for at in range(depth)]
    types = [knocked_out(inquiry, Knockout(types=(side,))) for side in SIDES]

    def chance(logits: Tensor) -> np.ndarray:
        return logits.double().softmax(dim=-1)[:, answer].cpu().numpy()

    return Effects(
        whole=float(chance(inquiry.logits())[0]),
        heads=chance(silenced).reshape(depth, heads),
        layers=chance(torch.stack(layers)),
        types=chance(torch.stack(types)),
        words=chance(inquiry.logits(said=without_words(inquiry))),
    )


def _check(inquiry: Inquiry, without: Knockout) -> None:
    depth, heads = len(inquiry.model.encoder.blocks), inquiry.model.config.heads
    rows, columns = inquiry.patches.grid
    strange = (
        [f"head {head} of layer {layer}" for layer, head in without.heads
         if not (1 <= layer <= depth and 1 <= head <= heads)]
        + [f"layer {layer}" for layer in without.layers if not 1 <= layer <= depth]
        + [f"type {side!r}" for side in without.types if side not in SIDES]
        + [f"word {at}" for at in without.words if not 0 <= at < len(inquiry.words)]
        + [f"patch ({row}, {column})" for row, column in without.patches
           if not (0 <= row < rows and 0 <= column < columns)]
    )  # fmt: skip
    if strange:
        raise ValueError(
            f"there are {depth} layers of {heads} heads, types {' and '.join(SIDES)}, "
            f"{len(inquiry.words)} words and {rows} x {columns} patches, got {strange[0]}"
        )
