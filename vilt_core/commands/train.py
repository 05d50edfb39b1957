"""``train``: from nothing, from a ViT, or from what was pre-trained; and the plan of it."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import OmitArgPrefixes, UseAppendAction, arg

from vilt_core.commands.machine import Machine
from vilt_core.commands.typed import source_of, typed_command


@dataclass(frozen=True, kw_only=True)
class Planning:
    """What a recipe of the paper would take."""

    plan: bool = False  # tell it, and do not start; before the data are there, by published sizes
    devices: int = 1  # GPUs that are counted with
    gpu: Literal["V100", "A100", "H100", "H200"] = "A100"  # V100: the paper's; it has no bfloat16
    utilisation: float | None = None  # share of the GPU's peak; assumed to be 0.4
    bench: Path | None = None  # or measured: what bench training --json FILE wrote on this --gpu

    def share(self) -> tuple[float, str]:
        """The share of the peak, and how it is known."""
        from vilt_core.interop.folders import read_object
        from vilt_core.training.plan import ASSUMED_UTILISATION, measured_utilisation

        if self.utilisation is not None:
            return self.utilisation, "as given"
        if self.bench is not None:
            return measured_utilisation(read_object(self.bench), gpu=self.gpu)
        return ASSUMED_UTILISATION, "assumed; --bench FILE takes a measured share"


@dataclass(frozen=True, kw_only=True)
class Train:
    """Train a model of the lab from nothing, or repeat a training of the paper on its own data.

    A run that was stopped goes on if it is started again.
    """

    recipe: Literal[
        "vilt-mini",
        "vilt-mini-pairs",
        "vilt-mini-places",
        "vilt-mini-longer",
        "vilt-mini-guests",
        "vilt-mini-gpu",
        "vse-mini",
        "clip-mini",
        "scan-mini",
        "pixelbert-mini",
        "vilbert-mini",
        "uniter-mini",
        "xlxmert-mini",
        "vilt-plain-mini",
        "vilbert-mini-tasks",
        "uniter-mini-tasks",
        "vilbert-mini-ranking",
        "uniter-mini-ranking",
        "pixelbert-mini-ranking",
        "xlxmert-mini-ranking",
        "vilt-plain-mini-ranking",
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
    mixgen: float = 0.0  # share of pairs that are mixed with another, in pre-training: MixGen's
    evaluate_every: int = 1000  # steps on stickers; of the paper's fine-tunings it is an epoch
    scale: float = 1.0  # of every stage's steps: 0.01 for a rehearsal
    planning: OmitArgPrefixes[Planning] = field(default_factory=Planning)
    machine: OmitArgPrefixes[Machine] = field(default_factory=Machine)

    def run(self) -> None:
        """Do it."""
        from vilt_core.training.paper import PAPER

        (self._as_the_paper if self.recipe in PAPER else self._on_stickers)()

    def _on_stickers(self) -> None:
        from vilt_core.interop.lab import load_folder
        from vilt_core.training.monitor import train_and_watch
        from vilt_core.training.recipes import RECIPES
        from vilt_core.training.rivals import FURTHER, RIVALS

        recipe, bundle = (RECIPES | RIVALS | FURTHER)[self.recipe](scale=self.scale), None
        given = self.steps is not None or self.mpp or self.mixgen or self.planning != Planning()
        if self.data or given:
            raise ValueError(
                f"{self.recipe} draws its own data: --data, --steps, --mpp, --mixgen and --plan "
                "with its options are for the recipes of the paper"
            )
        if recipe.prepare is not None:
            bundle = recipe.prepare(load_folder(source_of(self.start or recipe.start)))
        elif self.start:
            raise ValueError(f"{self.recipe} starts from nothing, got --from {self.start}")
        train_and_watch(
            recipe,
            self._to(),
            start=bundle,
            settings=self.machine.settings(),
            evaluate_every=self.evaluate_every,
            command=typed_command(),
        )

    def _as_the_paper(self) -> None:
        from vilt_core.training.begin import begin, read_data, read_held_out
        from vilt_core.training.engine import is_main
        from vilt_core.training.finetuning import look_every, looking_at, sample_count
        from vilt_core.training.monitor import train_and_watch
        from vilt_core.training.picture_check import check_pictures

        paper, settings = self._paper({}), self.machine.settings(data=True)
        if self.planning.plan:
            if is_main():
                self._tell_plan(paper)
            return
        if self.planning != Planning():
            raise ValueError(
                "--devices, --gpu, --utilisation and --bench are of a --plan: `accelerate launch` "
                "and torchrun start a training on several"
            )
        data = read_data(paper, self.data)
        paper = self._paper({"examples": sample_count(data)})
        data = replace(data, missing=(*data.missing, *check_pictures(data, None)))
        start = paper.start if self.start is None else source_of(self.start)
        held_out = None
        try:
            held_out = read_held_out(paper, self.data)
        except ValueError as error:  # it is for the eye alone: training goes on without
            if is_main():
                print(f"Not scored on the way: {error}")
        bundle, account = begin(paper, start, data=data, held_out=held_out)
        train_and_watch(
            paper.recipe,
            self._to(),
            start=bundle,
            data={paper.kind: data},
            settings=settings,
            look=None
            if paper.task is None
            else looking_at(held_out, task=paper.task, learned=data),
            evaluate_every=look_every(data, batch_size=paper.stage.batch_size),
            command=typed_command(),
            account=account,
        )

    def _paper(self, found: dict):
        from vilt_core.training.paper import PAPER

        if self.recipe == "vilt-b32-pretrain":
            found |= {"patch_masking": self.mpp, "mixgen": self.mixgen}
            found |= {} if self.steps is None else {"steps": self.steps}
        elif self.steps is not None or self.mpp or self.mixgen:
            raise ValueError(f"--steps, --mpp and --mixgen are for pre-training, got {self.recipe}")
        return PAPER[self.recipe](scale=self.scale, **found)

    def _tell_plan(self, paper) -> None:
        """With what is there of the data; with their published sizes where nothing can be read."""
        from vilt_core.training.begin import read_data
        from vilt_core.training.finetuning import sample_count
        from vilt_core.training.plan import plan, render

        if self.machine.precision == "float32":
            raise ValueError("a plan counts in half precision: leave --precision float32 out")
        counted, missing = f"{paper.data} as published", ()
        if self.data:
            try:
                data = read_data(paper, self.data)
            except ValueError as error:
                missing = (str(error),)
            else:
                paper = self._paper({"examples": sample_count(data)})
                counted, missing = f"{data.name}, {data.split}", data.missing
        found = plan(
            paper,
            data=counted,
            devices=self.planning.devices,
            gpu=self.planning.gpu,
            utilisation=self.planning.share(),
            accumulate=self.machine.accumulate,
            workers=self.machine.settings(data=True).workers,
            checkpointing=self.machine.checkpointing,
            sharded=self.machine.shard,
        )
        print(render(found), *(f"missing  {line}" for line in missing), sep="\n")

    def _to(self) -> Path:
        return Path("runs") / self.recipe if self.to is None else self.to
