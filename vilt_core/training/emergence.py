"""A training small enough to be watched: what a ViLT sees in a sentence while it learns to see.

It learns a corner of the sticker world by the paper's own objectives, as any other run does
(loop.py). Every so many steps it is kept, and asked about scenes that it has not seen.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import torch

from vilt_core.config import vilt_small
from vilt_core.data.text import Tokenizer
from vilt_core.interop.bundle import Bundle
from vilt_core.interop.folders import SHIPPED
from vilt_core.interop.lab import save_folder
from vilt_core.models.vilt import Vilt
from vilt_core.training import TrainingStopped
from vilt_core.training.checkpoint import load_run
from vilt_core.training.choices import STEPS, Choices
from vilt_core.training.engine import Settings
from vilt_core.training.loop import Record, train
from vilt_core.training.onlooker import Onlooker, Snapshot
from vilt_core.training.stages import Recipe, Stage


def words() -> Tokenizer:
    """Those of the shipped model: long nouns fall into several pieces."""
    return Tokenizer.from_file(SHIPPED / "vilt-mini" / "tokenizer.json")


def begun(choices: Choices) -> Bundle:
    """The model before its first step, the same for the same choices."""
    tokenizer = words()
    heads = (("itm", choices.itm), ("mlm", choices.mlm))
    config = vilt_small(
        vocab_size=len(tokenizer), tasks=tuple(name for name, wanted in heads if wanted)
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(choices.seed)
        return Bundle(name="vilt-small", model=Vilt(config), tokenizer=tokenizer, answers=())


def recipe_of(choices: Choices) -> Recipe:
    """The run, as loop.py takes it: it may go on for longer, and ``steps`` is its horizon."""
    stage = Stage(
        name="emergence",
        steps=STEPS[1],
        horizon=choices.steps,
        mix={"captions": 1.0},
        batch_size=choices.batch_size,
        learning_rate=choices.learning_rate,
        mlm=choices.mlm,
        itm=choices.itm,
        wpa=choices.wpa,
        wpa_weight=choices.wpa_weight,
        mask_unit=choices.mask_unit,
        noun_mask_rate=0.5,
        hard_negatives=0.0,  # they would name stickers from outside of the corner
        corner=choices.corner,
    )
    return Recipe(name="vilt-small", stages=(stage,), seed=choices.seed)


def reached(folder: Path) -> int:
    """The steps of the last snapshot of a run; 0 where there is none."""
    steps = (folder / "snapshots").glob("*/config.json")
    return max((int(path.parent.name) for path in steps), default=0)


def emerge(
    choices: Choices, folder: Path, *, stop: Callable[[], bool] = lambda: False
) -> Iterator[Record | Snapshot]:
    """Train, or go on with the run in ``folder``, and look at the model every so often.

    Yields a record after every step, and a snapshot before the first one, every ``choices.every``
    steps and at the end. A snapshot's folder opens with ``vilt_core.load``.

    Args:
        choices: of the run; to go on, the same with more steps.
        folder: of the run.
        stop: asked after every step; once it says so, the run is kept as it is and ends.

    Raises:
        TrainingStopped: see ``train``.
        ValueError: no steps are left, or the folder holds a run of other choices.
    """
    done = reached(folder)
    if done >= choices.steps:
        raise ValueError(f"the run has {done} steps already, got {choices.steps}: ask for more")
    left_at = (load_run(folder / "run.pt") or {"noted": 0})["noted"]
    bundle = begun(choices)
    onlooker = Onlooker(choices.corner, bundle.tokenizer)
    if not done:
        yield _kept(bundle, folder, onlooker, step=0)
    running = train(
        recipe_of(choices),
        folder,
        bundle=bundle,
        settings=Settings(
            device="cpu",
            precision="float32",
            save_every=choices.every,
            save_seconds=math.inf,  # a snapshot belongs to every state: not to any by the clock
        ),
        stop=lambda step: step >= choices.steps or stop(),
    )
    if left_at > done:  # killed before it was looked at
        yield _kept(bundle, folder, onlooker, step=left_at)
    if left_at >= choices.steps:
        return
    for record in running:
        yield record
        if record.saved:
            yield _kept(bundle, folder, onlooker, step=record.at)


def _kept(bundle: Bundle, folder: Path, onlooker: Onlooker, *, step: int) -> Snapshot:
    """The model on disk as it is, and what it says now."""
    place = folder / "snapshots" / f"{step:06}"
    try:
        save_folder(replace(bundle, name=f"vilt-small-{step}"), place)
    except OSError as error:
        raise TrainingStopped(f"the model of step {step} could not be kept: {error}") from error
    return onlooker.look(bundle, step=step, folder=place)
