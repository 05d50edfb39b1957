"""How many samples a second are trained on, what the alignment costs, and whether data keep up."""

import os
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from vilt_core import config
from vilt_core.bench.results import Row, machine, result
from vilt_core.bench.scoring import draw_pictures
from vilt_core.bench.setting import Setting
from vilt_core.bench.timing import race
from vilt_core.data.examples import CaptionExample, DataSet, ImageFile
from vilt_core.data.image import Processing
from vilt_core.data.text import Tokenizer
from vilt_core.layers.packed import has_bfloat16_units
from vilt_core.models.vilt import Vilt
from vilt_core.training.batches import Batch, Source, Waiting
from vilt_core.training.examples import ExampleRows, Reading
from vilt_core.training.loading import AHEAD, Failure, Parts, load
from vilt_core.training.optim import build_optimizer
from vilt_core.training.stages import Stage
from vilt_core.training.step import TrainingStep
from vilt_core.training.stickers import StickerRows
from vilt_core.world.corpus import corpus
from vilt_core.world.questions import answers

PICTURES = 64  # photographs on the disk, of 640 pixels
LOADED = 4  # batches whose loading is timed, after as many that fill the workers' queues
STICKERS, PHOTOGRAPHS = 128, 4  # rows of a batch on a CPU
GPU_STICKERS, GPU_PHOTOGRAPHS = 512, 128
CORPUS = 400  # scenes that the tokenizer learns from


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A model and the rows that it is trained on."""

    name: str
    model: Vilt
    source: Source
    stage: Stage
    pad: int

    def batches(self, count: int) -> Parts:
        """The first global batches, whole."""
        own = [range(self.stage.batch_size)]
        return Parts(self.source, own=own, pad=self.pad, first=0, steps=count)


def measure_throughput(setting: Setting) -> dict[str, Any]:
    """Time training steps with and without word-patch alignment, and the making of their batches.

    Matching, masked words and alignment, as pre-training has them: of the sticker world with the
    small model, of photographs in JPEG files with ViLT-B/32.
    """
    where = machine(setting.device)
    half = setting.on_gpu or has_bfloat16_units()
    rows, notes = [], []
    with TemporaryDirectory() as folder:
        for subject in (stickers(setting), photographs(setting, Path(folder))):
            first = _there(subject.batches(1)[0]).to("cpu")
            steps = {
                name: _Step(subject, first, setting.device, half=half, wpa=wpa)
                for name, wpa in (("ours", True), ("theirs", False))
            }
            times = race(steps, device=setting.device, seconds=setting.seconds)
            size = subject.stage.batch_size
            case = f"{subject.name}, a step of {size} pictures"
            rows.append(_row(case, times["ours"], "without alignment", times["theirs"]))
            extra = times["ours"] / times["theirs"] - 1
            notes.append(
                f"{subject.name}: {1000 * size / times['ours']:.3g} pictures a second with "
                f"matching, masked words and alignment, which adds {extra:.1%} to a step."
            )
            for workers in _workers():
                loading = loading_ms(subject, workers=workers)
                case = f"{subject.name}, preparing {size} pictures, workers: {workers}"
                rows.append(_row(case, loading, "the step they are for", times["ours"]))
    if not setting.on_gpu:
        notes.append(
            "Workers and training share these processors; data are ready in time where "
            "preparing them takes less than the step."
        )
    return result("throughput", where, rows, notes=notes)


def stickers(setting: Setting) -> Subject:
    """The sticker world and the model of its size."""
    size = GPU_STICKERS if setting.on_gpu else STICKERS
    stage = _stage(8 if setting.rehearsal else size)
    tokenizer = Tokenizer.train(corpus(0, scenes=CORPUS), vocab_size=600)
    sizes = config.vilt_mini(vocab_size=len(tokenizer), answers=len(answers()))
    if setting.rehearsal:
        sizes = replace(sizes, width=48, depth=2, image_size=64)
    source = StickerRows(
        stage,
        tokenizer=tokenizer,
        image_size=sizes.image_size,
        patch_size=sizes.patch_size,
        seed=0,
    )
    return Subject(
        name="stickers", model=Vilt(sizes), source=source, stage=stage, pad=tokenizer.pad
    )


def photographs(setting: Setting, folder: Path) -> Subject:
    """Pictures of photographs' sizes in JPEG files, and ViLT-B/32."""
    size = GPU_PHOTOGRAPHS if setting.on_gpu else PHOTOGRAPHS
    stage = _stage(size)
    said = list(corpus(0, scenes=CORPUS))
    tokenizer = Tokenizer.train(said, vocab_size=600)
    paths = draw_pictures(folder / "pictures", 8 if setting.rehearsal else PICTURES)
    examples = tuple(
        CaptionExample(image=ImageFile(path), captions=(text,), id=path.stem)
        for path, text in zip(paths, said, strict=False)
    )
    data = DataSet(name="pictures", split="train", kind="captions", examples=examples)
    sizes = config.vilt_b32()
    if setting.rehearsal:
        sizes = replace(sizes, width=48, depth=2, heads=4, image_size=64, patch_size=16)
    reading = Reading(
        tokenizer=tokenizer,
        processing=Processing(size=sizes.image_size, patch_size=sizes.patch_size),
        patch_size=sizes.patch_size,
        max_patches=sizes.max_patches,
    )
    source = ExampleRows(
        stage,
        data={"captions": data},
        reading=reading,
        seed=0,
        kept_bytes=0,  # decoding is what is measured
    )
    return Subject(
        name="photographs", model=Vilt(sizes), source=source, stage=stage, pad=tokenizer.pad
    )


def loading_ms(subject: Subject, *, workers: int) -> float:
    """Milliseconds from one batch to the next, once the queues are full and emptied again."""
    waiting = AHEAD * workers
    batches = load(subject.batches(3 * LOADED + 2 * waiting), workers=workers)
    ahead = 1 if not workers else LOADED + waiting  # what is ready is no measure
    for batch in islice(batches, ahead):
        _there(batch)
    begun = time.perf_counter()
    for batch in islice(batches, LOADED):
        _there(batch)
    return 1000 * (time.perf_counter() - begun) / LOADED


class _Step:
    """Forward, backward, update on one batch."""

    def __init__(
        self, subject: Subject, batch: Batch, device: torch.device, *, half: bool, wpa: bool
    ):
        stage = replace(subject.stage, wpa=wpa)
        self._module = TrainingStep(subject.model.to(device).train(), stage)
        self._optimizer = build_optimizer(subject.model, stage)
        self._batch = batch.to(device)
        self._shares: dict[str, float] = defaultdict(lambda: 1.0)
        self._precision: Callable = partial(
            torch.autocast, device.type, torch.bfloat16, enabled=half
        )

    def __call__(self) -> None:
        self._optimizer.zero_grad(set_to_none=True)
        with self._precision():
            total, _ = self._module(self._batch, self._shares)
        total.backward()
        self._optimizer.step()


def _stage(batch_size: int) -> Stage:
    return Stage(name="throughput", steps=1, mix={"captions": 1.0}, batch_size=batch_size)


def _workers() -> list[int]:
    return sorted({0, 1, max((os.cpu_count() or 1) - 1, 1)})


def _there(found: Waiting | Failure) -> Waiting:
    if isinstance(found, Failure):
        raise ValueError(f"there is no batch to measure: {found.reason}")
    return found


def _row(case: str, ours: float, peer: str, theirs: float) -> Row:
    return Row(case=case, ours_ms=ours, peer=peer, peer_ms=theirs, max_difference=None)
