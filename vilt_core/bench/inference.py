"""Answering questions: our ViLT-B/32 beside transformers', of the same weights."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vilt_core.bench.checkpoints import sentence, write_checkpoint
from vilt_core.bench.memory import memory
from vilt_core.bench.peers import transformers_quietly
from vilt_core.bench.results import Row, machine, result
from vilt_core.bench.setting import Scale, Setting
from vilt_core.bench.timing import race
from vilt_core.interop.opening import open_bundle
from vilt_core.layers.packed import has_bfloat16_units
from vilt_core.predictor import Predictor
from vilt_core.types import ImageBatch, TextBatch

BATCHES = (1, 8, 32)
GPU_BATCHES = (*BATCHES, 256)
MIXED = 8  # pictures of three sizes, padded to one
NO_UNITS = (
    "This processor has no bfloat16 units, so bfloat16 was left out: it would be slower than "
    "float32 on either side."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The same batch as either side takes it."""

    text: TextBatch
    image: ImageBatch
    theirs: dict[str, Tensor]  # what transformers' processor would have returned


def race_inference(setting: Setting) -> dict[str, Any]:
    """Race one forward pass, from pixels and tokens to the probabilities of all answers.

    Raises:
        ValueError: transformers is not installed.
    """
    where = machine(setting.device)
    with TemporaryDirectory() as folder:
        write_checkpoint(Path(folder), setting.scale, task="vqa")
        ours, theirs = _ours(folder, setting), _theirs(folder, setting)
        rows = [
            row
            for case, inputs in _cases(setting)
            for row in _rows(case, inputs, ours, theirs, setting)
        ]
        rows += _embedding_rows(folder, setting)
        asked = sentence(
            setting.scale, setting.scale.text_tokens, generator=torch.Generator().manual_seed(0)
        )
        held = memory(folder, side=setting.scale.side, text=asked)
    notes = [] if "bfloat16" in ours else [NO_UNITS]
    if held:
        notes.append(
            "Resident memory above the bare import of torch, of a process that opens the folder "
            f"and answers: {_said(held['ours'])}; transformers {_said(held['transformers'])}."
        )
    return result("inference", where, rows, notes=notes, memory=held)


def make_inputs(sizes: list[tuple[int, int]], scale: Scale, *, device: torch.device) -> Inputs:
    """Random pictures of these heights and widths, padded to one size, with texts of full length.

    The same ones every time.
    """
    generator = torch.Generator().manual_seed(len(sizes))
    height, width = (max(side) for side in zip(*sizes, strict=True))
    pixels = torch.zeros(len(sizes), 3, height, width)
    mask = torch.zeros(len(sizes), height, width, dtype=torch.bool)
    for at, (h, w) in enumerate(sizes):
        pixels[at, :, :h, :w] = 2 * torch.rand(3, h, w, generator=generator) - 1
        mask[at, :h, :w] = True
    ids = torch.randint(5, scale.vocab_size, (len(sizes), scale.text_tokens), generator=generator)
    theirs = {
        "input_ids": ids,
        "token_type_ids": torch.zeros_like(ids),
        "attention_mask": torch.ones_like(ids),
        "pixel_values": pixels,
        "pixel_mask": mask.long(),
    }
    image = ImageBatch(pixels=pixels, mask=None if mask.all() else mask)
    return Inputs(
        text=TextBatch(ids=ids, mask=torch.ones_like(ids, dtype=torch.bool)).to(device),
        image=image.to(device),
        theirs={name: value.to(device) for name, value in theirs.items()},
    )


def _cases(setting: Setting) -> Iterator[tuple[str, Inputs]]:
    scale = setting.scale
    square, wide, tall = (
        (scale.side, scale.side),
        (scale.side, scale.longer),
        (scale.longer, scale.side),
    )
    for batch in GPU_BATCHES if setting.on_gpu else BATCHES:
        case = f"batch {batch}, {scale.side} x {scale.side}, {scale.text_tokens} tokens"
        yield case, make_inputs([square] * batch, scale, device=setting.device)
    mixed = [(square, wide, tall)[at % 3] for at in range(MIXED)]
    case = f"batch {MIXED} of three sizes, padded, {scale.text_tokens} tokens"
    yield case, make_inputs(mixed, scale, device=setting.device)


def _ours(folder: str, setting: Setting) -> dict[str, Predictor]:
    """Our side by precision, bfloat16 where it is of use."""
    half = setting.on_gpu or has_bfloat16_units()
    precisions = ("float32", "bfloat16") if half else ("float32",)
    return {
        dtype: Predictor(open_bundle(folder), device=str(setting.device), dtype=dtype)
        for dtype in precisions
    }


def _theirs(folder: str, setting: Setting) -> dict[str, Callable[[Inputs], Tensor]]:
    """Their side by precision, as people call it."""
    transformers = transformers_quietly()
    opened = transformers.ViltForQuestionAnswering.from_pretrained
    model = opened(folder).to(setting.device).eval()
    half = partial(torch.autocast, setting.device.type, torch.bfloat16)
    found = {"float32": partial(_their_answers, model, precision=nullcontext)}
    if setting.on_gpu or has_bfloat16_units():
        found["bfloat16 autocast"] = partial(_their_answers, model, precision=half)
    if setting.on_gpu:
        halved = opened(folder, dtype=torch.bfloat16).to(setting.device).eval()
        found["bfloat16 weights"] = partial(_their_answers, halved, precision=nullcontext)
    return found


@torch.inference_mode()
def _our_answers(predictor: Predictor, inputs: Inputs, *, setting: Setting) -> Float[Tensor, "b k"]:
    image = inputs.image
    if setting.on_gpu:
        image = ImageBatch(pixels=image.pixels.to(predictor.dtype), mask=image.mask)
    logits = predictor.model.head("vqa")(predictor.model.pool(inputs.text, image))
    return logits.float().softmax(dim=-1)


@torch.inference_mode()
def _their_answers(
    model: nn.Module, inputs: Inputs, *, precision: Callable[[], AbstractContextManager[object]]
) -> Float[Tensor, "b k"]:
    given = dict(inputs.theirs)
    given["pixel_values"] = given["pixel_values"].to(next(model.parameters()).dtype)
    with precision():
        logits = model(**given).logits
    return logits.float().softmax(dim=-1)


def _rows(
    case: str,
    inputs: Inputs,
    ours: dict[str, Predictor],
    theirs: dict[str, Callable[[Inputs], Tensor]],
    setting: Setting,
) -> list[Row]:
    """All of one case in one race: float32 against float32, and bfloat16 against everything."""
    runs: dict[str, Callable[[], Tensor]] = {
        f"ours {dtype}": partial(_our_answers, predictor, inputs, setting=setting)
        for dtype, predictor in ours.items()
    }
    runs |= {f"transformers {dtype}": partial(run, inputs) for dtype, run in theirs.items()}
    answers = {name: run() for name, run in runs.items()}
    times = race(runs, device=setting.device, seconds=setting.seconds)
    return [
        Row(
            case=f"{case}, {dtype}",
            ours_ms=times[f"ours {dtype}"],
            peer=f"transformers {peer}",
            peer_ms=times[f"transformers {peer}"],
            max_difference=_difference(answers[f"ours {dtype}"], answers[f"transformers {peer}"]),
        )
        for dtype in ours
        for peer in theirs
        if dtype == "bfloat16" or peer == "float32"
    ]


def _embedding_rows(folder: str, setting: Setting) -> list[Row]:
    """Equation 2 alone: beside the bare convolution, and beside transformers' embedder."""
    scale = setting.scale
    model = open_bundle(folder).vilt.to(setting.device)
    peer = transformers_quietly().ViltForQuestionAnswering.from_pretrained(folder)
    embedder = peer.to(setting.device).eval().vilt.embeddings
    rows = []
    for batch in (1, MIXED):
        inputs = make_inputs([(scale.side, scale.longer)] * batch, scale, device=setting.device)
        pixels, mask = inputs.theirs["pixel_values"], inputs.theirs["pixel_mask"]
        runs: dict[str, Callable[[], Any]] = {
            "ours": partial(model.embed_image, inputs.image),
            "the convolution alone": partial(embedder.patch_embeddings.projection, pixels),
            "transformers' visual_embed": partial(
                embedder.visual_embed, pixels, mask, max_image_length=-1
            ),
        }
        with torch.inference_mode():
            times = race(runs, device=setting.device, seconds=setting.seconds)
            ours = runs["ours"]().tokens
            theirs = runs["transformers' visual_embed"]()[0][:, 1:]
        differences = {"transformers' visual_embed": _unordered_difference(ours, theirs)}
        rows += [
            Row(
                case=f"visual embedding, batch {batch}, {scale.side} x {scale.longer}, float32",
                ours_ms=times["ours"],
                peer=name,
                peer_ms=times[name],
                max_difference=differences.get(name),
            )
            for name in runs
            if name != "ours"
        ]
    return rows


def _said(held: dict[str, float]) -> str:
    return f"{held['after']:,.0f} MiB, {held['peak']:,.0f} at its most"


def _difference(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).abs().max())


def _unordered_difference(ours: Float[Tensor, "b n d"], theirs: Float[Tensor, "b n d"]) -> float:
    """The furthest that one of our tokens is from the nearest of theirs, which come shuffled."""
    return float(torch.cdist(ours, theirs, p=torch.inf).amin(dim=2).max())
