"""``detector``: the one that small models of the family (c) see stickers with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vilt_core.commands.typed import typed_command, write_json


@dataclass(frozen=True, kw_only=True)
class TrainDetector:
    """Train a detector of stickers from nothing, and score what it finds; stop it as you like."""

    to: Path = Path("runs/detector-mini")  # a run that was stopped there goes on
    steps: int = 6000
    batch_size: int = 16  # pictures of a step
    seed: int = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    save_every: int | None = None  # steps between two states on disk; as every training otherwise
    pictures: int = 500  # scenes of the test split, on which it is scored in the end
    json: Path | None = None  # where to write the scores, besides beside the model

    def run(self) -> None:
        """Do it."""
        from vilt_core.commands.typed import to_file
        from vilt_core.evaluation.card import put_card
        from vilt_core.evaluation.detection import detector_card, measure_detector
        from vilt_core.interop.detectors import load_detector
        from vilt_core.progress import progress_bar
        from vilt_core.training.detecting import detecting, train_detector
        from vilt_core.training.ending import ends_in_a_sentence

        if self.pictures < 1:
            raise ValueError(f"pictures must be at least 1, got {self.pictures}")
        stage = detecting(self.steps, batch_size=self.batch_size)
        bar = progress_bar(total=self.steps, unit="step")
        with ends_in_a_sentence(self.to / "run.pt"), bar:
            for at in train_detector(
                self.to, stage, seed=self.seed, device=self.device, save_every=self.save_every
            ):
                bar.update(at.step - bar.n)
                shown = {name: f"{loss:.3f}" for name, loss in at.losses.items()}
                bar.set_postfix(shown, refresh=False)
        config, detector = load_detector(self.to / "model")
        with progress_bar(total=self.pictures, unit="picture", leave=False) as bar:

            def show(done: int, _total: int) -> None:
                bar.update(done - bar.n)

            found = measure_detector(
                detector, size=config.shorter, pictures=self.pictures, progress=show
            )
        told = {"command": typed_command(), "steps": self.steps, **found}
        to_file(told, self.to / "model" / "scores.json")
        put_card(self.to / "model", detector_card(told))
        write_json(told, self.json)
