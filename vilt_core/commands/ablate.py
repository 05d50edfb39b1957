"""``ablate``: the paper's Table 5, in the sticker world."""

from dataclasses import dataclass, field
from pathlib import Path

from tyro.conf import OmitArgPrefixes, UseAppendAction

from vilt_core.commands.machine import Machine
from vilt_core.commands.typed import typed_command


@dataclass(frozen=True, kw_only=True)
class Ablate:
    """Repeat the ablation of the paper's Table 5 on stickers; stop and start it as you like."""

    to: Path = Path("runs/ablation")  # for the models; what is done there is not done again
    report: Path = Path("docs")  # for ablation.md, its plot and its numbers
    only: UseAppendAction[tuple[str, ...]] = ()  # arms by name; all of the table otherwise
    seeds: int = 3
    steps: int = 600  # of pre-training: the paper's 100K
    finetune_steps: int = 400  # on questions, and as many on statements
    backbone_steps: int = 2500  # once, for all arms and seeds: naming patches
    meeting_steps: int = 3000  # likewise: which patches a text speaks of
    batch_size: int = 64
    gallery: int = 200  # pictures of retrieval; another number measures again and trains nothing
    hard_negatives: float = 0.0  # of the false pairs of matching, as the paper
    machine: OmitArgPrefixes[Machine] = field(default_factory=Machine)

    def run(self) -> None:
        """Do it."""
        from vilt_core.evaluation.ablation_page import write_ablation
        from vilt_core.progress import progress_bar
        from vilt_core.training.ablation import Grid
        from vilt_core.training.ablation_run import chosen_arms, collect, run_grid
        from vilt_core.training.ending import ends_in_a_sentence

        grid = Grid(
            steps=self.steps,
            finetune_steps=self.finetune_steps,
            backbone_steps=self.backbone_steps,
            meeting_steps=self.meeting_steps,
            batch_size=self.batch_size,
            gallery=self.gallery,
            hard_negatives=self.hard_negatives,
        )
        arms, settings = chosen_arms(self.steps, self.only), self.machine.settings()
        with ends_in_a_sentence(self.to), progress_bar(unit="step") as bar:
            for at in run_grid(grid, self.to, arms=arms, seeds=self.seeds, settings=settings):
                if at.step == at.steps:
                    bar.write(f"seed {at.seed}, {at.piece}: {at.steps} steps")
                bar.set_description(f"seed {at.seed}, {at.piece}", refresh=False)
                bar.total = at.steps
                bar.update(at.step - bar.n)
        found = collect(grid, self.to, settings=settings)
        for path in write_ablation(found, self.report, command=typed_command()):
            print(path)
