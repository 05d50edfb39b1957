"""The command line: ``python -m vilt_core COMMAND --help``."""

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import OmitArgPrefixes, Positional, arg

from vilt_core.training import TrainingStopped


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Answer a question about a picture."""

    image: Positional[Path]
    question: Positional[str]
    model: str = "vilt-mini"
    top_k: int = 5

    def run(self) -> None:
        """Do it."""
        import vilt_core

        predictor = vilt_core.load(self.model)
        for answer in predictor.answer(self.image, self.question, top_k=self.top_k):
            print(f"{answer.probability:7.1%}  {answer.text}")


@dataclass(frozen=True, kw_only=True)
class Align:
    """Show which words of a text lie on which patches of a picture."""

    image: Positional[Path]
    text: Positional[str]
    model: str = "vilt-mini"
    beta: float = 0.5  # inverse of IPOT's step size
    iterations: int = 50

    def run(self) -> None:
        """Do it."""
        import vilt_core

        predictor = vilt_core.load(self.model)
        found = predictor.align(self.image, self.text, beta=self.beta, iterations=self.iterations)
        rows, columns = found.grid
        print(f"transport cost {found.transport_cost:.4f}; the strongest patch of each word:")
        for word in range(len(found.words)):
            heat = found.heatmap(word)
            row, column = divmod(int(heat.argmax()), columns)
            share = heat.max() / heat.sum()
            place = f"row {row + 1} of {rows}, column {column + 1} of {columns}"
            print(f"{found.words[word].text:>16}  {place}  ({share:.0%} of its heat)")


@dataclass(frozen=True, kw_only=True)
class Machine:
    """How the work of training is done; none of it changes what is learned, but for rounding."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"  # of matrix products
    workers: int = 0  # processes that prepare batches; 0 prepares them in the training process
    accumulate: int = 1  # parts in which each process takes its share of a batch
    compile: bool = False  # blocks through torch.compile
    checkpointing: bool = False  # keep no activation within blocks: less memory, more time
    shard: bool = False  # FSDP: each process keeps a part of the weights
    save_every: int = 250  # steps between two states on disk

    def settings(self):
        """The same as the engine calls it."""
        from vilt_core.training.engine import Settings

        return Settings(
            device=self.device,
            precision=self.precision,
            workers=self.workers,
            accumulate=self.accumulate,
            compiled=self.compile,
            checkpointing=self.checkpointing,
            sharded=self.shard,
            save_every=self.save_every,
        )


@dataclass(frozen=True, kw_only=True)
class Train:
    """Train a model from nothing, or go on with a run that was stopped."""

    recipe: Literal["vilt-mini", "vilt-mini-gpu"] = "vilt-mini"
    to: Path = Path("runs/vilt-mini")
    evaluate_every: int = 1000  # steps
    scale: float = 1.0  # of every stage's steps: 0.01 for a rehearsal
    machine: OmitArgPrefixes[Machine] = field(default_factory=Machine)

    def run(self) -> None:
        """Do it."""
        from vilt_core.training.monitor import train_and_watch
        from vilt_core.training.recipes import RECIPES

        train_and_watch(
            RECIPES[self.recipe](scale=self.scale),
            self.to,
            settings=self.machine.settings(),
            evaluate_every=self.evaluate_every,
            command=_command(),
        )


@dataclass(frozen=True, kw_only=True)
class Finetune:
    """Train a model further on questions about the sticker world."""

    start: Annotated[str, arg(name="from")] = "vilt-mini"
    to: Path = Path("runs/finetuned")
    steps: int = 2000
    learning_rate: float = 3e-4
    batch_size: int = 128
    seed: int = 1  # of the scenes; 0 are those that vilt-mini has seen
    evaluate_every: int = 1000
    machine: OmitArgPrefixes[Machine] = field(default_factory=Machine)

    def run(self) -> None:
        """Do it."""
        from vilt_core.interop.lab import load_folder
        from vilt_core.training.monitor import train_and_watch
        from vilt_core.training.recipes import finetuning

        recipe = finetuning(
            steps=self.steps,
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            seed=self.seed,
        )
        train_and_watch(
            recipe,
            self.to,
            start=load_folder(_source(self.start)),
            settings=self.machine.settings(),
            evaluate_every=self.evaluate_every,
            command=_command(),
        )


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Score a model, beside what chance or the words alone would score."""

    model: Positional[str] = "vilt-mini"
    task: Literal["vqa", "matching", "nlvr2", "retrieval", "alignment", "cost"] = "vqa"
    on: str = "world:test"  # or world:style, world:composition, a .jsonl FILE, FOLDER or FOLDER:val
    limit: int | None = None  # examples at most; of retrieval, pictures
    json: Path | None = None  # where to write what is printed
    submission: Path | None = None  # where to write the answers for the server of VQA
    report: Path | None = (
        None  # score everything; write tables and a plot here, and the model's card
    )
    study: Path | None = None  # compare ways to draw the alignment; write the table here

    def run(self) -> None:
        """Do it."""
        if self.task == "cost":
            self._tell_cost()
            return
        from tqdm import tqdm

        from vilt_core.evaluation import evaluate
        from vilt_core.evaluation.pages import publish_results, publish_study

        source = _source(self.model)
        with tqdm(unit="example", delay=1, leave=False) as bar:

            def show(*progress) -> None:
                *label, done, total = progress
                if done < bar.n or bar.total != total:
                    bar.reset(total)
                bar.set_description(" ".join(label))
                bar.update(done - bar.n)

            if self.report is not None:
                publish_results(Path(source), self.report, command=_command(), progress=show)
            if self.study is not None:
                publish_study(Path(source), self.study, command=_command(), progress=show)
            if self.report is not None or self.study is not None:
                return
            found = evaluate(
                source,
                task=self.task,
                on=self.on,
                limit=self.limit,
                progress=show,
                submission=self.submission,
            )
        _write_json(found, self.json)

    def _tell_cost(self) -> None:
        """Of a model, or of a family such as "vilt" at its published size."""
        from vilt_core.evaluation.cost import cost_at_own_size, cost_json, cost_markdown
        from vilt_core.interop.opening import open_bundle
        from vilt_core.models import MODELS, build

        source = self.model
        model = build(source) if source in MODELS else open_bundle(_source(source)).model
        cost = cost_at_own_size(model)
        print(cost_markdown(cost))
        if self.json is not None:
            _to_file(cost_json(cost, name=self.model), self.json)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Race the lab against what people use today, and measure what is promised of its speed."""

    what: Positional[Literal["inference", "transport", "training", "scoring", "throughput"]]
    device: Literal["auto", "cpu", "cuda"] = "auto"
    seconds: float = 10.0  # for each case, beyond the rounds that are run anyway
    limit: int = 1000  # pictures, and texts, that are scored
    rehearsal: bool = False  # with a tiny model, to see that all of it runs
    json: Path | None = None  # where to write the numbers; benchmarks/published.py reads them

    def run(self) -> None:
        """Do it."""
        from vilt_core.bench import bench, markdown

        found = bench(
            self.what,
            device=self.device,
            seconds=self.seconds,
            limit=self.limit,
            rehearsal=self.rehearsal,
        )
        print(markdown(found))
        if self.json is not None:
            _to_file({"command": _command(), **found}, self.json)


@dataclass(frozen=True, kw_only=True)
class Convert:
    """Write a model in another format, read it back, and show that it is still the same."""

    source: Positional[str]  # a shipped model, a folder, a .ckpt file or a name on the hub
    target: Positional[Path]  # folder to write to
    to: Literal["huggingface", "lab"]
    revision: str | None = None  # of the hub
    json: Path | None = None  # where to write the report

    def run(self) -> None:
        """Do it."""
        from vilt_core.interop.huggingface import to_huggingface
        from vilt_core.interop.lab import save_folder
        from vilt_core.interop.opening import open_bundle
        from vilt_core.interop.parity import parity_report

        source = _source(self.source)
        if Path(source).resolve() == self.target.resolve():
            raise ValueError(f"expected another folder to write to, got the source {self.target}")
        bundle = open_bundle(source, revision=self.revision)
        {"huggingface": to_huggingface, "lab": save_folder}[self.to](bundle, self.target)
        report = parity_report(bundle.model, self.target, to=self.to)
        if self.json is not None:
            _to_file(report, self.json)
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
        from tqdm import tqdm

        from vilt_core.world.export import export

        done = export(
            self.folder,
            seed=self.seed,
            count=self.count,
            split=self.split,
            size=self.size,
            sprites=self.sprites,
        )
        for _ in tqdm(done, total=self.count, unit="scene", delay=1):
            pass
        print(f"{self.count} scenes written to {self.folder}")


@dataclass(frozen=True, kw_only=True)
class Data:
    """Look at data before training on them: what is there, what is missing, three examples each."""

    what: Positional[Literal["check"]]
    folder: Positional[Path]  # of any format that can be read, or of several; or a .jsonl file

    def run(self) -> None:
        """Do it."""
        from tqdm import tqdm

        from vilt_core.data.check import check_data

        with tqdm(unit="example", delay=1, leave=False) as bar:

            def show(what: str, done: int, total: int) -> None:
                bar.set_description(what)
                bar.total = total
                bar.update(done - bar.n)

            report = check_data(self.folder, progress=show)
        print(report.text())
        if not report.complete:
            raise SystemExit(1)


def _command() -> str:
    return " ".join(["python -m vilt_core", *sys.argv[1:]])


def _source(name: str) -> str:
    """The folder of a shipped model, or whatever else was named."""
    from vilt_core.predictor import MODELS

    shipped = MODELS / name
    return str(shipped) if shipped.is_dir() else name


def _write_json(found: dict, path: Path | None) -> None:
    print(json.dumps(found, indent=1))
    if path is not None:
        _to_file(found, path)


def _to_file(found: dict, path: Path) -> None:
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Run one command; a mistake of the user's is one sentence on standard error."""
    command = tyro.extras.subcommand_cli_from_dict(
        {
            "answer": Answer,
            "align": Align,
            "train": Train,
            "finetune": Finetune,
            "evaluate": Evaluate,
            "convert": Convert,
            "bench": Bench,
            "data": Data,
            "world": World,
        },
        prog="python -m vilt_core",
        description="See, question, take apart and train a vision-and-language transformer.",
    )
    try:
        command.run()
    except (ValueError, OSError, TrainingStopped) as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
