"""Batches off the training process, and what goes wrong there, told in one sentence.

What is loaded at a time is a part: what one process reads at once of a global batch, all of its
share or, where it accumulates, a piece of that. How many parts lie in memory is ``parts_held``,
whatever a batch is. A step cannot begin before all parts of its share are there, for each counts by
its portion of what is asked in all of them; so as a part is used, one of the next step is taken up.
"""

import signal
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch.utils.data import DataLoader, Dataset

from vilt_core.training.batches import Source, Waiting, counts, side_by_side

AHEAD = 2  # parts of each worker that wait, the one in the making among them
LOST_WORKER = "a process that prepares batches was lost, killed or out of memory"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no batch. Sent in its place, so that all processes stop together."""

    reason: str


class Parts(Dataset):
    """The parts of every step's global batch that are this process's, in order.

    An item is one of them: those of a step come one after the other, then those of the next.
    """

    def __init__(self, source: Source, *, own: list[range], pad: int, first: int, steps: int):
        self.source = source
        self.own = own
        self.pad = pad
        self.first = first
        self.steps = steps

    def __len__(self) -> int:
        return (self.steps - self.first) * len(self.own)

    def __getitem__(self, at: int) -> Waiting | Failure:
        later, part = divmod(at, len(self.own))
        step = self.first + later
        try:
            rows = self.source.rows(step, self.own[part])
            return side_by_side(self.source.kind(step), rows, pad=self.pad)
        except (OSError, ValueError) as error:
            return Failure(str(error))


def is_lost_worker(error: Exception) -> bool:
    """Whether an error is torch's word of a worker that died, raised wherever the process is."""
    return isinstance(error, RuntimeError) and "DataLoader worker" in str(error)


def load(parts: Parts, *, workers: int) -> Iterator[Waiting | Failure]:
    """Part after part, prepared ahead by ``workers`` processes; 0 prepares them here.

    A worker that dies (killed, or out of memory) is told as a failure too.
    """
    loader = DataLoader(
        parts,
        batch_size=None,
        num_workers=workers,
        prefetch_factor=AHEAD if workers else None,
        worker_init_fn=_leave_interrupts,
    )
    try:
        yield from loader
    except RuntimeError as error:
        if not is_lost_worker(error):
            raise
        yield Failure(LOST_WORKER)


def _leave_interrupts(_worker: int) -> None:
    """A terminal sends Ctrl-C to workers too, whose batch may be the one that is waited for."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def parts_held(*, accumulate: int, workers: int) -> int:
    """How many parts lie in the memory of a process and its workers at most.

    A step's share and the part that has just been used; of every worker what waits, and the rows of
    the part that it joins.

    Args:
        accumulate: parts of a step.
        workers: processes that prepare them.
    """
    return accumulate + 1 + (AHEAD + 1) * workers


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What is known of a process's parts of a step before any of them is used."""

    kind: str
    counts: dict[str, int]  # over how many things each objective takes its mean
    broken: tuple[str, ...]  # pictures that could not be read
    waited: float  # seconds in which a part was needed and not ready


class Feed:
    """The parts of one step after the other: a share in hand, and no more."""

    def __init__(self, parts: Parts, *, workers: int):
        self._loaded = load(parts, workers=workers)
        self._each = len(parts.own)
        self._held: deque[Waiting | Failure] = deque()
        self._waited = 0.0

    def step(self) -> Share | Failure:
        """Have all parts of the next step, those of the last one being used.

        What failed is told at the step that it is missing from, however early it was found.
        """
        while len(self._held) < self._each and self._take():
            pass
        waited, self._waited = self._waited, 0.0
        parts: list[Waiting] = []
        for part in self._held:
            if isinstance(part, Failure):
                return part
            parts.append(part)
        return _share(parts, waited=waited)

    def parts(self) -> Iterator[Waiting]:
        """The parts of this step, each let go as the next is asked for.

        In its place one of the next step is taken up, so that workers never pause. For the last one
        that is left to ``step``: the update goes first.
        """
        for left in reversed(range(self._each)):
            part = self._held.popleft()
            assert isinstance(part, Waiting)
            yield part
            del part
            if left:
                self._take()

    def _take(self) -> bool:
        """One part more in hand; whether there was any."""
        begun = time.monotonic()
        part = next(self._loaded, None)
        self._waited += time.monotonic() - begun
        if part is not None:
            self._held.append(part)
        return part is not None


def _share(parts: Sequence[Waiting], *, waited: float) -> Share:
    """What parts of a step have in common, and in all."""
    asked: Counter[str] = Counter()
    for part in parts:
        asked.update(counts(part))
    return Share(
        kind=parts[0].kind,
        counts=dict(asked),
        broken=tuple(name for part in parts for name in part.broken),
        waited=waited,
    )
