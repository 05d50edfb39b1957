"""The training loop: a straight line that yields one record a step and prints nothing."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, Subset

from vilt_core.data.text import Tokenizer
from vilt_core.interop.bundle import Bundle
from vilt_core.interop.lab import save_folder
from vilt_core.models.vilt import Vilt
from vilt_core.training.batches import StickerBatches, patch_classes
from vilt_core.training.checkpoint import Progress, load_run, save_run
from vilt_core.training.growth import grow
from vilt_core.training.optim import build_optimizer, learning_rate
from vilt_core.training.recipes import Recipe, Stage
from vilt_core.training.step import losses, weighted_sum
from vilt_core.training.transfer import seed_words_from_pictures
from vilt_core.world.corpus import corpus
from vilt_core.world.questions import answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What one step of training leaves behind."""

    stage: str
    step: int  # of the stage, counted from 1
    steps: int
    kind: str  # of the batch
    losses: dict[str, float]
    gradient_norm: float
    learning_rate: float
    seconds: float  # since the run began, earlier sittings counted in
    saved: bool  # whether the state on disk is this step's


def new_bundle(recipe: Recipe, *, tokenizer: Tokenizer | None = None) -> Bundle:
    """A fresh model with its tokenizer and answers, the same for the same recipe.

    Args:
        recipe: what to build.
        tokenizer: one that exists already; trained on the world's language otherwise.
    """
    if tokenizer is None:
        tokenizer = Tokenizer.train(corpus(recipe.seed), vocab_size=recipe.vocab_size)
    config = recipe.config(
        vocab_size=len(tokenizer), answers=len(answers()), patch_classes=patch_classes()
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        model = Vilt(config)
    return Bundle(name=recipe.name, model=model, tokenizer=tokenizer, answers=answers())


def train(
    recipe: Recipe,
    folder: Path,
    *,
    bundle: Bundle,
    device: str = "cpu",
    workers: int = 0,
    save_every: int = 250,
) -> Iterator[Record]:
    """Run a recipe, or go on with it where ``folder`` holds an unfinished run.

    Yields a record after every step. ``folder/run.pt`` is the state to resume from;
    ``folder/model`` is a model that ``vilt_core.load`` opens, renewed whenever the state is.

    Args:
        recipe: the stages.
        folder: of this run; made where it is missing.
        bundle: the model to train, in place.
        device: "cpu" or "cuda".
        workers: processes that prepare batches; 0 prepares them in this one.
        save_every: steps between two states on disk.

    Raises:
        FloatingPointError: a gradient that is not finite; names the last good state.
        ValueError: a damaged state in ``folder``, or one of another model or other words.
    """
    model = bundle.model.to(device)
    saved = load_run(folder / "run.pt")
    if saved is not None:
        begun_stages = recipe.stages[: saved["stage"] + (saved["step"] > 0)]
        grow(model, max([s.depth or 0 for s in begun_stages] + [model.config.depth]))
        _take_up(saved["model"], bundle, folder)
    begun = time.monotonic() - (saved["seconds"] if saved else 0.0)
    for place, stage in enumerate(recipe.stages):
        if saved is not None and place < saved["stage"]:
            continue
        first = saved["step"] if saved is not None and place == saved["stage"] else 0
        if first == 0 and place > 0 and recipe.stages[place - 1].name == "backbone":
            seed_words_from_pictures(model, bundle.tokenizer, bundle.answers)
        if stage.depth is not None and stage.depth > model.config.depth:
            grow(model, stage.depth, seed=recipe.seed)
        optimizer = build_optimizer(model, stage)
        if saved is not None and first:
            optimizer.load_state_dict(saved["optimizer"])
        model.train()
        loader = _loader(bundle, stage, first=first, seed=recipe.seed, workers=workers)
        for step, batch in enumerate(loader, start=first):
            rate = learning_rate(stage, step)
            for group in optimizer.param_groups:
                group["lr"] = rate
            with torch.autocast(torch.device(device).type, torch.bfloat16):
                found = losses(
                    model,
                    batch.to(device),
                    naming_depth=stage.naming_depth,
                    mentioning_depth=stage.mentioning_depth,
                )
                total = weighted_sum(found, stage)
            optimizer.zero_grad(set_to_none=True)
            total.backward()
            norm = float(nn.utils.clip_grad_norm_(model.parameters(), stage.clip))
            if not norm < float("inf"):
                raise FloatingPointError(
                    f"the gradient of step {step + 1} of {stage.name} is not finite; "
                    f"the last good state is {folder / 'run.pt'}"
                )
            optimizer.step()
            last = step + 1 == stage.steps
            due = last or (step + 1) % save_every == 0
            seconds = time.monotonic() - begun
            if due:
                where = (place + 1, 0) if last else (place, step + 1)
                progress = Progress(stage=where[0], step=where[1], seconds=seconds)
                # Half precision keeps the shipped file under 10 MB; scores are taken from it.
                save_folder(bundle, folder / "model", dtype=torch.float16)
                save_run(folder / "run.pt", model, optimizer, progress)
            yield Record(
                stage=stage.name,
                step=step + 1,
                steps=stage.steps,
                kind=batch.kind,
                losses={name: float(loss.detach()) for name, loss in found.items()},
                gradient_norm=norm,
                learning_rate=rate,
                seconds=seconds,
                saved=due,
            )


def _take_up(state: dict, bundle: Bundle, folder: Path) -> None:
    """Load the weights of an unfinished run, if they are of this model and its words."""
    words = Tokenizer.from_file(folder / "model" / "tokenizer.json").backend.get_vocab()
    if words != bundle.tokenizer.backend.get_vocab():
        raise ValueError(
            f"{folder / 'run.pt'} was begun with other words than this tokenizer's: "
            f"go on with the one in {folder / 'model'}, or train into another folder"
        )
    try:
        bundle.model.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(
            f"{folder / 'run.pt'} is the state of another model: train into another folder"
        ) from error


def _loader(bundle: Bundle, stage: Stage, *, first: int, seed: int, workers: int) -> DataLoader:
    data = StickerBatches(
        stage,
        tokenizer=bundle.tokenizer,
        image_size=bundle.model.config.image_size,
        patch_size=bundle.model.config.patch_size,
        seed=seed,
    )
    return DataLoader(
        Subset(data, range(first, stage.steps)),
        batch_size=None,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
    )
