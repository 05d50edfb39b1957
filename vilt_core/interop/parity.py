"""Do two models compute the same? Layer by layer, on a random text and random pictures."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vilt_core.config import ViltConfig
from vilt_core.interop.opening import open_bundle
from vilt_core.interop.weights import own_state
from vilt_core.layers.reader import PairReader
from vilt_core.models.vilt import Vilt
from vilt_core.types import ImageBatch, ModelOutput, TextBatch

Layers = dict[str, Tensor]
_CLASSES = {  # of transformers, by the head of ours that is in them; it has none for ITM
    "vqa": "ViltForQuestionAnswering",
    "nlvr2": "ViltForImagesAndTextClassification",
    "rank": "ViltForImageAndTextRetrieval",
    "mlm": "ViltForMaskedLM",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How far two models are apart in one layer."""

    layer: str
    difference: float  # the largest
    largest: float  # value of this layer, to judge it by


def compare(left: Vilt, right: Vilt, *, seed: int = 0) -> list[Difference]:
    """Two models of ours of the same shape, both in evaluation mode and float32.

    Args:
        left: One of them.
        right: The other.
        seed: Of the input: two texts, one of them padded, and pictures of two sizes.

    Returns:
        One row a layer: the embedding, every block, the final norm, the pooler, each head.
    """
    text, image, other = _input(left.config, seed)
    found = [_layers(model, text, image, other) for model in (left, right)]
    return [_difference(layer, found[0][layer], found[1][layer]) for layer in found[0]]


def compare_with_transformers(
    model: Vilt, folder: str | os.PathLike[str], *, seed: int = 0
) -> list[Difference]:
    """A model of ours against what transformers makes of a folder, for every head that both have.

    transformers returns image tokens in random order; they are put back by their embeddings.

    Raises:
        ModuleNotFoundError: transformers is not installed.
    """
    import transformers

    text, image, other = _input(model.config, seed)
    ours = _layers(model, text, image, other)
    heads = [head for head in _CLASSES if head in ours]
    if "vqa" in heads and "nlvr2" in heads:
        heads.remove("nlvr2")  # a folder has one classifier by a name that transformers knows
    rows: list[Difference] = []
    for head in heads or [None]:
        kind = "ViltModel" if head is None else _CLASSES[head]
        with _quiet():
            theirs = getattr(transformers, kind).from_pretrained(folder, dtype=torch.float32)
        theirs.eval()
        if not rows:
            backbone = theirs if head is None else theirs.vilt
            reference = _reference(backbone, text, image, like=ours["embedding"])
            rows += [_difference(layer, ours[layer], reference[layer]) for layer in reference]
        if head is not None:
            logits = _reference_logits(theirs, head, text, image, other)
            rows.append(_difference(head, ours[head], logits))
    return rows


def parity_report(model: Vilt, folder: Path, *, to: Literal["huggingface", "lab"]) -> dict:
    """What was written, read back, beside the model that it was written from.

    Args:
        model: What was written.
        folder: Where to.
        to: The format; of a folder of transformers, its own model is compared as well where it is
            installed.

    Returns:
        Ready for JSON: the rows, a layer each, and notes on what the numbers cannot tell.
    """
    back = compare(model, open_bundle(folder).vilt)
    notes: list[str] = []
    theirs: dict[str, Difference] = {}
    if to == "huggingface" and find_spec("transformers") is None:
        notes.append("transformers is not installed and was not compared with.")
    elif to == "huggingface":
        theirs = {row.layer: row for row in compare_with_transformers(model, folder)}
        config = model.config
        if config.norm_eps != config.text_norm_eps:
            notes.append(
                f"Norms of blocks have an epsilon of {config.norm_eps:g} here, those of the text "
                f"{config.text_norm_eps:g}; transformers has {config.text_norm_eps:g} for all."
            )
    return {
        "folder": os.fspath(folder),
        "to": to,
        "rows": [
            {
                "layer": row.layer,
                "read back": row.difference,
                "transformers": theirs[row.layer].difference if row.layer in theirs else None,
                "largest": row.largest,
            }
            for row in back
        ],
        "notes": notes,
    }


def farthest_weight(model: PairReader, folder: Path) -> tuple[str, float]:
    """The weight of a folder that is farthest from a model's, beside the largest in its tensor.

    Args:
        model: What was written, a ViLT or one of its rivals.
        folder: Where to.

    Returns:
        Its tensor's name, and how far it is from what was written, beside that tensor's largest.
    """
    before, after = own_state(model), own_state(open_bundle(folder).model)
    apart = {}
    for name, value in after.items():
        largest = float(before[name].abs().max()) or 1.0
        apart[name] = float((value - before[name]).abs().max()) / largest
    name = max(apart, key=lambda name: apart[name])
    return name, apart[name]


def _difference(layer: str, left: Tensor, right: Tensor) -> Difference:
    if left.shape != right.shape:
        raise ValueError(
            f"{layer} must have the same shape in both, got {tuple(left.shape)} and "
            f"{tuple(right.shape)}"
        )
    return Difference(
        layer=layer,
        difference=float((left - right).abs().max()),
        largest=float(left.abs().max()),
    )


def _input(config: ViltConfig, seed: int) -> tuple[TextBatch, ImageBatch, ImageBatch]:
    """Two texts, one of them padded; a square picture beside a wide one, and another such pair."""
    generator = torch.Generator().manual_seed(seed)
    length, patch, grid = min(config.max_text_tokens, 12), config.patch_size, config.grid
    ids = torch.randint(config.vocab_size, (2, length), generator=generator)
    words = torch.arange(length) < torch.tensor([[length], [length - length // 3]])
    rows, columns = torch.tensor([[grid, max(grid - 1, 1)], [grid, grid + grid // 2]]) * patch
    height, width = int(rows.max()), int(columns.max())
    real = (torch.arange(height) < rows[:, None])[:, :, None]
    mask = real & (torch.arange(width) < columns[:, None])[:, None, :]
    pixels = torch.rand(2, 2, 3, height, width, generator=generator) * 2 - 1
    first, second = (ImageBatch(pixels=one * mask[:, None], mask=mask) for one in pixels)
    return TextBatch(ids=ids, mask=words), first, second


@torch.no_grad()
def _layers(model: Vilt, text: TextBatch, image: ImageBatch, other: ImageBatch) -> Layers:
    """Every layer's values at the real tokens."""
    out = model(text, image, return_states=True)
    real = _real(out)
    final = torch.cat([out.text, out.image_class[:, None], out.image], dim=1)
    assert out.states is not None
    names = ["embedding", *(f"block {i + 1}" for i in range(len(out.states) - 1))]
    found = {name: state[real] for name, state in zip(names, out.states, strict=True)}
    found |= {"final norm": final[real], "pooled": out.pooled}
    heads: dict[str, Callable[[], Tensor]] = {
        "vqa": lambda: model.head("vqa")(out.pooled),
        "nlvr2": lambda: model.head("nlvr2")(
            torch.cat([out.pooled, model(text, other, image_type=2).pooled], dim=-1)
        ),
        "rank": lambda: model.head("rank")(out.pooled),
        "mlm": lambda: model.head("mlm")(out.text)[text.mask],
        "itm": lambda: model.head("itm")(out.pooled),
    }
    return found | {head: take() for head, take in heads.items() if getattr(model, head)}


def _real(out: ModelOutput) -> Tensor:
    one = out.text_mask.new_ones(len(out.text_mask), 1)
    return torch.cat([out.text_mask, one, out.image_mask], dim=1)


def _given(text: TextBatch, image: ImageBatch) -> dict[str, Tensor]:
    """The input by the names of transformers."""
    assert image.mask is not None
    return {
        "input_ids": text.ids,
        "attention_mask": text.mask.long(),
        "pixel_values": image.pixels,
        "pixel_mask": image.mask.long(),
    }


@torch.no_grad()
def _reference(
    backbone: Any, text: TextBatch, image: ImageBatch, *, like: Float[Tensor, "tokens d"]
) -> Layers:
    """The layers of transformers, their real tokens in our order.

    Args:
        backbone: Its ViltModel.
        text: Two texts.
        image: Two pictures.
        like: Our embedding of the real tokens.
    """
    with torch.random.fork_rng(devices=[]):  # it draws the order of the patches
        out = backbone(**_given(text, image), output_hidden_states=True)
    states = [*out.hidden_states, out.last_hidden_state]
    places = []
    counts = _real_counts(backbone, text, image)
    for row, mine in enumerate(like.split(counts)):
        places.append(_places(mine, states[0][row], words=text.mask[row]))
    rows = torch.cat([torch.full_like(place, row) for row, place in enumerate(places)])
    where = rows, torch.cat(places)
    names = ["embedding", *(f"block {i + 1}" for i in range(len(states) - 2)), "final norm"]
    found = {name: state[where] for name, state in zip(names, states, strict=True)}
    return found | {"pooled": out.pooler_output}


def _real_counts(backbone: Any, text: TextBatch, image: ImageBatch) -> list[int]:
    assert image.mask is not None
    patch = backbone.config.patch_size
    patches = image.mask[:, ::patch, ::patch].flatten(1).sum(dim=1)
    return (text.mask.sum(dim=1) + 1 + patches).tolist()


def _places(
    mine: Float[Tensor, "tokens d"], theirs: Float[Tensor, "s d"], *, words: Tensor
) -> Int[Tensor, " tokens"]:
    """For each of our real tokens the row of transformers that holds it, by its embedding."""
    count = int(words.sum())
    first = len(words) + 1  # row of its first patch
    distance = torch.cdist(
        mine[count + 1 :], theirs[first:], compute_mode="donot_use_mm_for_euclid_dist"
    )
    patches = first + distance.argmin(dim=1)
    return torch.cat([torch.arange(count), torch.tensor([first - 1]), patches])


@torch.no_grad()
def _reference_logits(
    theirs: Any, head: str, text: TextBatch, image: ImageBatch, other: ImageBatch
) -> Tensor:
    given = _given(text, image)
    if head == "nlvr2":
        pair = _given(text, other)
        for name in ("pixel_values", "pixel_mask"):
            given[name] = torch.stack([given[name], pair[name]], dim=1)
    with torch.random.fork_rng(devices=[]):
        logits = theirs(**given).logits
    if head == "mlm":
        return logits[text.mask]
    return logits[:, 0] if head == "rank" else logits


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the report of transformers on heads that it does not look for."""
    from transformers.utils import logging

    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()
