"""How the detector of the sticker world is trained: boxes of scenes that are drawn as they go.

python -m vilt_core detector --to runs/detector-mini
"""

import json
import math
import random
import time
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from vilt_core.config import DetectorConfig, detector_mini
from vilt_core.data.image import normalise
from vilt_core.evaluation.detection import boxes_of
from vilt_core.evaluation.machine import checked_device
from vilt_core.interop.detectors import save_detector
from vilt_core.layers.boxes import TrueBoxes
from vilt_core.layers.detector import Detector
from vilt_core.layers.init import initialise
from vilt_core.training import TrainingStopped
from vilt_core.training.checkpoint import (
    Progress,
    load_run,
    run_state,
    take_up_optimizer,
    write_run,
)
from vilt_core.training.engine import SAVE_SECONDS, step_seed
from vilt_core.training.keeper import Rhythm, check_steps, with_defaults
from vilt_core.training.optim import build_optimizer, learning_rate, set_rate
from vilt_core.training.stages import Stage
from vilt_core.types import ImageBatch
from vilt_core.world.inking import inked_pyramids
from vilt_core.world.rendering import paint
from vilt_core.world.scenes import scene


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectingStep:
    """What one step leaves behind."""

    step: int  # counted from 1
    losses: dict[str, float]
    gradient_norm: float
    learning_rate: float
    seconds: float  # since the run began, earlier sittings counted in
    saved: bool  # whether the state on disk is this step's


def detecting(steps: int, *, batch_size: int = 16) -> Stage:
    """The schedule: AdamW, 2e-3 at its peak; some pictures drawn over in ink, as readers' are."""
    return Stage(
        name="detector",
        steps=steps,
        mix={},
        batch_size=batch_size,
        learning_rate=2e-3,
        weight_decay=0.05,
        clip=5.0,
        inked=0.3,
    )


def fresh_detector(config: DetectorConfig, *, seed: int = 0) -> Detector:
    """A detector that knows nothing, the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        detector = Detector(**config.numbers())
        initialise(detector)
    return detector


def train_detector(
    folder: Path,
    stage: Stage,
    *,
    config: DetectorConfig | None = None,
    seed: int = 0,
    device: str = "auto",
    save_every: int | None = None,
) -> Iterator[DetectingStep]:
    """Train a detector from nothing, or go on where ``folder`` holds an unfinished run.

    ``folder/run.pt`` is the state to resume from; ``folder/model`` the detector, renewed with it.

    Args:
        folder: Of this run; made where it is missing.
        stage: The schedule.
        config: Of the detector; ``detector_mini`` otherwise.
        seed: Of the first weights and of the scenes.
        device: As of every training.
        save_every: Steps between two states on disk; ``steps_between`` otherwise. Where they are
            slow one is saved by the clock besides.

    Raises:
        TrainingStopped: A loss that is not finite, a full disk.
        ValueError: A damaged state in ``folder``, one of another run or of a finished one of
            another length, a detector without the run that made it, or less than a step between
            two states.
    """
    if save_every is not None and save_every < 1:
        raise ValueError(f"save_every must be at least 1, got {save_every}")
    config = config or detector_mini()
    detector = fresh_detector(config, seed=seed).to(checked_device(device))
    optimizer = build_optimizer(detector, stage)
    lesson = {"seed": seed, "stage": asdict(stage) | {"steps": 0}, "config": asdict(config)}
    path = folder / "run.pt"
    first, begun = 0, time.monotonic()
    if (state := load_run(path)) is None:
        _check_free(folder / "model")
    else:
        begun_as = json.loads(state["lesson"])
        begun_as["stage"] = with_defaults(begun_as["stage"])
        if begun_as != json.loads(json.dumps(lesson)):
            raise ValueError(
                f"{path} was begun with other settings: go on with the same command, or train "
                "into another folder"
            )
        check_steps(state, (stage,), folder)
        detector.load_state_dict(state["model"])
        take_up_optimizer(optimizer, detector, state["optimizer"])
        first, begun = state["noted"], begun - state["seconds"]
    detector.train()
    rhythm = Rhythm(save_every, steps=stage.steps, seconds=SAVE_SECONDS)
    for step in range(first, stage.steps):
        rate = learning_rate(stage, step)
        set_rate(optimizer, rate)
        image, truths = drawn_boxes(stage, step=step, seed=seed, size=config.shorter)
        chance = step_seed(seed, stage.name, step, 0)
        losses, norm = _update(detector, optimizer, image, truths, clip=stage.clip, seed=chance)
        if not all(map(math.isfinite, (norm, *losses.values()))):
            raise TrainingStopped(
                f"the loss or the gradient of step {step + 1} is not finite; the last good state "
                f"is {path if path.is_file() else 'none'}"
            )
        last = step + 1 == stage.steps
        due = last or rhythm.is_due(step + 1)
        now = time.monotonic()
        seconds = now - begun
        if due:
            progress = Progress(
                stage=int(last),
                step=0 if last else step + 1,
                seconds=seconds,
                noted=step + 1,
                lesson=json.dumps(lesson),
            )
            kept = run_state(detector, optimizer, progress)
            try:
                save_detector(config, kept["model"], folder / "model", dtype=torch.float16)
                write_run(path, kept)
            except OSError as error:
                raise TrainingStopped(f"the state could not be written: {error}") from error
            rhythm.saved(begun=now)
        yield DetectingStep(
            step=step + 1,
            losses=losses,
            gradient_norm=norm,
            learning_rate=rate,
            seconds=seconds,
            saved=due,
        )


def _check_free(folder: Path) -> None:
    """Refuse to write over a detector that nothing says how to go on with."""
    if (folder / "config.json").exists():
        raise ValueError(
            f"{folder} holds a detector, and there is no run beside it to go on with: train into "
            "another folder (--to), or move it away"
        )


def drawn_boxes(
    stage: Stage, *, step: int, seed: int, size: int
) -> tuple[ImageBatch, list[TrueBoxes]]:
    """The pictures of a step and what is in them: scenes that no other training sees."""
    # Every stage has scenes of its own: see ``StickerRows``.
    first = (zlib.crc32(stage.name.encode()) << 24) + step * stage.batch_size
    pixels, truths = [], []
    for at in range(first, first + stage.batch_size):
        seen = scene(seed, at, split="train")
        over = random.Random(f"{stage.name}/{seed}/{at}").random() < stage.inked
        painting = paint(seen, size, icons=inked_pyramids() if over else None)
        pixels.append(normalise(painting.pixels))
        truths.append(boxes_of(seen))
    return ImageBatch(pixels=torch.stack(pixels)), truths


def _update(
    detector: Detector,
    optimizer: torch.optim.Optimizer,
    image: ImageBatch,
    truths: list[TrueBoxes],
    *,
    clip: float,
    seed: int,
) -> tuple[dict[str, float], float]:
    """One step: its losses, and how long the gradient was before it was clipped."""
    device = next(detector.parameters()).device
    asked = [
        TrueBoxes(boxes=one.boxes.to(device), classes=one.classes.to(device)) for one in truths
    ]
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)  # decides which anchors and boxes are asked for
        losses = detector.losses(image.to(device), asked)
    optimizer.zero_grad(set_to_none=True)
    torch.stack(list(losses.values())).sum().backward()
    norm = float(torch.nn.utils.clip_grad_norm_(detector.parameters(), clip))
    optimizer.step()
    return {name: loss.item() for name, loss in losses.items()}, norm
