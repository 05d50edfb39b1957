"""The command line: ``python -m vilt_core COMMAND --help``."""

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import OmitArgPrefixes, Positional, UseAppendAction, arg

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
class Planning:
    """What a recipe of the paper would take."""

    plan: bool = False  # tell it, and do not start; works before the data are there
    devices: int = 1  # GPUs that are counted with
    gpu: Literal["V100", "A100", "H100", "H200"] = "A100"  # V100: the paper's; it has no bfloat16
    utilisation: float | None = None  # share of the GPU's peak; assumed to be 0.4
    bench: Path | None = None  # or measured: what bench training --json FILE wrote on such a GPU

    def share(self) -> tuple[float, str]:
        """The share of the peak, and how it is known."""
        from vilt_core.training.plan import ASSUMED_UTILISATION, measured_utilisation

        if self.utilisation is not None:
            return self.utilisation, "as given"
        if self.bench is not None:
            return measured_utilisation(json.loads(self.bench.read_text(encoding="utf-8")))
        return ASSUMED_UTILISATION, "assumed; --bench FILE takes a measured share"


@dataclass(frozen=True, kw_only=True)
class Train:
    """Train a model of the lab from nothing, or repeat a training of the paper on its own data.

    A run that was stopped goes on if it is started again.
    """

    recipe: Literal[
        "vilt-mini",
        "vilt-mini-gpu",
        "vilt-b32-pretrain",
        "vilt-b32-vqav2",
        "vilt-b32-nlvr2",
        "vilt-b32-coco",
        "vilt-b32-flickr30k",
    ] = "vilt-mini"
    data: UseAppendAction[tuple[Path, ...]] = ()  # of the paper's recipes; several are joined
    start: Annotated[str | None, arg(name="from")] = None  # a ViT to pre-train, else a model
    to: Path | None = None  # runs/RECIPE
    steps: int | None = None  # of pre-training: the paper's 100000, or its 200000 by default
    mpp: bool = False  # predict masked patches besides, in pre-training
    evaluate_every: int = 1000  # steps
    scale: float = 1.0  # of every stage's steps: 0.01 for a rehearsal
    planning: OmitArgPrefixes[Planning] = field(default_factory=Planning)
    machine: OmitArgPrefixes[Machine] = field(default_factory=Machine)

    def run(self) -> None:
        """Do it."""
        from vilt_core.training.paper import PAPER

        (self._as_the_paper if self.recipe in PAPER else self._on_stickers)()

    def _on_stickers(self) -> None:
        from vilt_core.training.monitor import train_and_watch
        from vilt_core.training.recipes import RECIPES

        if self.data or self.start or self.steps or self.mpp or self.planning.plan:
            raise ValueError(
                f"{self.recipe} draws its own data and starts from nothing: --data, --from, "
                "--steps, --mpp and --plan are for the recipes of the paper"
            )
        train_and_watch(
            RECIPES[self.recipe](scale=self.scale),
            self._to(),
            settings=self.machine.settings(),
            evaluate_every=self.evaluate_every,
            command=_command(),
        )

    def _as_the_paper(self) -> None:
        from vilt_core.training.begin import begin, read_data
        from vilt_core.training.engine import is_main
        from vilt_core.training.finetuning import sample_count
        from vilt_core.training.monitor import train_and_watch

        paper = self._paper({})
        if self.planning.plan and not self.data:
            self._tell_plan(paper, f"{paper.data} as published")
            return
        data = read_data(paper, self.data)
        paper = self._paper({"examples": sample_count(data)})
        if self.planning.plan:
            self._tell_plan(paper, f"{data.name}, {data.split}")
            for line in data.missing:
                print(f"missing  {line}")
            return
        start = paper.start if self.start is None else _source(self.start)
        bundle, account = begin(paper, start, data=data)
        if is_main():
            print("\n".join(account))
        train_and_watch(
            paper.recipe,
            self._to(),
            start=bundle,
            data={paper.kind: data},
            settings=self.machine.settings(),
            command=_command(),
        )

    def _paper(self, found: dict):
        from vilt_core.training.paper import PAPER

        if self.recipe == "vilt-b32-pretrain":
            found |= {"patch_masking": self.mpp} | ({"steps": self.steps} if self.steps else {})
        elif self.steps or self.mpp:
            raise ValueError(f"--steps and --mpp are for pre-training, got {self.recipe}")
        return PAPER[self.recipe](scale=self.scale, **found)

    def _tell_plan(self, paper, data: str) -> None:
        from vilt_core.training.plan import plan, render

        found = plan(
            paper,
            data=data,
            devices=self.planning.devices,
            gpu=self.planning.gpu,
            utilisation=self.planning.share(),
            accumulate=self.machine.accumulate,
            checkpointing=self.machine.checkpointing,
            sharded=self.machine.shard,
        )
        print(render(found))

    def _to(self) -> Path:
        return Path("runs") / self.recipe if self.to is None else self.to


@dataclass(frozen=True, kw_only=True)
class Finetune:
    """Train a model further: on your own data, or on questions about the sticker world."""

    data: Path | None = None  # FILE of JSON lines, or FOLDER of any known format; none: stickers
    task: Literal["vqa", "nlvr2", "retrieval"] = "vqa"  # of --data
    val: Path | None = None  # FILE or FOLDER that is scored, not learned; else the val of --data
    start: Annotated[str, arg(name="from")] = "vilt-mini"
    to: Path = Path("runs/finetuned")
    epochs: float | None = None  # over --data; chosen by their size unless given
    steps: int | None = None  # on stickers; 2000 unless given
    learning_rate: float | None = None  # at its peak; 5e-4 on --data, 3e-4 on stickers
    batch_size: int | None = None  # 128; smaller on small --data
    image_size: int | None = None  # shorter side that is read, pixels; that of --from, or smaller
    min_count: int = 1  # how many questions an answer needs to be learned; 9 as published
    augment: bool = False  # RandAugment on --data: for photographs
    seed: int = 1  # of the order, or of the scenes; 0 are those that vilt-mini has seen
    evaluate_every: int = 1000  # steps on stickers; on --data it is an epoch
    machine: OmitArgPrefixes[Machine] = field(default_factory=Machine)

    def run(self) -> None:
        """Do it."""
        if self.data is not None:
            self._on_own_data(self.data)
            return
        own = (self.val, self.epochs, self.image_size)
        if self.task != "vqa" or self.augment or self.min_count != 1 or any(map(bool, own)):
            raise ValueError(
                "--task, --val, --epochs, --image-size, --min-count and --augment are for data of "
                "your own: expected --data"
            )
        from vilt_core.interop.lab import load_folder
        from vilt_core.training.finetuning import finetuning
        from vilt_core.training.monitor import train_and_watch

        recipe = finetuning(
            steps=2000 if self.steps is None else self.steps,
            learning_rate=self.learning_rate or 3e-4,
            batch_size=self.batch_size or 128,
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

    def _on_own_data(self, source: Path) -> None:
        """Fit a model to data, train it on them, and say what came of it."""
        if self.steps is not None:
            raise ValueError("--steps are of the sticker world: --data are trained for --epochs")
        from vilt_core.interop.opening import open_bundle
        from vilt_core.training.adapt import adapt
        from vilt_core.training.engine import is_main
        from vilt_core.training.finetuning import (
            finetune,
            fitting_size,
            held_out_of,
            own_data,
            training_data,
        )
        from vilt_core.training.outcome import scores, write_report

        data = training_data(source, task=self.task)
        held_out = held_out_of(source, self.val, task=self.task)
        bundle = open_bundle(_source(self.start))
        size = fitting_size(bundle, data) if self.image_size is None else self.image_size
        adapted = adapt(
            bundle,
            task=self.task,
            data=data,
            image_size=size,
            min_count=self.min_count,
        )
        recipe = own_data(
            data,
            task=self.task,
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate or 5e-4,
            augment=self.augment,
            seed=self.seed,
        )
        if is_main():
            print(*adapted.account, sep="\n")
        settings, command = self.machine.settings(), _command()
        model = finetune(
            adapted.bundle,
            recipe,
            self.to,
            data=data,
            held_out=held_out,
            task=self.task,
            settings=settings,
            command=command,
        )
        if is_main():
            found = None if held_out is None else scores(model, task=self.task, on=held_out)
            write_report(self.to, account=adapted.account, found=found)
            self._tell(model, adapted.account, found)

    def _tell(self, model: Path, account: tuple[str, ...], found: dict | None) -> None:
        from vilt_core.training.outcome import summary

        print("", *account, sep="\n")
        print("", *summary(found), sep="\n")
        if self.task == "vqa":
            print(f"\n  python -m vilt_core answer PICTURE QUESTION --model {model}")
        else:
            print(f"\n  python -m vilt_core evaluate {model} --task {self.task} --on FILE")
        print(f"  VILT_LAB_MODEL={model} python app.py")


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


@dataclass(frozen=True, kw_only=True)
class Ablate:
    """Repeat the ablation of the paper's Table 5 on stickers; stop and start it as you like."""

    to: Path = Path("runs/ablation")  # for the models; what is done there is not done again
    report: Path = Path("docs")  # for ablation.md, its plot and its numbers
    only: UseAppendAction[tuple[str, ...]] = ()  # arms by name; all of the table otherwise
    seeds: int = 3
    steps: int = 800  # of pre-training: the paper's 100K
    finetune_steps: int = 250  # on questions, and as many on statements
    backbone_steps: int = 3000  # once a seed
    batch_size: int = 64
    gallery: int = 50  # pictures of retrieval
    machine: OmitArgPrefixes[Machine] = field(default_factory=Machine)

    def run(self) -> None:
        """Do it."""
        from tqdm import tqdm

        from vilt_core.evaluation.ablation_page import write_ablation
        from vilt_core.training.ablation import Grid
        from vilt_core.training.ablation_run import chosen_arms, collect, run_grid

        grid = Grid(
            steps=self.steps,
            finetune_steps=self.finetune_steps,
            backbone_steps=self.backbone_steps,
            batch_size=self.batch_size,
            gallery=self.gallery,
        )
        arms, settings = chosen_arms(self.steps, self.only), self.machine.settings()
        with tqdm(unit="step") as bar:
            for at in run_grid(grid, self.to, arms=arms, seeds=self.seeds, settings=settings):
                if at.step == at.steps:
                    bar.write(f"seed {at.seed}, {at.piece}: {at.steps} steps")
                bar.set_description(f"seed {at.seed}, {at.piece}", refresh=False)
                bar.total = at.steps
                bar.update(at.step - bar.n)
        found = collect(grid, self.to, settings=settings)
        for path in write_ablation(found, self.report, command=_command()):
            print(path)


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
            "ablate": Ablate,
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
