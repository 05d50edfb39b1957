"""The training loop: a straight line that yields one record a step and prints nothing."""

import math
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from vilt_core.data.examples import DataSet
from vilt_core.data.text import Tokenizer
from vilt_core.interop.bundle import Bundle
from vilt_core.interop.detectors import give_sight
from vilt_core.models import of_config
from vilt_core.training.batches import OBJECTIVES, Source, Waiting, counts
from vilt_core.training.checkpoint import first_values, load_run, take_up_optimizer
from vilt_core.training.engine import Engine, Settings, encoders_of, step_seed
from vilt_core.training.examples import ExampleRows, Reading
from vilt_core.training.growth import grow
from vilt_core.training.keeper import Keeper, Tell, lesson_of
from vilt_core.training.loading import Failure, Feed, Parts, Share
from vilt_core.training.optim import build_optimizer, learning_rate, set_rate
from vilt_core.training.stages import Recipe, Stage
from vilt_core.training.step import TrainingStep
from vilt_core.training.stickers import StickerRows
from vilt_core.training.transfer import seed_words_from_pictures, set_dropout
from vilt_core.training.truths import patch_classes
from vilt_core.world.corpus import corpus
from vilt_core.world.questions import answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What one step of training leaves behind."""

    at: int  # step of the run, counted from 1
    stage: str
    step: int  # of the stage, counted from 1
    steps: int
    kind: str  # of the batch
    losses: dict[str, float]  # of the global batch
    gradient_norm: float
    learning_rate: float
    seconds: float  # since the run began, earlier sittings counted in
    waited: float  # seconds of this step in which no batch was ready
    saved: bool  # whether the state on disk is this step's
    broken: tuple[str, ...] = ()  # pictures that could not be read, each at its first time


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
        model = of_config(config)
    sight = give_sight(model, recipe.detector)
    if recipe.fit is not None:
        recipe.fit(model, seed=recipe.seed)
    return Bundle(
        name=recipe.name, model=model, tokenizer=tokenizer, answers=answers(), sight=sight
    )


def bundle_of_run(recipe: Recipe, folder: Path) -> Bundle:
    """A fresh model; an unfinished run keeps its words, whatever the world's language is by now."""
    words = folder / "model" / "tokenizer.json"
    return new_bundle(recipe, tokenizer=Tokenizer.from_file(words) if words.is_file() else None)


def train(
    recipe: Recipe,
    folder: Path,
    *,
    bundle: Bundle,
    data: Mapping[str, DataSet] | None = None,
    settings: Settings | None = None,
    stop: Callable[[int], bool] | None = None,
    tell: Tell | None = None,
) -> Iterator[Record]:
    """Run a recipe, or go on with it where ``folder`` holds an unfinished run.

    What ``folder`` holds is looked at before this returns: a run of something else is refused. A
    finished run of the same recipe has no step left.

    Yields a record after every step. ``folder/run.pt`` is the state to resume from;
    ``folder/model`` is a model that ``vilt_core.load`` opens, renewed whenever the state is;
    ``folder/model-STAGE`` one as it was at the end of a stage that the recipe says is kept.

    Args:
        recipe: the stages.
        folder: of this run; made where it is missing.
        bundle: the model to train, in place.
        data: examples by kind; the sticker world where there are none.
        settings: of the machine; one process on the best device otherwise.
        stop: asked after every step, with the steps of the run so far, whether to end here: the
            state of that step is saved then, and a later call goes on from it. Of several
            processes any may say so: all of them end after the same step.
        tell: told of every model that is written, in the process that writes it.

    Raises:
        TrainingStopped: a loss that is not finite, data that cannot be read, a full disk.
        ValueError: a damaged state in ``folder``, or one of another model, other words, another
            start or a finished run of another length; settings that do not fit the machine or the
            recipe.
    """
    engine = Engine(settings or Settings())
    _check_parts(recipe, parts=engine.parts, sharded=engine.settings.sharded)
    _check_blocks(bundle, engine.settings)
    start = first_values(bundle.model)
    bundle.model.to(engine.device)
    state = load_run(folder / "run.pt")
    if state is not None:
        begun_stages = recipe.stages[: state["stage"] + (state["step"] > 0)]
        deepest = max((s.depth or 0 for s in begun_stages), default=0)
        if deepest and deepest > bundle.model.config.depth:
            grow(bundle.vilt, deepest)
        _take_up(state["model"], bundle, folder)
    lesson = lesson_of(recipe, data, answers=bundle.answers)
    keeper = Keeper(
        folder,
        bundle,
        engine,
        state,
        lesson=lesson,
        stages=recipe.stages,
        start=start,
        data=data,
        kept=recipe.kept,
        tell=tell,
    )
    known = None if state is None else state["optimizer"]
    return _stages(recipe, bundle, data=data, keeper=keeper, known=known, stop=stop)


def _stages(
    recipe: Recipe,
    bundle: Bundle,
    *,
    data: Mapping[str, DataSet] | None,
    keeper: Keeper,
    known: dict | None,
    stop: Callable[[int], bool] | None,
) -> Iterator[Record]:
    """The stages that are left; ``known`` is the optimiser's state of the one under way."""
    engine = keeper.engine
    for place in range(keeper.stage, len(recipe.stages)):
        stage = recipe.stages[place]
        first = keeper.step if place == keeper.stage else 0
        if first == 0 and place > 0 and recipe.stages[place - 1].name == "backbone":
            seed_words_from_pictures(bundle.vilt, bundle.tokenizer, bundle.answers)
        if stage.depth is not None and stage.depth > bundle.model.config.depth:
            grow(bundle.vilt, stage.depth, seed=recipe.seed)
        if stage.dropout is not None:
            set_dropout(bundle.vilt, stage.dropout)
        module = engine.prepare(TrainingStep(bundle.model, stage))
        optimizer = build_optimizer(bundle.model, stage)
        if first and known is not None:
            take_up_optimizer(optimizer, bundle.model, known)
        known = None  # its memory is needed
        bundle.model.train()
        source = source_of(stage, bundle=bundle, data=data, seed=recipe.seed)
        parts = Parts(
            source,
            own=engine.own_parts(stage.batch_size),
            pad=bundle.tokenizer.pad,
            first=first,
            steps=stage.steps,
        )
        with keeper.fed():
            goes_on = yield from _stage(
                stage,
                module=module,
                optimizer=optimizer,
                parts=parts,
                engine=engine,
                keeper=keeper,
                place=place,
                before=sum(earlier.steps for earlier in recipe.stages[:place]),
                seed=recipe.seed,
                stop=stop,
            )
        if not goes_on:
            break
    with keeper.together():
        engine.finish()


def source_of(
    stage: Stage, *, bundle: Bundle, data: Mapping[str, DataSet] | None, seed: int
) -> Source:
    """Where a stage's rows come from: examples where there are any, else the sticker world."""
    config = bundle.model.config
    if data is None:
        return StickerRows(
            stage,
            tokenizer=bundle.tokenizer,
            image_size=config.image_size,
            patch_size=config.patch_size,
            seed=seed,
        )
    reading = Reading(
        tokenizer=bundle.tokenizer,
        processing=bundle.processing,
        patch_size=config.patch_size,
        max_patches=config.max_patches,
        answers=bundle.answers,
    )
    return ExampleRows(stage, data=data, reading=reading, seed=seed)


def _stage(
    stage: Stage,
    *,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    parts: Parts,
    engine: Engine,
    keeper: Keeper,
    place: int,
    before: int,
    seed: int,
    stop: Callable[[int], bool] | None,
) -> Generator[Record, None, bool]:
    """The steps of one stage, ``before`` which there were others; whether the next may begin."""
    feed = Feed(parts, workers=engine.settings.workers)
    kept = parts.first  # steps of this stage that are on disk
    for step in range(parts.first, parts.steps):
        share = feed.step()
        with keeper.together():
            totals = engine.everybodys(_told(share))
        if isinstance(share, Failure) or totals["failed"]:
            reason = share.reason if isinstance(share, Failure) else "another process has no batch"
            if step > kept:
                keeper.save(optimizer, stage=place, step=step, noted=before + step)
            raise keeper.stopped(f"no batch for step {step + 1} of {stage.name}: {reason}")
        broken = ()
        if totals["broken"]:
            with keeper.together():
                names = engine.everybodys_names(share.broken)
            broken = keeper.pass_over(names)
        rate = learning_rate(stage, step)
        set_rate(optimizer, rate)
        with keeper.together(), engine.own_chance():
            torch.manual_seed(step_seed(seed, stage.name, step, engine.rank))  # dropout's
            found, norm = update(module, feed.parts(), stage=stage, totals=totals, engine=engine)
        if not all(map(math.isfinite, (norm, *found.values()))):
            raise keeper.stopped(
                f"the loss or the gradient of step {step + 1} of {stage.name} is not finite"
            )
        optimizer.step()
        last = step + 1 == stage.steps
        wishes = {
            "halt": float(stop is not None and stop(before + step + 1)),
            "save": float(keeper.is_due(step + 1)),
        }
        with keeper.together():
            wishes = engine.everybodys(wishes)
        halted = wishes["halt"] > 0
        due = last or halted or wishes["save"] > 0
        record = Record(
            at=before + step + 1,
            stage=stage.name,
            step=step + 1,
            steps=stage.steps,
            kind=share.kind,
            losses=found,
            gradient_norm=norm,
            learning_rate=rate,
            seconds=keeper.seconds,
            waited=share.waited,
            saved=due,
            broken=broken,
        )
        keeper.note(record)
        if due:
            keeper.save(
                optimizer,
                stage=place + last,
                step=0 if last else step + 1,
                noted=record.at,
                ended=stage.name if last else None,
            )
            kept = step + 1
        yield record
        if halted:
            return False
    return True


def update(
    module: nn.Module,
    parts: Iterable[Waiting],
    *,
    stage: Stage,
    totals: Mapping[str, float],
    engine: Engine,
) -> tuple[dict[str, float], float]:
    """The gradient of a global batch, clipped; its losses, and how long it was before.

    Every part counts by its share of what is asked in all parts of all processes, so that the
    gradient is that of one process with the whole batch.
    """
    module.zero_grad(set_to_none=True)
    found: dict[str, float] = {}
    for at, part in enumerate(parts):
        shares = {name: own / max(totals[name], 1.0) for name, own in counts(part).items()}
        # Processes average their gradients; the parts are to be added up.
        summed = {name: share * engine.processes for name, share in shares.items()}
        with engine.waiting(module, last=at + 1 == engine.settings.accumulate):
            with engine.autocast():
                total, losses = module(part.to(engine.device), summed)
            total.backward()
        values = torch.stack([loss.float() for loss in losses.values()]).tolist()
        for name, value in zip(losses, values, strict=True):
            found[name] = found.get(name, 0.0) + value * shares[name]
    norm = engine.clip(module, stage.clip)
    return engine.everybodys(found), norm


def _check_parts(recipe: Recipe, *, parts: int, sharded: bool) -> None:
    """Refuse what a batch in parts, or a model in shards, would make another training of."""
    if sharded and len(recipe.stages) > 1:
        raise ValueError(
            f"--shard is for recipes of one stage, {recipe.name} has {len(recipe.stages)}: leave "
            "it out, every process keeps the whole model then"
        )
    if parts > 1 and any(stage.mix.get("pairs") for stage in recipe.stages):
        raise ValueError(
            f"a pair of {recipe.name} is held against all others of its batch, which therefore "
            f"cannot be taken in {parts} parts: train in one process without --accumulate"
        )


def _check_blocks(bundle: Bundle, settings: Settings) -> None:
    """Refuse what is done block by block to a model in which nothing would be done."""
    for asked, option in (
        (settings.compiled, "--compile"),
        (settings.checkpointing, "--checkpointing"),
    ):
        if asked and not encoders_of(bundle.model):
            raise ValueError(
                f"{option} is for a stack of blocks, {bundle.name} has none: leave it out"
            )


def _told(share: Share | Failure) -> dict[str, float]:
    """What a process tells the others of its share of a step."""
    told = dict.fromkeys((*OBJECTIVES, "failed", "broken"), 0.0)
    if isinstance(share, Failure):
        return told | {"failed": 1.0}
    counted = share.counts | {"broken": len(share.broken)}
    return told | {name: float(count) for name, count in counted.items()}


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
