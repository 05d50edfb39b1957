"""Write and look at files from the shell: ``convert``, ``world`` and ``data``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from vilt_core.commands.typed import source_of, to_file


@dataclass(frozen=True, kw_only=True)
class Convert:
    """Write a model in another format, read it back, and show that it is still the same."""

    source: Positional[str]  # a shipped model, a folder, a .ckpt file or a name on the hub
    target: Positional[Path]  # folder to write to
    to: Literal["huggingface", "lab"]
    bits: Literal[8, 16, 32] = 32  # a weight, on disk: of the lab's own format
    revision: str | None = None  # of the hub
    json: Path | None = None  # where to write the report

    def run(self) -> None:
        """Do it."""
        import torch

        from vilt_core.interop.huggingface import to_huggingface
        from vilt_core.interop.lab import save_folder
        from vilt_core.interop.opening import open_bundle

        source = source_of(self.source)
        if Path(source).resolve() == self.target.resolve():
            raise ValueError(f"expected another folder to write to, got the source {self.target}")
        if self.to == "huggingface" and self.bits != 32:
            raise ValueError(f"--bits is for --to lab, got {self.bits} for transformers")
        bundle = open_bundle(source, revision=self.revision)
        if self.to == "huggingface":
            to_huggingface(bundle, self.target)
        else:
            dtype = {8: torch.int8, 16: torch.float16, 32: torch.float32}[self.bits]
            save_folder(bundle, self.target, dtype=dtype)
        self._report(bundle)

    def _report(self, bundle) -> None:
        from vilt_core.interop.parity import farthest_weight, parity_report
        from vilt_core.models.vilt import Vilt

        if not isinstance(bundle.model, Vilt):  # a rival: what is compared are ViLT's layers
            name, difference = farthest_weight(bundle.model, self.target)
            if self.json is not None:
                to_file({"weight": name, "difference": difference}, self.json)
            print(f"{bundle.name} written to {self.target}; the largest difference of any weight:")
            print(f"{difference:.1e} of the largest in {name}")
            return
        report = parity_report(bundle.vilt, self.target, to=self.to)
        if self.json is not None:
            to_file(report, self.json)
        print(f"{bundle.name} written to {self.target}; the largest difference of every layer:")
        print(f"{'':12}{'read back':>12}{'transformers':>14}{'values up to':>14}")
        for row in report["rows"]:
            there = "-" if row["transformers"] is None else f"{row['transformers']:.1e}"
            numbers = f"{row['read back']:>12.1e}{there:>14}{row['largest']:>14.2f}"
            print(f"{row['layer']:12}{numbers}")
        for note in report["notes"]:
            print(note)


@dataclass(frozen=True, kw_only=True)
class World:
    """Write scenes of the sticker world as pictures and JSON lines, with their truth."""

    folder: Positional[Path]
    seed: int = 0
    count: int = 100
    split: Literal["train", "test", "style", "composition"] = "test"
    size: int = 256  # side of the pictures in pixels
    sprites: Path | None = None  # the user's own icons, one PNG a noun

    def run(self) -> None:
        """Do it."""
        from vilt_core.progress import progress_bar
        from vilt_core.world.export import export

        done = export(
            self.folder,
            seed=self.seed,
            count=self.count,
            split=self.split,
            size=self.size,
            sprites=self.sprites,
        )
        with progress_bar(total=self.count, unit="scene", delay=1) as bar:
            for _ in done:
                bar.update()
        print(f"{self.count} scenes written to {self.folder}")


@dataclass(frozen=True, kw_only=True)
class Data:
    """Look at data before training on them: what is there, what is missing, three examples each."""

    what: Positional[Literal["check"]]
    folder: Positional[Path]  # of any format that can be read, or of several; or a .jsonl file

    def run(self) -> None:
        """Do it."""
        from vilt_core.data.check import check_data
        from vilt_core.progress import progress_bar

        with progress_bar(unit="example", delay=1, leave=False) as bar:

            def show(what: str, done: int, total: int) -> None:
                bar.set_description(what, refresh=False)
                bar.total = total
                bar.update(done - bar.n)

            report = check_data(self.folder, progress=show)
        print(report.text())
        if not report.complete:
            raise SystemExit(1)
