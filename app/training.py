"""What the Train tab runs: one small training at a time, in a process of its own that gives way.

pupil.py has the process; what it tells is kept here, and shown.
"""

import atexit
import json
import shutil
import tempfile
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.pupil import Pupil, at_work
from vilt_core.training.choices import SNAPSHOTS as MOST_SNAPSHOTS
from vilt_core.training.choices import Choices

if TYPE_CHECKING:
    import plotly.graph_objects as go

SNAPSHOTS = 14  # of a run, and the one before its first step
# What can be chosen on the page.
STEPS = (100, 2000)
BATCHES = (16, 128)
WEIGHTS = (0.1, 2.0)  # of alignment
RATES = (5e-4, 1e-3, 2e-3, 5e-3)
KINDS = (4, 6, 10, 16)
OBJECTIVES = ("mlm", "itm", "wpa")
KEPT = 8  # runs that the server remembers; the oldest gives way
PICTURE_SIDE = 256
_PREFIX = "vilt-lab-training-"
_STALE = 24 * 3600  # seconds after which a folder that a killed server left behind is removed
_TURN = 300.0  # seconds after which a training gives way to others that wait
_PATIENCE = 20.0  # seconds that a process has to keep what it has when it is told to stop
_BEAT = 0.5  # seconds between two looks at what it has told


class Turns:
    """One at a time, in the order of coming."""

    def __init__(self):
        self._lock = threading.Lock()
        self._line: list[object] = []

    @contextmanager
    def turn(self) -> Iterator[object]:
        """A place in the line, until the end."""
        ticket = object()
        with self._lock:
            self._line.append(ticket)
        try:
            yield ticket
        finally:
            with self._lock:
                self._line.remove(ticket)

    def before(self, ticket: object) -> int:
        """How many come first; 0 for who may begin."""
        with self._lock:
            return self._line.index(ticket)

    def wanted(self) -> bool:
        """Whether anybody waits."""
        with self._lock:
            return len(self._line) > 1


TURNS = Turns()


class Run:
    """One visitor's training: its folder, and all that it has told so far."""

    def __init__(self, choices: Choices):
        try:
            self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        except OSError as error:
            raise ValueError(
                f"this server has no room to keep a training: {error.strerror}"
            ) from error
        self.choices = choices
        self.steps: list[int] = []
        self.losses: dict[str, list[float]] = {}
        self.snapshots: list[dict[str, Any]] = []
        self.pace: float | None = None  # steps a second, of late
        self.halted = threading.Event()
        self.gave_way = False  # to others that waited
        self.busy = False  # whether it trains, or waits to
        _remember(self)

    def __deepcopy__(self, _memo: dict) -> "Run":
        return self  # a page holds the run itself

    @property
    def reached(self) -> int:
        """Steps that are kept."""
        return self.snapshots[-1]["step"] if self.snapshots else 0

    def stop(self) -> None:
        """Ask it to keep what it has and to end."""
        self.halted.set()

    def forget(self) -> None:
        """End it, and remove what it kept."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def take(self, line: str) -> bool:
        """Note what the process has told; whether it was a snapshot."""
        told = json.loads(line)
        if "snapshot" in told:
            self.snapshots.append(told["snapshot"])
            return True
        record = told["record"]
        self.steps.append(record["at"])
        for name, loss in record["losses"].items():
            self.losses.setdefault(name, []).append(loss)
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a page is told while a run goes on."""

    says: str
    done: int
    total: int
    fresh: bool = False  # whether there is a new snapshot
    ended: bool = False
    trouble: bool = False


_RUNS: list[Run] = []
_REMEMBERED = threading.Lock()  # visitors begin at the same time


def _remember(run: Run) -> None:
    for folder in run.folder.parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > _STALE:
                shutil.rmtree(folder, ignore_errors=True)
    with _REMEMBERED:
        _RUNS.append(run)
        idle = [one for one in _RUNS if one is not run and not one.busy]
        gone = idle[: max(len(_RUNS) - KEPT, 0)]
        for one in gone:
            _RUNS.remove(one)
    for one in gone:
        one.forget()


@atexit.register
def _forget_all() -> None:
    with _REMEMBERED:
        runs = [*_RUNS]
        _RUNS.clear()
    for run in runs:
        run.forget()


def chosen(
    *,
    steps: float,
    objectives: list[str],
    pieces: bool,
    rate: float,
    batch: float,
    kinds: int,
    weight: float,
    seed: float | None,
) -> Choices:
    """What was chosen on the page.

    Raises:
        ValueError: one sentence on what lies out of range.
    """
    if seed is None or seed != int(seed):
        raise ValueError(f"seed must be a whole number, got {seed}")
    return Choices(
        steps=int(steps),
        every=max(int(steps) // SNAPSHOTS, 1),
        mlm="mlm" in objectives,
        itm="itm" in objectives,
        wpa="wpa" in objectives,
        wpa_weight=weight,
        mask_unit="piece" if pieces else "word",
        learning_rate=rate,
        batch_size=int(batch),
        kinds=kinds,
        seed=int(seed),
    )


def further(run: Run, steps: int) -> None:
    """Let a run go on: to its end where it was stopped before, else for so many steps more.

    Raises:
        ValueError: nothing was kept that could go on, or it has the most steps already.
    """
    if not run.reached or not run.folder.is_dir():
        raise ValueError("there is nothing kept to go on from: start a training")
    if run.reached >= run.choices.steps:
        total = run.reached + steps
        every = max(run.choices.every, -(-total // MOST_SNAPSHOTS))
        run.choices = replace(run.choices, steps=total, every=every)
    # A process that died told of steps that it did not keep: they come again.
    told = sum(step <= run.reached for step in run.steps)
    for told_of in (run.steps, *run.losses.values()):
        del told_of[told:]
    run.gave_way = False
    run.halted.clear()


def trained(run: Run) -> Generator[Told]:
    """Wait for a turn, then train until the end or until ``run.stop()``; told every second.

    Whoever stops listening ends the process, and what is kept stays.
    """
    run.busy = True
    try:
        with TURNS.turn() as ticket:
            while before := TURNS.before(ticket):
                if run.halted.is_set():
                    yield Told(says="You left the queue.", done=0, total=1, ended=True)
                    return
                others = "one other training comes" if before == 1 else f"{before} others come"
                says = f"In the queue: {others} first. Yours starts by itself"
                yield Told(says=says, done=0, total=run.choices.steps)
                time.sleep(_BEAT)
            yield from _taught(run)
    finally:
        run.busy = False


def _taught(run: Run) -> Iterator[Told]:
    total, began = run.choices.steps, run.reached
    yield Told(says="Building the model", done=began, total=total)
    try:
        with at_work(run.folder, run.choices) as pupil:
            yield from _listened(run, pupil)
            yield _ended(run, pupil.trouble())
    except OSError as error:
        says = f"The training could not be started: {error.strerror or error}."
        yield Told(says=says, done=began, total=total, ended=True, trouble=True)


def _listened(run: Run, pupil: Pupil) -> Iterator[Told]:
    """What the process tells, until it has nothing more to tell."""
    asked_to_stop: float | None = None
    clock = _Clock()
    begun = time.monotonic()
    while not pupil.silent:
        fresh = False
        for line in pupil.lines(_BEAT):
            fresh = run.take(line) or fresh
        done = run.steps[-1] if run.steps else 0
        run.pace = clock.pace(done) or run.pace
        if time.monotonic() - begun > _TURN and not run.halted.is_set() and TURNS.wanted():
            run.gave_way = True
            run.stop()
        if run.halted.is_set():
            if asked_to_stop is None:
                asked_to_stop = time.monotonic()
                pupil.tell_to_stop()
            elif time.monotonic() - asked_to_stop > _PATIENCE:
                return
        yield Told(says=_pace(run, done), done=done, total=run.choices.steps, fresh=fresh)


def _pace(run: Run, done: int) -> str:
    if run.halted.is_set():
        return "Keeping what there is"
    if done >= run.choices.steps:
        return "Looking at what it has learned"
    if not run.pace:
        return "Looking at the model before it learns" if not done else "Training"
    left = (run.choices.steps - done) / run.pace
    return f"{run.pace:.1f} steps a second, about {duration(left)} left"


def duration(seconds: float) -> str:
    """As a person says it."""
    if seconds < 90:
        return f"{max(round(seconds / 5) * 5, 5)} seconds"
    return f"{round(seconds / 60)} minutes"


class _Clock:
    """Steps a second over the last half minute."""

    def __init__(self):
        self._seen: list[tuple[float, int]] = []

    def pace(self, done: int) -> float | None:
        now = time.monotonic()
        self._seen = [one for one in self._seen if now - one[0] < 30.0]
        if not self._seen or self._seen[-1][1] != done:
            self._seen.append((now, done))
        (then, before), (last, after) = self._seen[0], self._seen[-1]
        return (after - before) / (last - then) if last > then and after > before else None


def _ended(run: Run, trouble: str) -> Told:
    kept = f"Everything up to step {run.reached} is kept" if run.reached else "Nothing was kept"
    if trouble:
        says = f"{trouble} {kept}."
    elif run.reached >= run.choices.steps:
        says = f"Trained for {run.reached} steps. {kept}."
    elif run.gave_way:
        says = f"Others were waiting. {kept}: to go on from there is to queue again."
    elif run.reached:
        says = f"Stopped. {kept}: go on from there whenever you like."
    else:
        says = f"Stopped. {kept}."
    return Told(
        says=says,
        done=run.reached,
        total=run.choices.steps,
        fresh=True,
        ended=True,
        trouble=bool(trouble),
    )


# What is seen.


def view(run: Run) -> dict[str, Any]:
    """The watched sentences at every snapshot, for the view; nothing before the first."""
    from vilt_core.viz import emergence

    if not run.snapshots:
        return {}
    return emergence.payload(
        _sentences(run.choices.kinds),
        [_moment(one) for one in run.snapshots],
        chance=run.snapshots[-1]["chance"],
        steps=run.choices.steps,
    )


@lru_cache(maxsize=8)
def _sentences(kinds: int) -> tuple[Any, ...]:
    from vilt_core.training.emergence import words
    from vilt_core.training.onlooker import nouns_of, watched
    from vilt_core.viz.emergence import Sentence
    from vilt_core.world.rendering import paint

    tokenizer = words()
    return tuple(
        Sentence(
            pixels=paint(one.scene, PICTURE_SIDE).pixels,
            words=[word.text for word in tokenizer.words(one.said.text)],
            nouns={
                at: [one.scene.objects[index].box for index in objects]
                for at, objects in nouns_of(one, tokenizer).items()
            },
            false=one.false,
        )
        for one in watched(Choices(kinds=kinds).corner)
    )


def _moment(snapshot: dict[str, Any]) -> Any:
    import numpy as np

    from vilt_core.viz.emergence import Moment, View

    return Moment(
        step=snapshot["step"],
        scores=snapshot["scores"],
        views=[
            View(
                heat=np.array(heard["heat"]),
                pointed=heard["strongest"],
                distance=heard["distance"],
                false_distance=heard["false_distance"],
                true_chance=heard["true_chance"],
                false_chance=heard["false_chance"],
                guesses=[
                    (guess["word"], [tuple(one) for one in guess["likeliest"]], guess["true"])
                    for guess in heard["guesses"]
                ],
            )
            for heard in snapshot["heard"]
        ],
    )


def losses(run: Run) -> "go.Figure":
    """Of each objective, step by step."""
    from vilt_core.viz.learning import loss_curves

    return loss_curves(run.steps, run.losses, total=run.choices.steps)


def scores(run: Run) -> "go.Figure":
    """On scenes that no training showed, beside chance."""
    from vilt_core.viz.learning import score_curves

    names = run.snapshots[0]["scores"] if run.snapshots else ()
    return score_curves(
        [one["step"] for one in run.snapshots],
        {name: [one["scores"][name] for one in run.snapshots] for name in names},
        chance=run.snapshots[0]["chance"] if run.snapshots else {},
        total=run.choices.steps,
    )


def packed(run: Run, step: int | None = None) -> Path:
    """A snapshot as a file to take home: a folder that ``vilt_core.load`` opens, zipped.

    Args:
        run: whose.
        step: of the snapshot; the last one unless given.

    Raises:
        ValueError: no such snapshot is kept, or the disk is full.
    """
    kept = {one["step"]: Path(one["folder"]) for one in run.snapshots}
    folder = kept.get(run.reached if step is None else step)
    if folder is None or not folder.is_dir():
        raise ValueError("this snapshot is kept no longer: start a training")
    name = f"vilt-small-{int(folder.name)}"
    try:
        inside = run.folder / "zip" / name
        shutil.copytree(folder, inside, dirs_exist_ok=True)
        return Path(shutil.make_archive(str(run.folder / name), "zip", inside.parent, name))
    except OSError as error:
        why = error.strerror or "files of it are missing"
        raise ValueError(f"the snapshot could not be packed: {why}") from error
