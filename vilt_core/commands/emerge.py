"""``emerge``: a training of minutes, to see an alignment come into being."""

import json
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from tyro.conf import OmitArgPrefixes

from vilt_core.training.choices import Choices

if TYPE_CHECKING:
    from vilt_core.training.loop import Record
    from vilt_core.training.onlooker import Snapshot

NICENESS = 10  # of a run that serves somebody else: whoever asks a question goes first


@dataclass(frozen=True, kw_only=True)
class Emerge:
    """Train a small ViLT in a corner of the sticker world, and see what it sees as it learns.

    A run that was stopped goes on if it is started again, and one that has ended with more --steps.
    """

    to: Path = Path("runs/emergence")
    choices: OmitArgPrefixes[Choices] = field(default_factory=Choices)
    # For another program: a line of JSON for every step and every snapshot on standard output, in
    # one thread of low priority, until a line (or the end) of standard input says to stop.
    guided: bool = False

    def run(self) -> None:
        """Do it."""
        if self.guided:
            self._guided()
        else:
            self._watched()

    def _guided(self) -> None:
        if hasattr(os, "nice"):
            os.nice(NICENESS)
        import torch

        torch.set_num_threads(1)
        from vilt_core.training.emergence import emerge
        from vilt_core.training.loop import Record

        for event in emerge(self.choices, self.to, stop=line_or_end(sys.stdin)):
            kind = "record" if isinstance(event, Record) else "snapshot"
            print(json.dumps({kind: asdict(event)}), flush=True)

    def _watched(self) -> None:
        from vilt_core.progress import progress_bar
        from vilt_core.training.emergence import emerge
        from vilt_core.training.ending import ends_in_a_sentence
        from vilt_core.training.loop import Record

        last = self.to
        bar = progress_bar(total=self.choices.steps, unit="step")
        with ends_in_a_sentence(self.to / "run.pt"), bar:
            for event in emerge(self.choices, self.to):
                if isinstance(event, Record):
                    bar.update(event.at - bar.n)
                    bar.set_postfix_str(_losses(event), refresh=False)
                else:
                    bar.write(_scores(event))
                    last = event.folder
        print(f"vilt_core.load({str(last)!r}) opens the model")


def line_or_end(stream: TextIO) -> Callable[[], bool]:
    """Whether a line has come, or the other side is gone; asking never waits."""
    said = threading.Event()

    def listen() -> None:
        stream.readline()
        said.set()

    threading.Thread(target=listen, name="stop", daemon=True).start()
    return said.is_set


def _losses(record: "Record") -> str:
    return " ".join(f"{name} {loss:.3f}" for name, loss in record.losses.items())


def _scores(snapshot: "Snapshot") -> str:
    told = ", ".join(
        f"{name} {score:.0%}"
        + (f" (chance {snapshot.chance[name]:.0%})" if name in snapshot.chance else "")
        for name, score in snapshot.scores.items()
    )
    return f"after {snapshot.step} steps: {told}"
