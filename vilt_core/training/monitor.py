"""A run as a person watches it: progress bar, TensorBoard, scores on the way, a summary."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from itertools import islice
from pathlib import Path

import torch
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from vilt_core.data.examples import DataSet
from vilt_core.evaluation.machine import checked_device, hardware
from vilt_core.evaluation.sources import world_questions
from vilt_core.evaluation.vqa import probable_answers, worth
from vilt_core.interop.bundle import Bundle
from vilt_core.interop.folders import json_text, write_text
from vilt_core.progress import progress_bar
from vilt_core.training.ending import Ending, ends_in_a_sentence
from vilt_core.training.engine import Settings, is_main
from vilt_core.training.keeper import stopped
from vilt_core.training.loop import Record, bundle_of_run, train
from vilt_core.training.processes import process_count, told_of_processes
from vilt_core.training.stages import Recipe, Stage

Look = Callable[[Bundle], Mapping[str, float]]  # a model on its way to its scores, by name

_WATCHED_QUESTIONS = 512


def train_and_watch(
    recipe: Recipe,
    folder: Path,
    *,
    command: str,
    start: Bundle | None = None,
    data: Mapping[str, DataSet] | None = None,
    settings: Settings | None = None,
    look: Look | None = None,
    evaluate_every: int = 1000,
    account: Sequence[str] = (),
) -> Path:
    """Run a recipe to its end; returns the folder of the finished model.

    Args:
        recipe: the stages.
        folder: of this run; ``log.jsonl`` in it has a line a step, ``tensorboard`` the curves.
        command: what the user typed, kept with the model.
        start: a trained model to go on from, in place; a fresh one otherwise.
        data: examples by kind; the sticker world where there are none.
        settings: of the machine.
        look: scores of the model on its way, by name; of a run on stickers the accuracy on fresh
            questions of the training split, where nothing else is given.
        evaluate_every: steps between two looks.
        account: of the start, lines that are shown once ``folder`` is known to go on from it.

    Raises:
        TrainingStopped: the run cannot go on, or was told to end (SIGTERM), which it does after
            the step under way; says from which state it can go on.
        KeyboardInterrupt: Ctrl-C, likewise; a second one waits for no step.
        ValueError: see ``train``; or less than a step between two looks.
    """
    if evaluate_every < 1:
        raise ValueError(f"evaluate_every must be at least 1, got {evaluate_every}")
    settings = settings or Settings()
    checked_device(settings.device)
    bundle = bundle_of_run(recipe, folder) if start is None else start
    if look is None and data is None and bundle.model.vqa is not None:
        look = _look
    with ends_in_a_sentence(folder / "run.pt") as ending:
        running = train(
            recipe,
            folder,
            bundle=bundle,
            data=data,
            settings=settings,
            stop=ending.stop,
            tell=partial(_summarise, recipe=recipe.name, command=command, settings=settings),
        )
        records = _to_the_end(running, recipe, ending)
        if not is_main():
            for _ in records:
                pass
            return folder / "model"
        for line in (*told_of_processes(stage.batch_size for stage in recipe.stages), *account):
            tqdm.write(line)
        with Watcher(recipe, folder) as watcher:
            for record in records:
                watcher.note(record)
                ended = record.step % evaluate_every == 0 or record.step == record.steps
                watched = not settings.sharded and record.stage != "backbone"
                if look is not None and watched and ended and not ending.is_told:
                    with ending.broken_off():
                        watcher.score(look, bundle, record)
                    bundle.model.train()  # wherever that was broken off
    return folder / "model"


def _to_the_end(records: Iterator[Record], recipe: Recipe, ending: Ending) -> Iterator[Record]:
    """The records of a run, which ends before its last step only where a process was told to."""
    steps = at = sum(stage.steps for stage in recipe.stages)
    for record in ending.after_steps(records):
        at = record.at
        yield record
    if at < steps and not ending.is_told:
        raise stopped("another process of this training was told to end", ending.state)


class Watcher:
    """The progress bar and the curves of one run, continued where it is taken up."""

    def __init__(self, recipe: Recipe, folder: Path):
        self._folder = folder
        self._bar = progress_bar(total=sum(stage.steps for stage in recipe.stages), unit="step")
        self._board: SummaryWriter | None = None
        self._broken = 0

    def __enter__(self) -> "Watcher":
        return self

    def __exit__(self, *_) -> None:
        self._bar.close()
        if self._board is not None:
            self._board.close()

    def note(self, record: Record) -> None:
        """Show a step and keep it."""
        step = record.at
        if self._board is None:
            # What an earlier sitting drew beyond the state that it left is forgotten.
            self._board = SummaryWriter(str(self._folder / "tensorboard"), purge_step=step)
        self._broken += len(record.broken)
        for name in record.broken:
            self._bar.write(f"passed over: {name}")
        shown = " ".join(f"{name} {loss:.3f}" for name, loss in record.losses.items())
        broken = f", {self._broken} pictures passed over" if self._broken else ""
        self._bar.update(step - self._bar.n)
        self._bar.set_postfix_str(f"{record.stage}: {shown}{broken}", refresh=False)
        for name, loss in record.losses.items():
            self._board.add_scalar(f"loss/{name}", loss, step)
        self._board.add_scalar("optimiser/learning rate", record.learning_rate, step)
        self._board.add_scalar("optimiser/gradient norm", record.gradient_norm, step)
        self._board.add_scalar("seconds/waited for data", record.waited, step)

    def score(self, look: Look, bundle: Bundle, record: Record) -> None:
        """Measure the model after a step, show the scores and keep them.

        They are for the eye: a picture that cannot be read ends no run, and is told.
        """
        assert self._board is not None
        try:
            found = look(bundle)
        except (OSError, ValueError) as error:
            self._bar.write(f"after {record.at} steps: not scored: {error}")
            return
        for name, value in found.items():
            self._board.add_scalar(name, value, record.at)
        shown = ", ".join(f"{name} {value:.1%}" for name, value in found.items())
        self._bar.write(f"after {record.at} steps: {shown}")


def _look(bundle: Bundle) -> dict[str, float]:
    """Accuracy on fresh scenes of the training split; the test split is left for the end."""
    asked = list(islice(world_questions("train"), _WATCHED_QUESTIONS))
    scores = worth(asked, [answer for answer, _ in probable_answers(bundle, asked)])
    return {"accuracy/vqa": sum(scores) / len(scores)}


def _summarise(
    folder: Path,
    stages: Sequence[Stage],
    seconds: float,
    *,
    recipe: str,
    command: str,
    settings: Settings,
) -> None:
    """What the model card says of the training."""
    summary = {
        "command": command,
        "recipe": recipe,
        "stages": [asdict(stage) for stage in stages],
        "settings": asdict(settings),
        "processes": process_count(),
        "seconds": round(seconds),
        "hardware": hardware(torch.device(checked_device(settings.device))),
        "torch": torch.__version__,
    }
    write_text(folder / "training.json", json_text(summary))
