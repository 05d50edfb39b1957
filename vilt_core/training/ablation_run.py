"""The ablation's grid, run piece by piece: what is done is kept, what is begun goes on.

    FOLDER/grid.json                              what all arms have in common
    FOLDER/backbone/named                         patches that know their names
    FOLDER/backbone/model                         where all arms of all seeds start
    FOLDER/pretraining/NAME/SEED/model            shared by arms that differ in fine-tuning alone
    FOLDER/ARM/SEED/questions, .../statements     fine-tuned models
    FOLDER/ARM/SEED/results.json                  all scores of an arm and a seed

A piece is done when its folder has a results.json; the state it would go on from is deleted then.
Where more is asked of the models than was (a larger gallery, say), they are measured again and not
trained again.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from vilt_core.config import with_task
from vilt_core.evaluation import evaluate
from vilt_core.evaluation.machine import checked_device, hardware, versions
from vilt_core.interop.bundle import Bundle
from vilt_core.interop.folders import json_text, read_object, write_text
from vilt_core.interop.lab import load_folder, save_folder
from vilt_core.models.vilt import Vilt
from vilt_core.training.ablation import (
    Arm,
    Grid,
    backbone,
    finetuning,
    meeting,
    pretraining,
    table_five,
)
from vilt_core.training.engine import Settings, is_alone
from vilt_core.training.loop import bundle_of_run, train
from vilt_core.training.stages import Recipe
from vilt_core.training.transfer import add_heads, seed_words_from_pictures
from vilt_core.training.truths import patch_classes

RESULTS = "results.json"
UNTOLD = ("model", "seconds")  # of a measure: what the clock or a name says, not the model
ASKED = ("gallery", "questions", "captions")  # of a grid: by how much models are measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where the grid stands: in which piece, of which seed, after which of its steps."""

    piece: str
    seed: int
    step: int
    steps: int


def chosen_arms(steps: int, only: Sequence[str] = ()) -> tuple[Arm, ...]:
    """The arms of these names, in the order of the table; all where none is named.

    Raises:
        ValueError: a name that no arm has.
    """
    arms = table_five(steps)
    names = [arm.name for arm in arms]
    if strange := sorted(set(only) - set(names)):
        raise ValueError(f"arms are {', '.join(names)}, got {', '.join(strange)}")
    return tuple(arm for arm in arms if not only or arm.name in only)


def run_grid(
    grid: Grid,
    folder: Path,
    *,
    arms: Sequence[Arm],
    seeds: int = 3,
    settings: Settings | None = None,
) -> Iterator[Progress]:
    """Train and measure every arm with every seed, but for what is done; seed after seed.

    Yields after every step of training.

    Args:
        grid: what the arms have in common.
        folder: of this ablation; made where it is missing.
        arms: of ``table_five``, for the grid's own steps.
        seeds: how many, counted from 0.
        settings: of the machine.

    Raises:
        TrainingStopped: see ``train``; the same call goes on from the last good state.
        ValueError: a folder that was begun with another grid, a device that is not there, or more
            processes than one.
    """
    settings = settings or Settings()
    if settings.sharded or not is_alone():
        raise ValueError(
            "the ablation trains and measures in one process: start it without torchrun or "
            "accelerate launch, and without --shard"
        )
    checked_device(settings.device)
    _claim(grid, folder)
    for seed in range(seeds):
        for arm in arms:
            yield from _run_arm(grid, arm, folder, seed=seed, settings=settings)


def _claim(grid: Grid, folder: Path) -> None:
    """Mark a folder as this grid's, which is what it trains; how much it asks may change."""
    path, own = folder / "grid.json", asdict(grid)
    folder.mkdir(parents=True, exist_ok=True)
    found = read_object(path) if path.is_file() else {}
    trained = (found.keys() | own) - set(ASKED) if found else ()
    if differing := sorted(name for name in trained if found.get(name) != own.get(name)):
        said = ", ".join(
            f"{name} {found.get(name)} there and {own.get(name)} here" for name in differing
        )
        raise ValueError(f"{folder} was begun with another grid ({said}): use another folder")
    if found != own:
        write_text(path, json_text(own))


def _run_arm(
    grid: Grid, arm: Arm, folder: Path, *, seed: int, settings: Settings
) -> Iterator[Progress]:
    """Everything of one arm and one seed that is not done yet."""
    look = partial(_look_pretrained, gallery=grid.gallery, captions=grid.captions)
    start = folder / "backbone"
    yield from _run_start(grid, start, measure=look, settings=settings)
    pretrained = folder / "pretraining" / arm.pretraining / str(seed)
    yield from _piece(
        f"pretraining {arm.pretraining}",
        pretraining(grid, arm, seed=seed),
        pretrained,
        start=partial(_to_pretrain, start / "model", arm),
        measure=look,
        settings=settings,
    )
    own = folder / arm.name / str(seed)
    for on, measure in (("questions", _look_questions), ("statements", _look_statements)):
        yield from _piece(
            f"{arm.name}, {on}",
            finetuning(grid, arm, on=on, seed=seed),
            own / on,
            start=partial(_to_finetune, pretrained / "model", on),
            measure=partial(measure, questions=grid.questions),
            settings=settings,
        )
    pieces = (pretrained, own / "questions", own / "statements")
    scores: dict[str, Any] = {}
    for piece in pieces:
        scores |= read_object(piece / RESULTS)
    del scores["asked"]
    told = {"arm": asdict(arm), "seed": seed, **scores}
    write_text(own / RESULTS, json_text(told))


def _run_start(
    grid: Grid, folder: Path, *, measure: "partial[dict[str, Any]]", settings: Settings
) -> Iterator[Progress]:
    """The model that all arms start from: pictures first, then texts with them."""
    named = folder / "named"
    if not (named / RESULTS).is_file():
        recipe = backbone(grid)
        bundle = bundle_of_run(recipe, named)
        yield from _steps("backbone", recipe, named, bundle=bundle, settings=settings)
        pieces = seed_words_from_pictures(bundle.vilt, bundle.tokenizer, bundle.answers)
        save_folder(bundle, named / "seeded")
        _end_piece(named, {"words_seeded": pieces})
    yield from _piece(
        "meeting",
        meeting(grid),
        folder,
        start=partial(_to_meet, named / "seeded"),
        measure=measure,
        settings=settings,
    )


def _piece(
    name: str,
    recipe: Recipe,
    folder: Path,
    *,
    start: Callable[[], Bundle],
    measure: "partial[dict[str, Any]]",
    settings: Settings,
) -> Iterator[Progress]:
    """Train one model and measure it by what ``measure`` names, unless that is done."""
    done = folder / RESULTS
    if not done.is_file():
        yield from _steps(name, recipe, folder, bundle=start(), settings=settings)
    elif read_object(done).get("asked") == measure.keywords:
        return
    bundle = load_folder(folder / "model")  # as it is on disk: the scores are those of the file
    bundle.model.to(checked_device(settings.device))
    _end_piece(folder, {"asked": measure.keywords, **measure(bundle)})


def _steps(
    name: str, recipe: Recipe, folder: Path, *, bundle: Bundle, settings: Settings
) -> Iterator[Progress]:
    for record in train(recipe, folder, bundle=bundle, settings=settings):
        yield Progress(piece=name, seed=recipe.seed, step=record.step, steps=record.steps)


def _end_piece(folder: Path, found: dict[str, Any]) -> None:
    """The scores of a piece; with them it is done, and nothing goes on from its state."""
    write_text(folder / RESULTS, json_text(found))
    (folder / "run.pt").unlink(missing_ok=True)


def _to_meet(named: Path) -> Bundle:
    """Patches and words that know their names, with the heads that ask for them."""
    bundle = load_folder(named)
    add_heads(bundle.vilt, patch_classes=patch_classes())
    return bundle


def _to_pretrain(start: Path, arm: Arm) -> Bundle:
    """The backbone; with a head and a mask token for masked patches where the arm has them."""
    bundle = load_folder(start)
    if not arm.masked_patches:
        return bundle
    config = with_task(bundle.model.config, "mpp")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Vilt(config)
    model.load_state_dict(model.state_dict() | bundle.model.state_dict())
    return replace(bundle, model=model)


def _to_finetune(pretrained: Path, on: str) -> Bundle:
    """A pre-trained model, with a fresh head and a type for the second picture for statements."""
    bundle = load_folder(pretrained)
    if on == "statements":
        add_heads(bundle.vilt, nlvr2=True)
    return bundle


def _look_pretrained(bundle: Bundle, *, gallery: int, captions: int) -> dict[str, Any]:
    """Retrieval by the ITM head, zero-shot, and where the alignment points."""
    return {
        "retrieval": _scores(bundle, "retrieval", "world:test", gallery),
        "alignment": _scores(bundle, "alignment", "world:test", captions),
    }


def _look_questions(bundle: Bundle, *, questions: int) -> dict[str, Any]:
    return {
        "vqa": _scores(bundle, "vqa", "world:test", questions),
        "vqa_style": _scores(bundle, "vqa", "world:style", questions),
    }


def _look_statements(bundle: Bundle, *, questions: int) -> dict[str, Any]:
    return {"nlvr2": _scores(bundle, "nlvr2", "world:test", questions)}


def _scores(bundle: Bundle, task: str, on: str, limit: int) -> dict[str, Any]:
    found = evaluate(bundle, task=task, on=on, limit=limit)
    return {name: value for name, value in found.items() if name not in UNTOLD}


def collect(grid: Grid, folder: Path, *, settings: Settings | None = None) -> dict[str, Any]:
    """All results that are there, of all arms of the table.

    Returns:
        {"grid", "hardware", "versions", "arms": [{"name", ..., "runs": [results.json, ...]}]}.

    Raises:
        ValueError: no arm is done, or a file that cannot be read.
    """
    arms = []
    for arm in table_five(grid.steps):
        paths = sorted(
            (folder / arm.name).glob(f"*/{RESULTS}"), key=lambda path: int(path.parent.name)
        )
        arms.append(asdict(arm) | {"runs": [read_object(path) for path in paths]})
    if not any(arm["runs"] for arm in arms):
        raise ValueError(f"expected at least one finished arm in {folder}, found none")
    device = torch.device(checked_device((settings or Settings()).device))
    return {
        "grid": asdict(grid),
        "hardware": hardware(device),
        "versions": versions(),
        "arms": arms,
    }
