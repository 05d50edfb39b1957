"""``finetune``: go on from a trained model, on stickers or on one's own data."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import OmitArgPrefixes, arg

from vilt_core.commands.machine import Machine
from vilt_core.commands.typed import source_of, typed_command

if TYPE_CHECKING:
    from vilt_core.data.examples import DataSet


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
    learning_rate: float | None = None  # at its peak; 3e-4 on stickers, 5e-4 (B/32: 1e-4) on --data
    batch_size: int | None = None  # 128; smaller on small --data
    image_size: int | None = None  # shorter side that is read, pixels; that of --from, or smaller
    min_count: int = 1  # how many questions an answer needs to be learned; 9 as published
    vqa_rules: bool = False  # compare answers as VQA v2 does: "two" is "2", "a cat." is "cat"
    augment: bool = False  # RandAugment on --data: for photographs
    dropout: float | None = None  # share of units that a step of --data leaves out (B/32: 0.1)
    seed: int = 1  # of the order, or of the scenes; 0 are those that vilt-mini has seen
    evaluate_every: int = 1000  # steps on stickers; on --data it is an epoch
    machine: OmitArgPrefixes[Machine] = field(default_factory=Machine)

    def run(self) -> None:
        """Do it."""
        if self.data is not None:
            self._on_own_data(self.data)
            return
        own = (self.val, self.epochs, self.image_size, self.dropout)
        given = any(one is not None for one in own)
        given = given or self.augment or self.vqa_rules
        if self.task != "vqa" or self.min_count != 1 or given:
            raise ValueError(
                "--task, --val, --epochs, --image-size, --min-count, --vqa-rules, --augment and "
                "--dropout are for data of your own: expected --data"
            )
        from vilt_core.interop.lab import load_folder
        from vilt_core.training.finetuning import finetuning
        from vilt_core.training.monitor import train_and_watch

        recipe = finetuning(
            steps=2000 if self.steps is None else self.steps,
            learning_rate=3e-4 if self.learning_rate is None else self.learning_rate,
            batch_size=128 if self.batch_size is None else self.batch_size,
            seed=self.seed,
        )
        train_and_watch(
            recipe,
            self.to,
            start=load_folder(source_of(self.start)),
            settings=self.machine.settings(),
            evaluate_every=self.evaluate_every,
            command=typed_command(),
        )

    def _on_own_data(self, source: Path) -> None:
        """Fit a model to data, train it on them, and say what came of it."""
        if self.steps is not None:
            raise ValueError("--steps are of the sticker world: --data are trained for --epochs")
        from vilt_core.interop.opening import open_bundle
        from vilt_core.training.adapt import adapt
        from vilt_core.training.engine import is_main
        from vilt_core.training.finetuning import (
            default_dropout,
            default_head_rate,
            default_rate,
            finetune,
            fitting_size,
            held_out_of,
            own_data,
            told_of,
            told_of_held_out,
            training_data,
        )
        from vilt_core.training.outcome import write_report
        from vilt_core.training.picture_check import check_pictures
        from vilt_core.training.picture_sizes import sampled_sizes

        settings, command = self.machine.settings(data=True), typed_command()
        data = training_data(source, task=self.task)
        held_out = held_out_of(source, self.val, task=self.task)
        if self.vqa_rules:
            data = replace(data, vqa_rules=True)
            held_out = None if held_out is None else replace(held_out, vqa_rules=True)
        data = replace(data, missing=(*data.missing, *check_pictures(data, held_out)))
        bundle = open_bundle(source_of(self.start))
        sizes = sampled_sizes(data)
        size = fitting_size(bundle, sizes) if self.image_size is None else self.image_size
        adapted = adapt(
            bundle,
            task=self.task,
            data=data,
            image_size=size,
            sizes=sizes,
            min_count=self.min_count,
        )
        rate = default_rate(adapted.bundle) if self.learning_rate is None else self.learning_rate
        recipe = own_data(
            data,
            task=self.task,
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=rate,
            augment=self.augment,
            head_rate=default_head_rate(adapted.bundle, task=self.task),
            dropout=default_dropout(adapted.bundle) if self.dropout is None else self.dropout,
            seed=self.seed,
        )
        account = (*adapted.account, told_of(recipe, data), told_of_held_out(held_out, data))
        model = finetune(
            adapted.bundle,
            recipe,
            self.to,
            data=data,
            held_out=held_out,
            task=self.task,
            settings=settings,
            command=command,
            account=account,
        )
        if is_main():
            write_report(self.to, account=account, found=None)
            self._tell(model, self._score(model, account, data=data, held_out=held_out))

    def _score(
        self,
        model: Path,
        account: tuple[str, ...],
        *,
        data: "DataSet",
        held_out: "DataSet | None",
    ) -> list[str]:
        """What the model scores, a line each; or why nobody knows, the model being there anyway."""
        from vilt_core.training.finetuning import blind_of
        from vilt_core.training.outcome import scores, summary, write_report

        if held_out is None:
            return summary(None)
        blind, device = blind_of(data), self.machine.device
        try:
            found = scores(model, task=self.task, on=held_out, device=device, blind=blind)
        except (OSError, ValueError) as error:
            return [f"Not scored: {error}"]
        write_report(self.to, account=account, found=found)
        return summary(found)

    def _tell(self, model: Path, scored: list[str]) -> None:
        print("", *scored, sep="\n")
        if self.task == "vqa":
            print(f"\n  python -m vilt_core answer PICTURE QUESTION --model {model}")
        else:
            print(f"\n  python -m vilt_core evaluate {model} --task {self.task} --on FILE")
        print(f"  VILT_LAB_MODEL={model} python app.py")
