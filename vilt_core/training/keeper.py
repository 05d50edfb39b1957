"""What a run has done so far, where its last good state lies, and whether it is the same run."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch

from vilt_core.data.examples import DataSet
from vilt_core.interop.bundle import Bundle
from vilt_core.interop.lab import save_folder
from vilt_core.training import TrainingStopped
from vilt_core.training.checkpoint import Progress, run_state, write_run
from vilt_core.training.engine import Engine
from vilt_core.training.stages import Recipe

BROKEN_SHARE, BROKEN_ALLOWED = 0.01, 20  # of unreadable pictures


def lesson_of(recipe: Recipe, data: Mapping[str, DataSet] | None) -> str:
    """What is learned from what, but for how long: the identity of a run."""
    stages = [asdict(stage) | {"steps": 0, "horizon": 0} for stage in recipe.stages]
    sets = {kind: (one.name, one.split, len(one.examples)) for kind, one in (data or {}).items()}
    return json.dumps({"seed": recipe.seed, "stages": stages, "data": sets}, sort_keys=True)


class Keeper:
    """What a run has done so far, and the last good state of it on disk."""

    def __init__(
        self, folder: Path, bundle: Bundle, engine: Engine, state: dict | None, *, lesson: str
    ):
        if state is not None and state["lesson"] != lesson:
            raise ValueError(
                f"{folder / 'run.pt'} was begun with another recipe or other data: go on with the "
                "same command, or train into another folder"
            )
        self.folder = folder
        self.bundle = bundle
        self.engine = engine
        self.stage = state["stage"] if state else 0
        self.step = state["step"] if state else 0
        self.good = folder / "run.pt" if state else None
        self._lesson = lesson
        self._begun = time.monotonic() - (state["seconds"] if state else 0.0)
        self._seen, self._broken = 0.0, 0.0

    @property
    def seconds(self) -> float:
        """Since the run began, earlier sittings counted in."""
        return time.monotonic() - self._begun

    def stopped(self, why: str) -> TrainingStopped:
        """Why the run cannot go on, and from where it can."""
        kept = f"the last good state is {self.good}" if self.good else "no state was saved yet"
        return TrainingStopped(f"{why}; {kept}")

    def look_at(self, totals: Mapping[str, float]) -> None:
        """Stop where too many pictures cannot be read."""
        self._seen += totals["pictures"]
        self._broken += totals["broken"]
        if self._broken > max(BROKEN_ALLOWED, BROKEN_SHARE * self._seen):
            raise self.stopped(
                f"{self._broken:.0f} of {self._seen:.0f} pictures could not be read, which is more "
                f"than {BROKEN_SHARE:.0%}"
            )

    def save(self, optimizer: torch.optim.Optimizer, *, stage: int, step: int) -> None:
        """Write the state and the model, each whole or not at all."""
        progress = Progress(stage=stage, step=step, seconds=self.seconds, lesson=self._lesson)
        state = run_state(self.bundle.model, optimizer, progress)
        path = self.folder / "run.pt"
        if self.engine.is_main:
            try:
                # Half precision keeps the shipped file under 10 MB; scores are taken from it.
                save_folder(
                    self.bundle, self.folder / "model", dtype=torch.float16, state=state["model"]
                )
                write_run(path, state)
            except (OSError, RuntimeError) as error:
                raise self.stopped(f"the state could not be written: {error}") from error
        self.good = path
