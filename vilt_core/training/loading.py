"""Batches off the training process, and what goes wrong there, told in one sentence."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch.utils.data import DataLoader, Dataset

from vilt_core.training.batches import Batch, Source, collate


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no batch. Sent in its place, so that all processes stop together."""

    reason: str


class StepBatches(Dataset):
    """The parts of every step's global batch that are this process's; an item is a step."""

    def __init__(self, source: Source, *, own: list[range], pad: int, first: int, steps: int):
        self.source = source
        self.own = own
        self.pad = pad
        self.first = first
        self.steps = steps

    def __len__(self) -> int:
        return self.steps - self.first

    def __getitem__(self, at: int) -> list[Batch] | Failure:
        step = self.first + at
        try:
            kind = self.source.kind(step)
            return [
                collate(kind, self.source.rows(step, places), pad=self.pad) for places in self.own
            ]
        except (OSError, ValueError) as error:
            return Failure(str(error))


def load(batches: StepBatches, *, workers: int) -> Iterator[list[Batch] | Failure]:
    """Step after step, prepared ahead by ``workers`` processes; 0 prepares them here.

    A worker that dies (killed, or out of memory) is told as a failure too.
    """
    loader = DataLoader(
        batches,
        batch_size=None,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
    )
    try:
        yield from loader
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        yield Failure("a process that prepares batches was lost, killed or out of memory")
