"""One optimisation step, matching and masked words together: ours beside transformers' modules."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import cross_entropy
from torch.utils.flop_counter import FlopCounterMode

from vilt_core import objectives
from vilt_core.bench.checkpoints import write_checkpoint
from vilt_core.bench.inference import Inputs, make_inputs
from vilt_core.bench.peers import transformers_quietly
from vilt_core.bench.results import Row, machine, result
from vilt_core.bench.setting import Setting
from vilt_core.bench.timing import race
from vilt_core.interop.huggingface import from_huggingface
from vilt_core.layers.packed import has_bfloat16_units
from vilt_core.models.vilt import Vilt
from vilt_core.objectives.mlm import IGNORED

BATCHES = (2,)  # all even
GPU_BATCHES = (64, 256)
_MASKED = 0.15  # of the words
# Dense bfloat16 FLOPs a second, as their maker's data sheets say, of the SXM modules.
PEAKS = {"H200": 989e12, "H100": 989e12, "A100": 312e12}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """A batch and its truth."""

    inputs: Inputs
    masked: Int[Tensor, "b l"]  # what stood under the masks; ``IGNORED`` elsewhere
    matched: Bool[Tensor, " b"]


def race_training(setting: Setting) -> dict[str, Any]:
    """Race forward, backward and AdamW; on a GPU also say how much of its peak ours uses.

    Raises:
        ValueError: transformers is not installed.
    """
    where = machine(setting.device)
    half = setting.on_gpu or has_bfloat16_units()
    precision = "bfloat16 autocast" if half else "float32"
    rows, utilisation = [], {}
    with TemporaryDirectory() as folder:
        write_checkpoint(Path(folder), setting.scale, task="mlm")
        for batch in GPU_BATCHES if setting.on_gpu else BATCHES:
            lesson = make_lesson(batch, setting)
            itm = nn.Linear(setting.scale.width, 2).to(setting.device)
            ours = from_huggingface(folder).to(setting.device).train()
            theirs = transformers_quietly().ViltForMaskedLM.from_pretrained(folder)
            _untie(theirs)
            theirs = theirs.to(setting.device).train()
            steps = {
                "ours": _Step(our_loss, ours, itm, lesson, half=half),
                "theirs": _Step(their_loss, theirs, deepcopy(itm), lesson, half=half),
            }
            losses = {name: float(step.loss().detach()) for name, step in steps.items()}
            flops = batch // 2 * step_flops(ours, itm, make_lesson(2, setting))
            times = race(steps, device=setting.device, seconds=setting.seconds)
            rows.append(
                Row(
                    case=f"one step, batch {batch}, {precision}",
                    ours_ms=times["ours"],
                    peer=f"transformers' modules, {precision}",
                    peer_ms=times["theirs"],
                    max_difference=abs(losses["ours"] - losses["theirs"]),
                )
            )
            utilisation[f"batch {batch}"] = _utilisation(flops, times["ours"], setting.device)
    notes = [
        "Matching and masked words from one forward pass on either side, AdamW fused on both; "
        "the difference is that of the losses before the first step."
    ]
    if setting.on_gpu:
        notes += [_said(batch, found) for batch, found in utilisation.items()]
    return result("training", where, rows, notes=notes, utilisation=utilisation)


def make_lesson(batch: int, setting: Setting) -> Lesson:
    """Every text with as many masks, every second pair a true one; the same every time."""
    scale = setting.scale
    inputs = make_inputs([(scale.side, scale.side)] * batch, scale, device=setting.device)
    generator = torch.Generator().manual_seed(batch)
    hidden = torch.zeros(batch, scale.text_tokens, dtype=torch.bool)
    count = max(round(_MASKED * scale.text_tokens), 1)
    luck = torch.rand(batch, scale.text_tokens, generator=generator)
    hidden.scatter_(1, luck.topk(count, dim=1).indices, value=True)
    hidden = hidden.to(setting.device)
    return Lesson(
        inputs=inputs,
        masked=inputs.text.ids.masked_fill(~hidden, IGNORED),
        matched=torch.arange(batch, device=setting.device) % 2 == 0,
    )


def our_loss(model: Vilt, itm: nn.Module, lesson: Lesson) -> Float[Tensor, ""]:
    """The two losses of ``training/step.py``, from one pass."""
    output = model(lesson.inputs.text, lesson.inputs.image)
    asked = lesson.masked != IGNORED
    words = objectives.mlm(model.head("mlm")(output.text[asked]), lesson.masked[asked])
    return words + objectives.itm(itm(output.pooled), lesson.matched)


def their_loss(model: Any, itm: nn.Module, lesson: Lesson) -> Float[Tensor, ""]:
    """The same two from transformers' modules, masked words as ``ViltForMaskedLM`` does them."""
    output = model.vilt(**lesson.inputs.theirs)
    logits = model.mlm_score(output.last_hidden_state[:, : lesson.masked.shape[1]])
    words = cross_entropy(logits.flatten(0, 1), lesson.masked.flatten(), ignore_index=IGNORED)
    return words + cross_entropy(itm(output.pooler_output), lesson.matched.long())


def _untie(model: Any) -> None:
    """A decoder of its own, as in ours and in the published checkpoints; transformers 5 ties it."""
    model.mlm_score.decoder.weight = nn.Parameter(model.mlm_score.decoder.weight.detach().clone())


class _Step:
    """Forward, backward, update."""

    def __init__(
        self,
        loss: Callable[[Any, nn.Module, Lesson], Tensor],
        model: nn.Module,
        itm: nn.Module,
        lesson: Lesson,
        *,
        half: bool,
    ):
        device = lesson.matched.device.type
        self._loss = partial(loss, model, itm, lesson)
        self._precision = partial(torch.autocast, device, torch.bfloat16, enabled=half)
        parameters = [*model.parameters(), *itm.parameters()]
        self._optimizer = torch.optim.AdamW(parameters, lr=1e-5, weight_decay=0.01, fused=True)

    def loss(self) -> Tensor:
        """Of the forward pass alone."""
        with self._precision():
            return self._loss()

    def __call__(self) -> None:
        """One step."""
        self._optimizer.zero_grad(set_to_none=True)
        self.loss().backward()
        self._optimizer.step()


def step_flops(model: Vilt, itm: nn.Module, lesson: Lesson) -> int:
    """Of forward and backward, counted by torch; no fused kernel hides attention from it.

    They grow with the batch and nothing else: to count a small one is enough.
    """
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        our_loss(model, itm, lesson).backward()
    model.zero_grad(set_to_none=True)
    itm.zero_grad(set_to_none=True)
    return counter.get_total_flops()


def _utilisation(flops: int, milliseconds: float, device: torch.device) -> dict[str, Any]:
    """FLOPs of a step, FLOPs a second, and their share of the peak where that is known."""
    rate = flops / (milliseconds / 1000)
    found: dict[str, Any] = {"flops": flops, "flops_a_second": rate}
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        peak = next((peak for part, peak in PEAKS.items() if part in name), None)
        found |= {"peak": peak, "share": None if peak is None else rate / peak}
    return found


def _said(batch: str, found: dict[str, Any]) -> str:
    rate = (
        f"{batch}: {found['flops'] / 1e12:.2f} TFLOP a step, "
        f"{found['flops_a_second'] / 1e12:.0f} TFLOP/s"
    )
    if found["share"] is None:
        return f"{rate}; this GPU's peak is not in the table."
    return f"{rate}, {found['share']:.0%} of the {found['peak'] / 1e12:.0f} of its data sheet."
