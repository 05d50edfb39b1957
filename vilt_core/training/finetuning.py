"""Going on from a trained model: with the sticker world's questions, or with somebody's own data.

python -m vilt_core finetune --task vqa --data FOLDER --from vilt-mini --to runs/mine
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from vilt_core.data.examples import DataSet, is_secret, secret_places
from vilt_core.data.folders import open_data, recognise
from vilt_core.data.jsonl_sets import files_in
from vilt_core.data.report import counted
from vilt_core.data.sequences import caption_counts, present
from vilt_core.data.shared import shared_with
from vilt_core.evaluation.sets import name_of
from vilt_core.evaluation.text_only import TextOnly, fitted_on
from vilt_core.interop.bundle import Bundle
from vilt_core.training.adapt import KIND_OF
from vilt_core.training.engine import Settings
from vilt_core.training.monitor import Look, train_and_watch
from vilt_core.training.outcome import headline, scores
from vilt_core.training.picture_sizes import Size, size_for
from vilt_core.training.stages import Recipe, Stage

LEAST_STEPS = 2000  # where nobody says how many epochs, and ``EPOCHS`` allow it
EPOCHS = (4, 60)  # at least, and at most
BATCH_SIZES = (16, 128)  # of questions, at least and at most, where nobody says how large
STEPS_AN_EPOCH = 20  # of small data, before their batches grow
_PASSES = {"vqa": 1, "nlvr2": 2, "retrieval": 16}  # of the model, for one example
WATCHED = {"vqa": 1000, "nlvr2": 1000, "retrieval": 50}  # examples scored after each epoch
LEAST_APART = 100  # steps, of two such looks where an epoch is short
_WIDE = 512  # from which on a model is trained as ViLT-B/32 (width 768) is
_MIX = {"vqa": "questions", "nlvr2": "statements", "retrieval": "ranking"}


def finetuning(*, steps: int, learning_rate: float, batch_size: int, seed: int = 1) -> Recipe:
    """Go on in the sticker world: questions, with a share of captions for the other heads."""
    stage = Stage(
        name="finetune",
        steps=steps,
        mix={"captions": 0.25, "questions": 0.75},
        batch_size=batch_size,
        learning_rate=learning_rate,
        noun_mask_rate=0.4,
        hard_negatives=0.3,
        grounding_weight=0.5,
        inked=0.3,
    )
    return Recipe(name="finetuned", stages=(stage,), seed=seed)


def own_data(
    data: DataSet,
    *,
    task: str,
    epochs: float | None = None,
    batch_size: int | None = None,
    learning_rate: float = 5e-4,
    augment: bool = False,
    head_rate: float = 1.0,
    dropout: float | None = None,
    seed: int = 1,
) -> Recipe:
    """Somebody's own data and nothing else, for as many epochs as their size asks for.

    Args:
        data: what is learned.
        task: "vqa", "nlvr2" or "retrieval".
        epochs: how often each example is seen; a caption is an example. By their number otherwise.
        batch_size: examples a step; by their number otherwise.
        learning_rate: at its peak.
        augment: RandAugment, as the paper fine-tunes; it hides colours and places, so that it is
            for photographs.
        head_rate: times the learning rate, for the heads.
        dropout: share of units that a step leaves out; as the model has it otherwise.
        seed: of the order.

    Raises:
        ValueError: no examples, captions of a single picture, or epochs or a batch size that are no
            number above 0.
    """
    samples = sample_count(data)
    if not samples:
        raise ValueError(f"{data.name} {data.split} has no examples to train on")
    if task == "retrieval":
        _check_several(data)
    if batch_size is None:
        batch_size = default_batch_size(samples, task=task)
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    if epochs is None:
        epochs = default_epochs(samples, batch_size=batch_size)
    if not 0 < epochs < math.inf or not math.isfinite(epochs * samples):
        raise ValueError(f"epochs must be finite and greater than 0, got {epochs}")
    stage = Stage(
        name=task,
        steps=max(round(epochs * samples / batch_size), 1),
        mix={_MIX[task]: 1.0},
        batch_size=batch_size,
        learning_rate=learning_rate,
        augment=augment,
        head_rate=head_rate,
        dropout=dropout,
    )
    return Recipe(name="own-data", stages=(stage,), seed=seed)


def _check_several(data: DataSet) -> None:
    """Refuse captions of a single picture: the captions of others are what it learns by."""
    pictures = (getattr(example, "image", None) for example in present(data.examples))
    first = next(pictures, None)
    if all(picture == first for picture in pictures):
        raise ValueError(
            f"{data.name} {data.split} must have captions of at least two pictures, to learn which "
            "belong together"
        )


def default_rate(bundle: Bundle) -> float:
    """The learning rate at its peak, where nobody says it: a wide model's is the published one."""
    return 1e-4 if _is_wide(bundle) else 5e-4


def default_head_rate(bundle: Bundle, *, task: str) -> float:
    """How many times as fast the heads learn: 10 in VQA of a wide model, as the paper's code."""
    return 10.0 if task == "vqa" and _is_wide(bundle) else 1.0


def default_dropout(bundle: Bundle) -> float | None:
    """The share of units that a step leaves out: 0.1 in a wide model, as the paper's code."""
    return 0.1 if _is_wide(bundle) else None


def _is_wide(bundle: Bundle) -> bool:
    return bundle.model.config.width >= _WIDE


def told_of(recipe: Recipe, data: DataSet) -> str:
    """How long somebody's own data are trained on, and how, for the account."""
    [stage] = recipe.stages
    samples = sample_count(data)
    epochs = stage.steps * stage.batch_size / samples
    heads = f", {stage.head_rate:g} times as much for heads" if stage.head_rate != 1 else ""
    without = "" if stage.dropout is None else f"; dropout {stage.dropout:g}"
    return (
        f"Training: {epochs:.3g} epochs of {counted(samples, 'example')}, {stage.steps:,} steps of "
        f"{stage.batch_size}; learning rate {stage.learning_rate:g} at its peak{heads}{without}."
    )


def told_of_held_out(held_out: DataSet | None, data: DataSet) -> str:
    """What will be scored, and how much of it is learned from as well, for the account."""
    if held_out is None:
        return "Held out: nothing, so that nothing is scored: --val names what is."
    told = f"Held out: {counted(len(held_out.examples), 'example')} of {name_of(held_out)}"
    if not len(held_out.examples):
        return f"{told}, so that nothing is scored."
    if not _is_known(held_out):
        return f"{told}, whose truth is secret: none is scored."
    shared = shared_with(held_out, data)
    if not shared:
        return f"{told}."
    return (
        f"{told}. {shared.seen:,} {shared.told('a picture that is learned from, too')}: what is "
        "scored says less of new pictures."
    )


def _is_known(data: DataSet) -> bool:
    """Whether the truth of any example is known."""
    return not all(map(is_secret, present(data.examples)))


def fitting_size(bundle: Bundle, sizes: Sequence[Size]) -> int:
    """The size at which a model reads pictures of these sizes, as ``size_for`` has it."""
    patch_size = bundle.model.config.patch_size
    return size_for(sizes, own=bundle.processing.size, patch_size=patch_size)


def sample_count(data: DataSet) -> int:
    """Examples of an epoch: a picture counts once with each of its captions."""
    if data.kind == KIND_OF["retrieval"]:
        return int(caption_counts(data.examples).sum())
    return len(data.examples)


def default_batch_size(samples: int, *, task: str) -> int:
    """The largest power of two that leaves ``STEPS_AN_EPOCH``, between the ``BATCH_SIZES``.

    Less where an example is read several times, so that a step takes no longer; at least 4.
    """
    least, most = BATCH_SIZES
    size = min(max(1 << (samples // STEPS_AN_EPOCH or 1).bit_length() - 1, least), most)
    return max(size // _PASSES[task], 4)


def default_epochs(samples: int, *, batch_size: int) -> int:
    """Epochs for ``LEAST_STEPS`` steps, between the bounds of ``EPOCHS``."""
    least, most = EPOCHS
    return min(max(math.ceil(LEAST_STEPS * batch_size / samples), least), most)


def look_every(data: DataSet, *, batch_size: int) -> int:
    """Steps between two looks at held-out data: an epoch, or as many as last ``LEAST_APART``."""
    epoch = max(sample_count(data) / batch_size, 1)
    return round(epoch * math.ceil(LEAST_APART / epoch))


def training_data(source: Path, *, task: str) -> DataSet:
    """What is learned: a file, or the training split of a folder.

    Examples whose truth is secret teach nothing: they are left out, and told as missing. Of data
    that have no others all stay, which a training refuses.

    Raises:
        ValueError: nothing of the task's kind there.
    """
    data = open_data(source, split="train", kind=KIND_OF[task])
    if data.kind == KIND_OF["retrieval"]:  # a caption is true of its picture
        return data
    secret = secret_places(data)
    if len(secret) in (0, len(data.examples)):
        return data
    told = (
        f"the truth of {len(secret):,} of {len(data.examples):,} training examples of {data.name}, "
        f"left out (the first is number {secret[0] + 1:,})"
    )
    known = tuple(example for example in data.examples if not is_secret(example))
    return replace(data, examples=known, missing=(*data.missing, told))


def held_out_of(source: Path, val: Path | None, *, task: str, split: str = "val") -> DataSet | None:
    """What is scored: a file, the "val" of a folder, or that of the training data's own folder.

    Beside a file named train.jsonl (or .json) it is val.jsonl, valid.jsonl, validation.jsonl or
    dev.jsonl (or .json).

    Args:
        source: of the training data.
        val: what is given to be scored, if anything is.
        task: "vqa", "nlvr2" or "retrieval".
        split: of the training data's own folder, where it is called otherwise.

    Raises:
        ValueError: ``val`` is given, and nothing of the task's kind is there; or two files would
            be "val".
    """
    kind = KIND_OF[task]
    if val is not None:
        return open_data(val, split="val", kind=kind)
    if source.is_dir():
        found = (one for one in recognise(source) if one.kind == kind)
        if any(split in one.splits for one in found):
            return open_data(source, split=split, kind=kind)
    elif source.name in ("train.jsonl", "train.json"):
        file = files_in(source.parent).get((kind, split))
        return None if file is None else open_data(file, split=split, kind=kind)
    return None


def looking_at(held_out: DataSet | None, *, task: str, learned: DataSet) -> Look | None:
    """The scores of a model on its way, on at most ``WATCHED`` of what is held out.

    None where nothing is, or where all of its truth is secret.

    Nothing is chosen by them: they are for the eye.

    Args:
        held_out: what is scored.
        task: "vqa", "nlvr2" or "retrieval".
        learned: what the model is trained on, and what the words alone are judged by.
    """
    if held_out is None or not _is_known(held_out):
        return None
    blind = lru_cache(maxsize=1)(lambda: blind_of(learned))

    def look(bundle: Bundle) -> dict[str, float]:
        found = scores(bundle, task=task, on=held_out, limit=WATCHED[task], blind=blind())
        return headline(found)

    return look


def blind_of(learned: DataSet) -> TextOnly | None:
    """Who guesses from the words of the training data alone; None of captions."""
    return None if learned.kind == KIND_OF["retrieval"] else fitted_on(learned)


def finetune(
    bundle: Bundle,
    recipe: Recipe,
    folder: Path,
    *,
    data: DataSet,
    held_out: DataSet | None,
    task: str,
    settings: Settings | None = None,
    command: str = "",
    account: Sequence[str] = (),
) -> Path:
    """Train an adapted model, or go on where ``folder`` holds the run unfinished.

    Held-out data are looked at after each epoch; the model is that of the last step.

    Args:
        bundle: from ``adapt``; trained in place.
        recipe: from ``own_data``.
        folder: of the run, which gives the model its name.
        data: what is learned.
        held_out: what is looked at on the way, at most ``WATCHED`` of it.
        task: "vqa", "nlvr2" or "retrieval".
        settings: of the machine.
        command: what the user typed, kept with the model.
        account: what was adapted, shown before the first step.

    Returns:
        The folder of the model.
    """
    return train_and_watch(
        recipe,
        folder,
        command=command,
        start=replace(bundle, name=folder.resolve().name),
        data={data.kind: data},
        settings=settings,
        look=looking_at(held_out, task=task, learned=data),
        evaluate_every=look_every(data, batch_size=recipe.stages[0].batch_size),
        account=account,
    )
