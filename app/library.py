"""The models in memory: loaded beside the server, once for all, and not too many at once."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from app.models import Checkpoint, Model, Task

if TYPE_CHECKING:
    from vilt_core.predictor import Predictor

# What one tab needs and what the other needs. ViLT-B/32 takes half a gigabyte for each.
ROOM = 2

Progress = Callable[[int, int], None]
Reader = TypeVar("Reader")  # what is opened: a predictor, or a dual encoder


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How far a model is, for one task."""

    kind: Literal["absent", "waiting", "loading", "ready", "failed"]
    percent: int | None = None  # of a download; None where there is none, or none yet
    sentence: str = ""  # why it failed


class _Abandoned(Exception):
    """Nobody waits for it any more."""


@dataclass(slots=True)
class _Load(Generic[Reader]):
    """One checkpoint on its way."""

    visitors: set[object] = field(default_factory=set)
    begun: bool = False
    done: int = 0
    total: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    predictor: Reader | None = None
    trouble: ValueError | None = None


class Shelf(Generic[Reader]):
    """The predictors of one model: one loads at a time, and ``ROOM`` are kept, the last used.

    Threads may share it.
    """

    def __init__(self, open_checkpoint: Callable[[Checkpoint, Progress], Reader]):
        self._open = open_checkpoint
        self._guard = threading.Lock()  # of everything below, and never held for long
        self._turn = threading.Lock()
        self._kept: OrderedDict[Checkpoint, Reader] = OrderedDict()
        self._loads: dict[Checkpoint, _Load[Reader]] = {}
        self._here: set[Checkpoint] = set()  # was opened before: its files are on this machine
        self._troubles: dict[Checkpoint, str] = {}

    def state(self, checkpoint: Checkpoint) -> State:
        """How far it is."""
        with self._guard:
            load = self._loads.get(checkpoint)
            if checkpoint in self._here:
                return State(kind="ready")
            if load is not None and load.visitors:
                percent = 100 * load.done // load.total if load.total else None
                return State(kind="loading" if load.begun else "waiting", percent=percent)
            if checkpoint in self._troubles:
                return State(kind="failed", sentence=self._troubles[checkpoint])
            return State(kind="absent")

    def want(self, checkpoint: Checkpoint, visitor: object) -> None:
        """Have it loaded, unless it is; whoever comes while it loads waits for the same load."""
        with self._guard:
            if checkpoint not in self._here:
                self._join(checkpoint, visitor)

    def leave(self, checkpoint: Checkpoint, visitor: object) -> None:
        """Want it no longer. Where nobody does, a download stops at its next piece."""
        with self._guard:
            if checkpoint in self._loads:
                self._loads[checkpoint].visitors.discard(visitor)

    def get(self, checkpoint: Checkpoint) -> Reader:
        """The predictor; loaded now where it is not in memory.

        Raises:
            ValueError: One sentence on what is missing, damaged or out of reach.
        """
        with self._guard:
            if checkpoint in self._kept:
                self._kept.move_to_end(checkpoint)
                return self._kept[checkpoint]
            load = self._join(checkpoint, object())
        load.over.wait()
        if load.predictor is None:
            raise ValueError(str(load.trouble))
        return load.predictor

    def _join(self, checkpoint: Checkpoint, visitor: object) -> _Load[Reader]:
        load = self._loads.get(checkpoint)
        if load is None:
            load = self._loads[checkpoint] = _Load()
            self._troubles.pop(checkpoint, None)
            name = f"loads {checkpoint.name}"
            threading.Thread(
                target=self._run, args=(checkpoint, load), name=name, daemon=True
            ).start()
        load.visitors.add(visitor)
        return load

    def _run(self, checkpoint: Checkpoint, load: _Load[Reader]) -> None:
        load.trouble = ValueError(f"{checkpoint.name} could not be loaded")  # until more is known
        with self._turn:
            try:
                self._told(checkpoint, load, 0, 0)
                predictor = self._open(checkpoint, partial(self._told, checkpoint, load))
            except _Abandoned:
                load.trouble = None
            except (ValueError, OSError) as error:
                load.trouble = ValueError(str(error))
            else:
                load.predictor, load.trouble = predictor, None
            finally:
                with self._guard:
                    self._finish(checkpoint, load)
                load.over.set()

    def _finish(self, checkpoint: Checkpoint, load: _Load[Reader]) -> None:
        self._forget(checkpoint, load)
        if load.trouble is not None:
            self._troubles[checkpoint] = str(load.trouble)
        if load.predictor is not None:
            self._kept[checkpoint] = load.predictor
            self._here.add(checkpoint)
            while len(self._kept) > ROOM:
                self._kept.popitem(last=False)

    def _forget(self, checkpoint: Checkpoint, load: _Load) -> None:
        if self._loads.get(checkpoint) is load:
            del self._loads[checkpoint]

    def _told(self, checkpoint: Checkpoint, load: _Load, done: int, total: int) -> None:
        with self._guard:
            if not load.visitors:
                self._forget(checkpoint, load)  # whoever comes now begins another
                raise _Abandoned
            load.begun, load.done, load.total = True, done, total


class Library:
    """Every model of the catalogue with its shelf.

    Attributes:
        models: By their names.
        default: The model that a visitor wants who has chosen none.
        first: The model that speaks before any other is there.
    """

    def __init__(
        self,
        models: Mapping[str, Model],
        open_checkpoint: Callable[[Checkpoint, Progress], "Predictor"],
    ):
        self.models = models
        self.default = next(iter(models))
        self.first = next(name for name, model in models.items() if model.at_once)
        self._shelves = {name: Shelf(open_checkpoint) for name in models}

    def model(self, name: str) -> Model:
        """A model by its name.

        Raises:
            ValueError: No such model.
        """
        if name not in self.models:
            raise ValueError(f"model must be one of {', '.join(self.models)}, got {name!r:.60}")
        return self.models[name]

    def predictor(self, name: str, task: Task) -> "Predictor":
        """What does a task, loaded once.

        Raises:
            ValueError: One sentence on what is missing, damaged or out of reach.
        """
        return self._shelves[self.model(name).name].get(self.models[name].checkpoints[task])

    def state(self, name: str, task: Task) -> State:
        """How far a model is, for a task."""
        return self._shelves[name].state(self.model(name).checkpoints[task])

    def want(self, name: str, task: Task, visitor: object) -> None:
        """Have what a task needs loaded."""
        self._shelves[name].want(self.model(name).checkpoints[task], visitor)

    def leave(self, name: str, visitor: object) -> None:
        """Want nothing of a model any longer."""
        for checkpoint in set(self.model(name).checkpoints.values()):
            self._shelves[name].leave(checkpoint, visitor)

    def forget(self, visitor: object) -> None:
        """A visitor has gone, and wants nothing any longer."""
        for name in self.models:
            self.leave(name, visitor)
