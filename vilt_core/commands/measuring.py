"""Measure models from the shell: ``evaluate`` and ``bench``."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from tyro.conf import Positional

from vilt_core.commands.typed import source_of, to_file, typed_command, write_json

_DRAWN = (".png", ".svg", ".pdf")  # kinds of figures


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Score a model, beside what chance or the words alone would score."""

    model: Positional[str] = "vilt-mini"
    task: Literal[
        "vqa",
        "matching",
        "nlvr2",
        "retrieval",
        "alignment",
        "pointing",
        "places",
        "masks",
        "faithfulness",
        "referring",
        "reasons",
        "cost",
    ] = "vqa"
    on: str = "world:test"  # or world:style, world:composition, a .jsonl FILE, FOLDER or FOLDER:val
    limit: int | None = None  # examples at most, of data spread over all; of retrieval, pictures
    device: Literal["auto", "cpu", "cuda"] = "auto"
    # Of matrix products; half, of vqa, matching, nlvr2 and retrieval, changes scores a little.
    precision: Literal["float32", "bfloat16"] = "float32"
    batch_size: int = 64  # examples read at once; no score depends on it
    json: Path | None = None  # where to write what is printed
    vqa_rules: bool = False  # compare the answers of JSON lines as VQA v2 does: "two" is "2"
    submission: Path | None = None  # where to write the answers for the server of VQA
    # Where to write a line of JSON on every example, with what the model says; of vqa and nlvr2.
    predictions: Path | None = None
    report: Path | None = None  # score everything; write tables and a plot here, and the card
    fill: Path | None = None  # measure --task on all sets; write its table where this page has room
    study: Path | None = None  # compare ways to draw the alignment; write the table here

    def run(self) -> None:
        """Do it."""
        if self.task == "cost":
            self._tell_cost()
            return
        from vilt_core.evaluation import evaluate
        from vilt_core.evaluation.pages import publish_results, publish_study, publish_task
        from vilt_core.evaluation.report import limits_of
        from vilt_core.interop.folders import check_place
        from vilt_core.progress import progress_bar

        if self.json is not None:
            check_place(self.json)
        source = source_of(self.model)
        with progress_bar(unit="example", delay=1, leave=False) as bar:

            def show(*progress) -> None:
                *label, done, total = progress
                if done < bar.n or bar.total != total:
                    bar.reset(total)
                bar.set_description(" ".join(label), refresh=False)
                bar.update(done - bar.n)

            if self.report is not None:
                publish_results(
                    Path(source),
                    self.report,
                    limits=None if self.limit is None else limits_of(self.limit),
                    command=typed_command(),
                    progress=show,
                )
            if self.study is not None:
                publish_study(Path(source), self.study, command=typed_command(), progress=show)
            if self.fill is not None:
                publish_task(
                    source,
                    self.fill,
                    task=self.task,
                    limit=self.limit,
                    command=typed_command(),
                    progress=show,
                )
            if {self.report, self.study, self.fill} != {None}:
                return
            found = evaluate(
                source,
                task=self.task,
                **self._asked(),
                limit=self.limit,
                batch_size=self.batch_size,
                device=self.device,
                precision=self.precision,
                progress=show,
                submission=self.submission,
                predictions=self.predictions,
            )
        write_json(found, self.json)

    def _asked(self) -> dict[str, Any]:
        """The set, which --vqa-rules opens here to compare its answers otherwise."""
        from vilt_core.evaluation.sets import data_set_of, is_world
        from vilt_core.evaluation.text_only import beside

        if not self.vqa_rules:
            return {"on": self.on}
        if self.task != "vqa" or is_world(self.on):
            raise ValueError("--vqa-rules are for questions of your own: expected --on FILE")
        asked = replace(data_set_of(self.on, kind="questions"), vqa_rules=True)
        return {"on": asked, "blind": beside(self.on, kind="questions", vqa_rules=True)}

    def _tell_cost(self) -> None:
        """Of a model, or of a family such as "vilt" at its published size."""
        from vilt_core.evaluation.cost import cost_at_own_size, cost_json, cost_markdown
        from vilt_core.interop.opening import open_bundle
        from vilt_core.models import MODELS, build

        source = self.model
        model = build(source) if source in MODELS else open_bundle(source_of(source)).model
        cost = cost_at_own_size(model)
        print(cost_markdown(cost))
        if self.json is not None:
            to_file(cost_json(cost, name=self.model), self.json)


@dataclass(frozen=True, kw_only=True)
class Compare:
    """Ask every trained model the same, and draw what it answers against what it costs."""

    # Names or folders; otherwise all that ship and have learned the same tasks.
    models: Positional[tuple[str, ...]] = ()
    report: Path = Path("docs")  # for comparison.md, its plot and its numbers; others' are kept
    batch_size: int = 64  # examples read at once; no score depends on it

    def run(self) -> None:
        """Do it."""
        from vilt_core.bench.comparison import (
            compare_model,
            compared_models,
            read_comparison,
            timed_together,
        )
        from vilt_core.bench.comparison_page import write_comparison
        from vilt_core.progress import progress_bar

        known, command = read_comparison(self.report), "python -m vilt_core compare"
        folders: dict[str, Path] = {}
        with progress_bar(unit="example", delay=1, leave=False) as bar:

            def show(what: str, done: int, total: int) -> None:
                bar.set_description(what, refresh=False)
                bar.total = total
                bar.update(done - bar.n)

            for name in self.models or compared_models():
                folder = Path(source_of(name))
                one = compare_model(
                    folder, command=command, batch_size=self.batch_size, progress=show
                )
                known[one["model"]], folders[one["model"]] = one, folder
                write_comparison(known, self.report, command=command)
            known = timed_together(known, folders, progress=show)
        for path in write_comparison(known, self.report, command=command):
            print(path)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Race the lab against what people use today, and measure what is promised of its speed."""

    what: Positional[
        Literal["inference", "transport", "training", "scoring", "throughput", "families"]
    ]
    device: Literal["auto", "cpu", "cuda"] = "auto"
    seconds: float = 10.0  # for each case, beyond the rounds that are run anyway
    limit: int = 1000  # pictures, and texts, that are scored
    rehearsal: bool = False  # with a tiny model, to see that all of it runs
    json: Path | None = None  # where to write the numbers; benchmarks/published.py reads them
    figure: Path | None = None  # of families: the paper's figure 1, as .png, .svg or .pdf

    def run(self) -> None:
        """Do it."""
        if self.what == "families":
            self._measure_families()
            return
        if self.figure is not None:
            raise ValueError("only families are drawn: leave --figure out")
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
            to_file({"command": typed_command(), **found}, self.json)

    def _measure_families(self) -> None:
        """What the models of the paper's figure 2 cost: no race."""
        from vilt_core.bench import setting_of
        from vilt_core.bench.families import families_markdown, measure_families
        from vilt_core.interop.folders import check_place
        from vilt_core.progress import progress_bar

        for path in filter(None, (self.json, self.figure)):
            check_place(path)
        if self.figure is not None and self.figure.suffix not in _DRAWN:
            raise ValueError(f"figure must end in {', '.join(_DRAWN)}, got {self.figure}")
        setting = setting_of(self.device, rehearsal=self.rehearsal)
        with progress_bar(leave=False, unit="step") as bar:

            def show(what: str, done: int, total: int) -> None:
                bar.total = total
                bar.set_description(what, refresh=False)
                bar.update(done - bar.n)

            found = measure_families(setting, progress=show)
        print(families_markdown(found))
        if self.figure is not None:
            from vilt_core.bench.families_figure import save_figure

            save_figure(found, self.figure)
        if self.json is not None:
            to_file({"command": typed_command(), **found}, self.json)
