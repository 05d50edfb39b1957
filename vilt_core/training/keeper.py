"""What a run has done so far, where its last good state lies, and whether it is the same run."""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vilt_core.data.digest import digest
from vilt_core.data.examples import DataSet
from vilt_core.interop.bundle import Bundle
from vilt_core.interop.lab import save_folder
from vilt_core.training import TrainingStopped
from vilt_core.training.checkpoint import Progress, run_state, write_run
from vilt_core.training.engine import Engine
from vilt_core.training.loading import LOST_WORKER, is_lost_worker
from vilt_core.training.passed_over import PassedOver
from vilt_core.training.stages import Recipe, Stage

# Told of every model that is written: where, what stages it had, after how many seconds of them.
Tell = Callable[[Path, Sequence[Stage], float], None]
LOG = "log.jsonl"  # a line a step, in the folder of the run
_SHIPPED = 10_000_000  # bytes of a model that a repository takes
MOST_STEPS, LEAST_STATES = 250, 10  # between two states, and of a run
SAVING_SHARE = 0.02  # of the time, at most: a large state is written less often than a small one


def steps_between(steps: int) -> int:
    """Steps between two states of a run of so many: a tenth of them, and at most 250."""
    return min(MOST_STEPS, max(steps // LEAST_STATES, 1))


def stopped(why: str, good: Path | None) -> TrainingStopped:
    """Why a run cannot go on, and from where it can."""
    kept = f"the last good state is {good}" if good else "no state was saved yet"
    return TrainingStopped(f"{why}; {kept}")


def lesson_of(
    recipe: Recipe, data: Mapping[str, DataSet] | None, *, answers: Sequence[str] = ()
) -> str:
    """What is learned from what, but for how long: the identity of a run.

    The order of the answers belongs to it: a head whose rows mean others would name them wrongly.
    """
    stages = [asdict(stage) | {"steps": 0, "horizon": 0} for stage in recipe.stages]
    sets = {
        kind: (one.name, one.split, len(one.examples), digest(one.examples))
        for kind, one in (data or {}).items()
    }
    named = hashlib.sha256("\n".join(answers).encode()).hexdigest()
    lesson = {"seed": recipe.seed, "stages": stages, "data": sets, "answers": named}
    return json.dumps(lesson, sort_keys=True)


def with_defaults(stage: Mapping[str, Any]) -> dict[str, Any]:
    """A stage as a lesson has it; settings that are new since it was begun had their defaults."""
    return json.loads(json.dumps(asdict(Stage(name="", steps=1, mix={})) | dict(stage)))


def same_lesson(begun: str, now: str) -> bool:
    """Whether a run goes on as it was begun."""
    then, meant = json.loads(begun), json.loads(now)
    then["stages"] = [with_defaults(stage) for stage in then["stages"]]
    if meant["data"]:
        for stage in (*then["stages"], *meant["stages"]):
            stage["hard_negatives"] = 0.0  # of stickers alone; of old the paper's said otherwise
    for kind, told in meant["data"].items():
        before = then["data"].get(kind, ())
        # A name is that of a folder, which may be another tomorrow (the digest knows it only where
        # pictures lie beside their lines); of old there was no digest.
        if before == told[:-1] or before[1:] == told[1:]:
            then["data"][kind] = told
    return {"answers": meant.get("answers")} | then == meant


def check_steps(state: Mapping[str, Any], stages: Sequence[Stage], folder: Path) -> None:
    """Refuse a state from which these stages cannot go on.

    A stage under way may become longer, or shorter by steps that are still to come: its rate
    follows the new length. What is over stays as long as it was.

    Args:
        state: of ``load_run``, of a run with the same stages but for their steps.
        stages: of the recipe.
        folder: of the run.

    Raises:
        ValueError: a finished run of another length, or fewer steps than are done.
    """
    done, place, step = state["noted"], state["stage"], state["step"]
    if place >= len(stages):
        if done != (asked := sum(stage.steps for stage in stages)):
            raise ValueError(
                f"{folder} holds a finished run of {done:,} steps, and {asked:,} are asked for: "
                "train into another folder (--to)"
            )
        return
    if step and step >= stages[place].steps:
        raise ValueError(
            f"{folder} holds a run that has done {step:,} steps of {stages[place].name}, and "
            f"{stages[place].steps:,} are asked for: ask for more, or train into another folder "
            "(--to)"
        )
    if done != sum(stage.steps for stage in stages[:place]) + step:
        raise ValueError(
            f"{folder} holds a run whose first stages had other lengths: go on with the same "
            "command, or train into another folder (--to)"
        )


def same_start(begun: torch.Tensor | None, now: torch.Tensor) -> bool:
    """Whether a run began with this model, but for rounding; states of old do not say."""
    if begun is None:
        return True
    return begun.shape == now.shape and torch.allclose(begun, now, rtol=1e-3, atol=1e-6)


def kept_in(model: nn.Module) -> torch.dtype:
    """How a run writes the weights of its model, which ``run.pt`` has in float32 besides.

    In half precision where that makes a file that can ship, so that scores are those of the file
    that ships. Larger ones, of which further trainings start, are not rounded.
    """
    size = sum(parameter.numel() for parameter in model.parameters())
    return torch.float16 if size * torch.float16.itemsize <= _SHIPPED else torch.float32


class Rhythm:
    """When a state is due: after so many steps, or so many seconds, whichever are over first.

    Args:
        every: steps between two states; ``steps_between`` otherwise.
        steps: of the run.
        seconds: between two states, where steps are slow; more where it takes long to write one.
    """

    def __init__(self, every: int | None, *, steps: int, seconds: float):
        self._every = every or steps_between(steps)
        self._seconds = seconds
        self._saved = time.monotonic()
        self._saving = 0.0  # seconds that the last state took

    def is_due(self, step: int) -> bool:
        """Whether a state is to be saved after a step of a stage, counted from 1."""
        since = time.monotonic() - self._saved
        least = max(self._seconds, self._saving / SAVING_SHARE)
        return step % self._every == 0 or since >= least

    def saved(self, *, begun: float) -> None:
        """A state is written, since a time of ``time.monotonic``: that of the next one counts."""
        self._saved = time.monotonic()
        self._saving = self._saved - begun


class Keeper:
    """What a run has done so far, and the last good state of it on disk."""

    def __init__(
        self,
        folder: Path,
        bundle: Bundle,
        engine: Engine,
        state: dict | None,
        *,
        lesson: str,
        stages: Sequence[Stage],
        start: torch.Tensor,
        data: Mapping[str, DataSet] | None = None,
        kept: tuple[str, ...] = (),
        tell: Tell | None = None,
    ):
        if state is not None and not same_lesson(state["lesson"], lesson):
            raise ValueError(
                f"{folder / 'run.pt'} was begun with another recipe or other data: go on with the "
                "same command, or train into another folder"
            )
        if state is not None:
            check_steps(state, stages, folder)
            if not same_start(state.get("start"), start):
                raise ValueError(
                    f"{folder / 'run.pt'} was begun with another model (--from): go on with the "
                    "same command, or train into another folder"
                )
        self.folder = folder
        self.bundle = bundle
        self.engine = engine
        self.stage = state["stage"] if state else 0
        self.step = state["step"] if state else 0
        self.good = folder / "run.pt" if state else None
        self.kept = kept
        self._stages = stages
        self._tell = tell
        self._rhythm = Rhythm(
            engine.settings.save_every,
            steps=sum(each.steps for each in stages),
            seconds=engine.settings.save_seconds,
        )
        self._lesson = lesson
        self._begun = time.monotonic() - (state["seconds"] if state else 0.0)
        self._start = start
        before = state.get("passed_over", ()) if state else ()
        self._passed_over = PassedOver(data, before=before)
        if engine.is_main:
            self._forget_beyond(state)

    @property
    def seconds(self) -> float:
        """Since the run began, earlier sittings counted in."""
        return time.monotonic() - self._begun

    def is_due(self, step: int) -> bool:
        """Whether a state is to be saved after a step of a stage, counted from 1.

        The clock of the main process counts for all: they have to tell each other.
        """
        return self.engine.is_main and self._rhythm.is_due(step)

    def stopped(self, why: str) -> TrainingStopped:
        """Why the run cannot go on, and from where it can."""
        return stopped(why, self.good)

    def pass_over(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of them that were not passed over before; stop where they are too many by now."""
        new = self._passed_over.add(names)
        if why := self._passed_over.too_many():
            raise self.stopped(why)
        return new

    @contextmanager
    def together(self) -> Iterator[None]:
        """What processes do with each other: one that is gone is told in a sentence."""
        try:
            yield
        except RuntimeError as error:
            if not self.engine.is_loss(error):
                raise
            raise self.stopped("another process of this training was lost") from error

    @contextmanager
    def fed(self) -> Iterator[None]:
        """Where workers prepare batches: torch tells of one that is gone wherever it finds us."""
        try:
            yield
        except RuntimeError as error:
            if not is_lost_worker(error):
                raise
            raise self.stopped(LOST_WORKER) from error

    def note(self, record: Any) -> None:
        """A line of the log, before the state that it belongs to is saved."""
        if self.engine.is_main:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                with (self.folder / LOG).open("a", encoding="utf-8") as log:
                    log.write(json.dumps(asdict(record)) + "\n")
            except OSError as error:
                raise self.stopped(f"the log could not be written: {error}") from error

    def _forget_beyond(self, state: dict | None) -> None:
        """Keep of the log what led to the state; all or nothing of the new one is written."""
        log = self.folder / LOG
        if not log.is_file():
            return
        lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
        part = log.with_suffix(".part")
        part.write_text("".join(lines[: state["noted"] if state else 0]), encoding="utf-8")
        part.replace(log)

    def save(
        self,
        optimizer: torch.optim.Optimizer,
        *,
        stage: int,
        step: int,
        noted: int,
        ended: str | None = None,
    ) -> None:
        """Write the state and the model, each whole or not at all.

        Args:
            optimizer: of the stage.
            stage: which is the next, or still this one ...
            step: ... and the step of it that comes next.
            noted: steps that the log tells of.
            ended: the stage that ends here: if it is one of ``kept``, the model stays beside the
                run's own, under that name.
        """
        begun = time.monotonic()
        progress = Progress(
            stage=stage,
            step=step,
            seconds=self.seconds,
            lesson=self._lesson,
            noted=noted,
            start=self._start,
            passed_over=self._passed_over.names,
        )
        with self.together():
            state = run_state(self.bundle.model, optimizer, progress)
        path = self.folder / "run.pt"
        if self.engine.is_main:
            try:
                if ended in self.kept:
                    named = replace(self.bundle, name=f"{self.bundle.name}-{ended}")
                    self._write(named, f"model-{ended}", self._stages[:stage], state)
                self._write(self.bundle, "model", self._stages, state)
                write_run(path, state)
            except (OSError, RuntimeError) as error:
                if is_lost_worker(error):
                    raise
                raise self.stopped(f"the state could not be written: {error}") from error
        self.good = path
        self._rhythm.saved(begun=begun)

    def _write(
        self, bundle: Bundle, name: str, stages: Sequence[Stage], state: Mapping[str, Any]
    ) -> None:
        """The model of a state, and what is told of it."""
        to = self.folder / name
        save_folder(bundle, to, dtype=kept_in(bundle.model), state=state["model"])
        if self._tell is not None:
            self._tell(to, stages, state["seconds"])
